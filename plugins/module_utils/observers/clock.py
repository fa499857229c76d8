# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: the clock, as chronyd sees it."""

from __future__ import annotations

import csv

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


def _rows(*words):
    return list(csv.reader(command(["chronyc", "-c", "-n", *words]).splitlines()))


def _clock():
    # The columns are those of chronyc(1), report tracking and report sources.
    tracking = _rows("tracking")[0]
    sources = [
        {
            "address": row[2],
            "mode": _MODES.get(row[0], row[0]),
            "state": _STATES.get(row[1], row[1]),
            "stratum": int(row[3]),
        }
        for row in _rows("sources")
    ]
    leap = tracking[13]
    return {
        "synchronised": leap != "Not synchronised" and int(tracking[2]) > 0,
        "source": tracking[1] or tracking[0],
        "stratum": int(tracking[2]),
        "offset_seconds": abs(float(tracking[4])),
        "uncertainty_seconds": abs(float(tracking[4])) + float(tracking[11]) + float(tracking[10]) / 2,
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
