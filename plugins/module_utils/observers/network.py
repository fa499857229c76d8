# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: the last record of the network's state, beside what there is."""

from __future__ import annotations

import json
import os
import time

from ..network.recorder import RECORD
from ..network.sample import INTERFACES
from ..records import sources
from ._registry import command


def see_record(peers):
    # journalctl ends with 1 where nothing matches.
    argv = ["journalctl", "-q", "--no-pager", "-o", "json", "-t", RECORD, "-g", "^sample ", "-n", "1"]
    argv += sources.journal_matches(RECORD)
    said = command(argv, ok=(0, 1)).strip()
    entry = json.loads(said) if said else {}
    sample = json.loads(entry["MESSAGE"].partition(" ")[2]) if entry else {"interfaces": {}, "peers": {}}
    there = [name for name in os.listdir(INTERFACES) if name != "lo" and os.path.isdir(os.path.join(INTERFACES, name))]
    at = int(entry["__REALTIME_TIMESTAMP"]) / 1e6 if entry else None
    return {
        "age_seconds": round(time.time() - at) if at else -1,
        "interfaces": sorted(sample["interfaces"]),
        "missing": sorted(set(there) - set(sample["interfaces"])) + sorted(set(peers) - set(sample["peers"])),
    }
