# SPDX-License-Identifier: GPL-3.0-or-later
"""Which programs were touched since dpkg last found all of them whole: so it need not read them every few minutes.

The kernel changes a file's C(st_ctime) with each change of content, owner, mode or name (inode(7)), and no call sets it
to a chosen time. Who is root can set the clock: so after a day dpkg reads all of them whatever they look like.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from typing import NamedTuple

from ..state import paths
from ..state.errors import StateError

FILE = "/var/lib/order82/programs.json"
DPKG = "/var/lib/dpkg/info"
DAY = 86400
_LISTS = (".list", ".md5sums")
"""What dpkg goes by: who takes a program out of these must be seen, too."""


class Look(NamedTuple):
    """How the programs of some packages are: one number for all; C(at): seconds since 1970."""

    packages: list
    fingerprint: str
    at: float


def look(packages, folders):
    """Look at all of them, and open none.

    :param list packages: names.
    :param tuple folders: the beginnings of paths of programs.
    """
    sum_, wanted = hashlib.sha256(), set(packages)
    for name in sorted(os.listdir(DPKG)):
        base, end = os.path.splitext(name)
        if end in _LISTS and base.partition(":")[0] in wanted:
            path = os.path.join(DPKG, name)
            for one in (path, *(_programs(path, folders) if end == ".list" else ())):
                sum_.update(("%s\0%s\0" % (one, _about(one))).encode("utf-8", "surrogateescape"))
    return Look(list(packages), sum_.hexdigest(), time.time())


def _programs(path, folders):
    """What a package brought, by dpkg's list of it."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return [line.rstrip("\n") for line in file if line.startswith(folders)]


def _about(path):
    try:
        found = os.lstat(path)
    except OSError as error:
        return (error.errno,)
    return (found.st_mode, found.st_uid, found.st_gid, found.st_ino, found.st_size, found.st_ctime_ns)


def is_known(now):
    """Whether dpkg found just these whole within the last day."""
    try:
        with paths.parent(FILE) as (descriptor, name):
            found = paths.read(descriptor, name, FILE)
        known = Look(**json.loads(found[0])) if found and not found[1].st_uid else None
        return bool(known) and known[:2] == now[:2] and 0 <= now.at - known.at < DAY
    except (StateError, OSError, ValueError, TypeError, RecursionError):
        return False


def remember(now):
    """dpkg found them whole, and none was touched meanwhile."""
    with contextlib.suppress(StateError):  # then dpkg reads them again the next time
        paths.write(FILE, json.dumps(now._asdict()).encode())
