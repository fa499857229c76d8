# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: the watch over the measures, by what it says of itself, and by what is laid down here."""

from __future__ import annotations

import time

from ..state import manifest
from ..watch import status

_NOTHING = {"age_seconds": -1, "measures": 0, "folders": 0, "units": 0, "unwatched": [], "standing": []}


def see_watch():
    """What it watches, beside the manifests that are here now."""
    said, there = status.read(), manifest.roles()
    if said is None:
        return dict(_NOTHING, unseen=there)
    return {
        "age_seconds": round(time.time() - said["at"]),
        "measures": len(said["roles"]),
        "unseen": sorted({*there} ^ {*said["roles"]}),
        "folders": said["folders"],
        "units": said["units"],
        "unwatched": said["unwatched"],
        "standing": [about for _key, _text, about in said["alarms"]],
    }
