# SPDX-License-Identifier: GPL-3.0-or-later
"""Who was at work just before something changed, as far as sudo and the kernel's audit tell; neither must know."""

from __future__ import annotations

import re

from .. import stops

_SECONDS = 60
_SUDO = re.compile(r" *(?P<account>\S+) : .*?COMMAND=(?P<command>.*)", re.DOTALL)
_ANSIBLE = "BECOME-SUCCESS-"
_MOST, _LONGEST = 2, 100


def around(now):
    """In words.

    :param float now: seconds since 1970.
    """
    try:
        told = stops.told_by_askers(now - _SECONDS, now + 1)
    except (OSError, ValueError, stops.processes.subprocess.SubprocessError):
        told = []
    return words(told)


def words(told):
    """:param told: pairs of program and message, in their order."""
    commands = [_SUDO.fullmatch(text) for program, text in told if program == "sudo"]
    found = ["%s (sudo: %s)" % (one["account"], _one_line(one["command"])) for one in commands if one]
    found = list(dict.fromkeys(found))[-_MOST:]
    found += [one for one in stops.accounts(told) if one.endswith("(audit)")]
    return "at work before: %s" % "; ".join(found) if found else "neither sudo nor audit know who asked for it"


def _one_line(text):
    if _ANSIBLE in text:
        return "Ansible"
    text = "".join(one if one.isprintable() else " " for one in text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
