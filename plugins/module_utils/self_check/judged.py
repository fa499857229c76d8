# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at this host and judge, once: by the observers and the comparisons of an inspection."""

from __future__ import annotations

import time
from typing import NamedTuple

from .. import judging
from ..looking import look
from . import left

PASS, FAIL, NOT_RUN, WAIVED = "pass", "fail", "not_run", "waived"
_MOST = 400
"""So many characters of a difference: who wants all of it asks an inspection."""


class Judged(NamedTuple):
    """A check and its outcome, one of those of an inspection: C(not_run) where nothing of it can be known yet."""

    id: str
    severity: str
    outcome: str
    text: str

    @property
    def is_wrong(self):
        """Whether it is neither passed nor accepted, nor too early to be known."""
        return self.outcome not in (PASS, NOT_RUN, WAIVED)


def judge(entries):
    """Look for all of them side by side.

    :param list entries: left.Entry.
    :return: list of Judged, in their order.
    """
    asked = [{"id": one.id, "observe": one.observe} for one in entries if one.observe is not None]
    seen, waived = {one["check"]: one for one in look(asked)}, left.waived()
    return [
        _judged(one, seen.get(one.id), waived.get(one.id, ""))
        for one in entries
        if one.observe is not None or one.problem
    ]


def _judged(entry, seen, waived_until):
    if entry.problem:
        return Judged(entry.id, entry.severity, "error", _short("a value of it could not be had: " + entry.problem))
    if seen["error"] is not None:
        return Judged(entry.id, entry.severity, "error", _short("it could not be looked at: " + seen["error"]))
    try:
        outcome, said = judging.compared(seen["observed"], judging.expectations(entry.expect))
    except KeyError as error:
        return Judged(entry.id, entry.severity, "error", "there is no comparison %s" % error)
    # Accepted is a known failure alone; days in this form are in the order of their texts.
    if outcome == FAIL and time.strftime("%Y-%m-%d", time.gmtime()) <= waived_until:
        outcome = WAIVED
    return Judged(entry.id, entry.severity, outcome, _short(said["en"] if said else ""))


def _short(text):
    """One line that no terminal and no reader of records obeys."""
    text = "".join(one if one.isprintable() else " " for one in text)
    return text if len(text) <= _MOST else text[: _MOST - 3] + "..."
