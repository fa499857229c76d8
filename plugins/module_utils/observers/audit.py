# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: the kernel's audit (auditctl(8)), by what is in force and by a word that must come back."""

from __future__ import annotations

from .. import audit
from ._registry import Argument, Observer, command


def _in_force(rules, folders):
    seen = audit.status(command(["auditctl", "-s"]))
    loaded = audit.rules(command(["auditctl", "-l"]))
    with open(rules, encoding="utf-8") as file:
        wanted = audit.rules(file.read())
    return {
        "enabled": seen["enabled"] in (1, 2),
        "immutable": seen["enabled"] == 2,
        "heard": seen["pid"] != 0,
        "lost": seen["lost"],
        "missing": [line for form, line in wanted.items() if form not in loaded],
        "unwatched": sorted(set(folders) - audit.watched(loaded)),
    }


def _record():
    return {"arrives": audit.reaches_the_journal()}


OBSERVERS = {
    "audit": Observer(
        look=_in_force,
        text="the kernel's audit and its rules (auditctl -s, auditctl -l)",
        arguments={
            "rules": Argument(str, "the file of rules that must be loaded", required=True),
            "folders": Argument(list, "folders that some rule must be about", required=True),
        },
        facts={
            "enabled": "bool: the kernel audits",
            "immutable": "bool: its rules can't be changed until the next boot",
            "heard": "bool: auditd takes what it tells",
            "lost": "int: messages lost since the boot",
            "missing": "list: rules of the file that the kernel does not have",
            "unwatched": "list: folders that no rule is about",
        },
    ),
    "audit_record": Observer(
        look=_record,
        text="whether a word sent to the kernel's audit (auditctl -m) comes into the journal",
        arguments={},
        facts={"arrives": "bool: it came within seconds"},
    ),
}
