# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: when recorders stood still, and whether somebody had said so before."""

from __future__ import annotations

import time

from .. import stops as recorder_stops

_SHOWN = 20


def see_stops(units, days, longer_seconds, explained):
    now = time.time()
    found = recorder_stops.look(units, now - 86400 * days, longer_seconds, now, explained)
    unannounced = [text for text, announced in found if not announced]
    return {
        "stops": [text for text, _announced in found][-_SHOWN:],
        "unannounced": unannounced[-_SHOWN:],
        "unannounced_count": len(unannounced),
    }
