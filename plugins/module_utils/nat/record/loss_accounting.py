# SPDX-License-Identifier: GPL-3.0-or-later
"""What began, what ended and what is held: whether any translation ended unseen between two runs."""

from __future__ import annotations

import json
import os
from typing import NamedTuple


class Growth:
    """How much the counter of translations grew. It starts from 0 again when a plan is loaded."""

    def __init__(self):
        self.total = 0
        self.plan = None
        self.packets = None

    def see(self, plan, packets):
        """:return: int: how much it grew since the last time."""
        grown = 0 if self.packets is None else _grown(self.plan, self.packets, plan, packets)
        self.total += grown
        self.plan, self.packets = plan, packets
        return grown


def _grown(plan_before, packets_before, plan, packets):
    if plan == plan_before and packets >= packets_before:
        return packets - packets_before
    return packets


class Balance(NamedTuple):
    """What the kernel held at one look, to be compared with the next run's first look.

    C(held) are connections in the kernel, those that ran out but were not collected included; C(slack) is how wrong
    that may be, since translations began during the look, or others ran out beside ours; C(ended) is how many were
    recorded as ended until the look began, and C(ended_now) until the balance was last written.
    """

    plan: str
    packets: int
    slack: int
    held: int
    ended: int
    ended_now: int


def lost_between(before, after):
    """How many translations ended unseen between two runs, at the least.

    What was held, and what began since, is held now, or was recorded as ended by either run, or is lost.

    :param Balance before: as the run before left it.
    :param Balance after: of the first look of this run.
    """
    grown = _grown(before.plan, before.packets, after.plan, after.packets)
    missing = before.held + grown - (before.ended_now - before.ended) - after.ended - after.held
    return max(0, missing - before.slack - after.slack)


class State:
    """The file in which a run leaves its balance to the next one; a restart of the machine empties its folder."""

    def __init__(self, path):
        self._path = path
        self._file = None

    def load(self):
        """:return: Balance; None if there is none that can be read."""
        try:
            with open(self._path, encoding="ascii") as file:
                return Balance(**json.load(file))
        except (OSError, TypeError, ValueError):
            return None

    def save(self, balance):
        """Write it in place, so that it can be done with every text."""
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        text = json.dumps(balance._asdict()).ljust(200) + "\n"
        os.pwrite(self._file, text.encode("ascii"), 0)
