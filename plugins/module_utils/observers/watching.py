# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: the watch over the measures, by what it says of itself, and by what is laid down here."""

from __future__ import annotations

import hashlib
import time

from ..state import manifest, paths
from ..state.errors import StateError
from ..watch import status


def see_watch():
    """What it watches, beside the manifests that are here now."""
    said = status.read()
    there = {role: _digest(role) for role in manifest.roles()}
    if said is None:
        return {
            "age_seconds": -1,
            "measures": 0,
            "unseen": sorted(there),
            "folders": 0,
            "units": 0,
            "unwatched": [],
            "standing": [],
        }
    return {
        "age_seconds": round(time.time() - said["at"]),
        "measures": len(said["roles"]),
        "unseen": sorted(
            role for role in {*there, *said["roles"]} if role not in said["roles"] or _is_another(role, said, there)
        ),
        "folders": said["folders"],
        "units": said["units"],
        "unwatched": said["unwatched"],
        "standing": [about for _key, _text, about in said["alarms"]],
    }


def _is_another(role, said, there):
    """Whether it goes by another manifest than the one that lies here; it writes down each minute by which."""
    return said["manifests"].get(role) != there.get(role)


def _digest(role):
    path = manifest.place(role)
    try:
        with paths.parent(path) as (descriptor, name):
            found = paths.read(descriptor, name, path)
    except (StateError, OSError):
        return ""
    return hashlib.sha256(found[0]).hexdigest() if found else ""
