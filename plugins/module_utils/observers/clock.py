# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: the clock, as chronyd sees it."""

from __future__ import annotations

import csv

from .. import chrony
from ._registry import command

_MODES = {"^": "server", "=": "peer", "#": "reference clock"}
_STATES = {
    "*": "selected",
    "+": "combined",
    "-": "not combined",
    "?": "unreachable",
    "x": "false ticker",
    "~": "too variable",
}


def see_clock():
    tracking = chrony.tracking(command(list(chrony.TRACKING)))
    # The columns are those of chronyc(1), report sources.
    sources = [
        {
            "address": row[2],
            "mode": _MODES.get(row[0], row[0]),
            "state": _STATES.get(row[1], row[1]),
            "stratum": int(row[3]),
        }
        for row in csv.reader(command(["chronyc", "-c", "-n", "sources"]).splitlines())
    ]
    return {
        "synchronised": tracking.synchronised,
        "source": tracking.source,
        "stratum": tracking.stratum,
        "offset_seconds": tracking.offset,
        "uncertainty_seconds": tracking.uncertainty,
        "sources": sources,
        "configured_sources": len(sources),
        "reachable_sources": sum(1 for source in sources if source["state"] != "unreachable"),
    }
