# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: the index of NAT records, and whether it gives the right answer."""

from __future__ import annotations

from ._registry import Argument, Observer, later

OBSERVERS = {
    "nat_index": Observer(
        look=later("_translation_index", "nat_index"),
        text="the index of NAT records on a collector, and its answer to a question whose answer is known",
        arguments={"index": Argument(str, "the index's folder; by default the collector's own")},
        facts={
            "missing_days": "list: days that have records and no index",
            "built_seconds": "int: how long ago a part was built last, -1 if never",
            "damaged_lines": "int: lines of gateways that the index could not use; what others wrote is none of them",
            "asked": "str: an owner of a port by the newest plan, as a question; empty where no plan has blocks",
            "right": "bool: the answer named the owner",
        },
        seconds=60,
    ),
    "nat_history": Observer(
        look=later("_translation_index", "nat_history"),
        text="how much of the retention the records of gateways are missing, and whether what they recorded is found",
        arguments={
            "index": Argument(str, "the index's folder; by default the collector's own"),
            "explained": Argument(list, "gaps that people have explained: gateway, since, until, reason", []),
        },
        facts={
            "gap_seconds": "int: for how long records are missing, and nobody has explained it",
            "gaps": "list: these times, with their gateway and what was seen of them; at most 20",
            "explained": "list: times that are missing and explained, with the reason; at most 20",
            "restart_seconds": "int: how long recorders were away that were restarted in order",
            "asked": "list: pools in mode sessions of which a recorded translation was asked for",
            "unanswered": "list: those of them whose answer did not name who had it",
        },
        seconds=120,
    ),
    "nat_published": Observer(
        look=later("_translation_index", "nat_published"),
        text="what an object store has of the index of NAT records on this collector",
        arguments={"index": Argument(str, "the index's folder; by default the collector's own")},
        facts={
            "said": "str: why the object store can't be read; empty where it can",
            "behind_seconds": "int: by how much its newest day was built earlier than here, -1 if it can't be read",
            "missing_days": "list: days that were built half an hour ago or earlier, and are not there",
            "missing_files": "list: files that a catalogue there names, and that are not there",
        },
        seconds=60,
    ),
}
