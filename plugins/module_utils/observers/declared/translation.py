# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers of address translation: the rules in force, the records and their index."""

from __future__ import annotations

from .._registry import Argument, Observer, later

OBSERVERS = {
    "translation_destinations": Observer(
        look=later("translation", "see_destinations"),
        text="whether a gateway records where translations went, by its settings and by what it wrote last",
        arguments={
            "basis": Argument(str, "on what basis it may; empty: it may not", ""),
            "settings": Argument(str, "what the recorder is told", "/etc/order82/nat.json"),
        },
        facts={
            "basis": "str: what was declared",
            "recorded": "int: of the translations in the last 20 texts those that say where they went",
            "undeclared": "list: sentences on destinations that are recorded without a basis",
        },
    ),
    "translation": Observer(
        look=later("translation", "see_translation"),
        text="the plan of address translation in the kernel, and the translations that go on now",
        arguments={
            "plan": Argument(str, "the plan's id", required=True),
            "table": Argument(str, "the table of nftables", required=True),
            "plan_file": Argument(str, "the plan's entries, one a line", "/etc/order82/nat_plan"),
            "rules_file": Argument(str, "the rules as nftables loads them", "/etc/order82/nat.nft"),
        },
        facts={
            "in_force": "str: the id of the plan that the kernel has, empty if none",
            "differences": "list: where the rules in the kernel differ from the plan, at most 20",
            "strangers": "list: what else translates: ports, where to, kind, table and chain, at most 20",
            "misplaced": "list: translations that go on now outside of their owner's ports, at most 20",
        },
        only_inspection="it reads every translation that goes on; the recorder says each minute whose plan it is",
    ),
    "translation_records": Observer(
        look=later("translation", "see_translation_records"),
        text="what the recorder of translations said last of itself",
        arguments={},
        facts={
            "beat_seconds": "int: how long ago it said so, -1 if never",
            "plan": "str: the plan's id that the kernel had then",
            "lost": "int: translations that ended unseen since the recorder began",
            "unaccounted": "int: translations that began and neither go on nor ended; those that ended in the last "
            "minutes are among them",
            "faults": "list: sentences on settings of the kernel that make the recorder deaf",
        },
    ),
    "nat_index": Observer(
        look=later("translation_index", "nat_index"),
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
        only_inspection="it looks somebody up; the index is built every few minutes",
    ),
    "nat_history": Observer(
        look=later("translation_index", "nat_history"),
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
        only_inspection="it looks through the records of the whole retention",
    ),
    "nat_published": Observer(
        look=later("translation_index", "nat_published"),
        text="what an object store has of the index of NAT records on this collector",
        arguments={"index": Argument(str, "the index's folder; by default the collector's own")},
        facts={
            "said": "str: why the object store can't be read; empty where it can",
            "behind_seconds": "int: by how much its newest day was built earlier than here, -1 if it can't be read",
            "missing_days": "list: days that were built half an hour ago or earlier, and are not there",
            "missing_files": "list: files that a catalogue there names, and that are not there",
        },
        seconds=60,
        only_inspection="it asks the object store for all that it has",
    ),
}
