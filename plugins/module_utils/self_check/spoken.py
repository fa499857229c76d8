# SPDX-License-Identifier: GPL-3.0-or-later
"""The record that each self-check leaves: how it is written, and how a host or a collector reads it again."""

from __future__ import annotations

import re

UNIT = "order82-check.service"
"""Only what this unit's processes wrote as root is such a record: journald vouches for both."""
BEGINS = "self-check: "
_DIGITS = 16
_WORDS = re.compile(
    re.escape(BEGINS) + r"(?P<passed>\d+) passed, (?P<wrong>\d+) not passed.*; checks (?P<checks>[0-9a-f]+)"
)


def of_checks(digest):
    """How a record ends, by which one sees which checks were asked for."""
    return "; checks " + digest[:_DIGITS]


def read(text):
    """What a record says.

    :return: tuple of how many passed, how many did not, and the beginning of the digest of the checks; None where the
        text is none.
    """
    found = _WORDS.fullmatch(text)
    return (int(found["passed"]), int(found["wrong"]), found["checks"]) if found else None
