# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: when recorders stood still, and whether somebody had said so before."""

from __future__ import annotations

import time

from .. import stops as recorder_stops
from ._registry import Argument, Observer

_SHOWN = 20


def _stops(units, days, longer_seconds, explained):
    now = time.time()
    found = recorder_stops.look(units, now - 86400 * days, longer_seconds, now, explained)
    unannounced = [text for text, announced in found if not announced]
    return {
        "stops": [text for text, _announced in found][-_SHOWN:],
        "unannounced": unannounced[-_SHOWN:],
        "unannounced_count": len(unannounced),
    }


OBSERVERS = {
    "stops": Observer(
        look=_stops,
        text="when units of this host stood still, by what systemd told the journal, and who had announced it",
        arguments={
            "units": Argument(list, "the units", required=True),
            "days": Argument(int, "how far back", 31),
            "longer_seconds": Argument(int, "shorter ones are restarts", 60),
            "explained": Argument(list, "stops that people have explained: unit, since, until, reason", []),
        },
        facts={
            "stops": "list: the newest, 20 at most: unit, times, by whom and why as far as it is known",
            "unannounced": "list: those of them that nobody announced before or explained later, 20 at most",
            "unannounced_count": "int: how many there are",
        },
        seconds=60,
    ),
}
