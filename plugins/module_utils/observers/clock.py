# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: the clock, as chronyd sees it."""

from __future__ import annotations

import csv

from .. import chrony
from ._registry import Observer, command

_MODES = {"^": "server", "=": "peer", "#": "reference clock"}
_STATES = {
    "*": "selected",
    "+": "combined",
    "-": "not combined",
    "?": "unreachable",
    "x": "false ticker",
    "~": "too variable",
}


def _clock():
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


OBSERVERS = {
    "clock": Observer(
        look=_clock,
        text="the clock's offset and sources (chronyc tracking, chronyc sources)",
        arguments={},
        facts={
            "synchronised": "bool: chronyd trusts a source now",
            "source": "str: the address it follows",
            "stratum": "int: its distance from a reference clock; 0 is none",
            "offset_seconds": "float: how far the clock is from it, without sign",
            "uncertainty_seconds": "float: the most by which the clock can be wrong (offset + dispersion + delay / 2)",
            "sources": "list: address, mode, state, stratum of each source",
            "configured_sources": "int: how many sources chronyd was told of",
            "reachable_sources": "int: how many of them answer",
        },
    ),
}
