# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: the kernel's audit (auditctl(8)), by what is in force and by a word that must come back."""

from __future__ import annotations

from .. import audit
from ._registry import command


def see_in_force(rules, folders):
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


def see_record():
    return {"arrives": audit.reaches_the_journal()}
