# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watch says of itself, for who checks it: a file of root's, written anew every minute."""

from __future__ import annotations

import json

from ..state import paths
from ..state.errors import StateError

FILE = "/var/lib/order82/watch.json"
SECONDS = 60
"""So often it is written anew."""
ITSELF = ("measure_watch", "order82-watch.service")
"""The key of the alarm that the watch itself does not run; it is over when it looks again."""
KEYS = {
    "at": (int, float),
    "boot": str,
    "since": (int, float),
    "roles": list,
    "folders": int,
    "units": int,
    "unwatched": list,
    "alarms": list,
    "ended": bool,
    "manifests": dict,
}


def boot():
    """The kernel's number of this boot."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def write(said):
    """Write it, in one step."""
    paths.write(FILE, json.dumps(said, sort_keys=True).encode("utf-8", "backslashreplace"), 0o644)


def read():
    """What the watch said last, or None where it never did, or another than root wrote it."""
    try:
        with paths.parent(FILE) as (descriptor, name):
            found = paths.read(descriptor, name, FILE, 1 << 20)
        if found is None or found[1].st_uid:
            return None
        said = json.loads(found[0])
    except (StateError, OSError, ValueError):
        return None
    if not isinstance(said, dict) or any(not isinstance(said.get(key), kind) for key, kind in KEYS.items()):
        return None
    return said if all(_is_alarm(one) for one in said["alarms"]) else None


def _is_alarm(one):
    """Key, text and what it is about."""
    return (
        isinstance(one, list)
        and len(one) == 3
        and isinstance(one[0], list)
        and all(isinstance(text, str) for text in [*one[0], *one[1:]])
    )
