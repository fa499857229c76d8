# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie: in this checkout, and on this machine.

What belongs to one checkout is in its `.cache`. What every checkout on the machine shares (images, package mirrors,
the state of running labs) is in the user's cache folder, so that a fresh clone starts warm.
"""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
LOCAL_CACHE = CHECKOUT / ".cache"
COLLECTIONS = LOCAL_CACHE / "collections"
LAB_INVENTORY = CHECKOUT / "inventories" / "lab"
REPORT = CHECKOUT / "reports" / "latest" / "index.html"

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "order82-baseline"
IMAGES = CACHE / "images"
MIRRORS = CACHE / "mirror"
DEBS = CACHE / "debs"
STATES = CACHE / "state"
RUN = Path("/run/order82-baseline")
"""Rooted in /run since what lies there (a mount, sockets) can't outlive a boot, and sockets need a short path."""


def ansible_environment() -> dict[str, str]:
    """The environment of Ansible's programs: this checkout's settings, from wherever they are called."""
    return os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")}


def state_of(lab: str) -> Path:
    """The folder with what belongs to one lab while it exists: its key, the process ids of its hosts, its lock."""
    return STATES / lab
