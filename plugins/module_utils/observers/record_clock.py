# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: whether a collector's clock can be right, by which days are sealed and purged."""

from __future__ import annotations

import time

from ..records import timekeeping
from ._store import the_settings


def see_clock():
    return clock(the_settings(), time.time())


def clock(settings, now):
    """Look as the housekeeping does, and remember nothing.

    :param float now: seconds since 1970.
    """
    found = timekeeping.Timekeeping(settings, now, timekeeping.remembered())
    words = found.words()
    return {
        "doubt": found.against_sealing(),
        "confirmed_by": [word.who for word in words if word.right],
        "confirmations": sum(1 for word in words if word.right),
        "contradicted_by": ["%s %s" % (word.who, word.what) for word in words if word.right is False],
    }
