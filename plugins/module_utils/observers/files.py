# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: one file or folder, with the attributes that chattr(1) sets."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import time

from ..records import store

_KINDS = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "directory"), (stat.S_ISLNK, "link"))


def attributes(path):
    """Which of the attributes a (append-only) and i (immutable) a file or folder has, such as 'a'."""
    bits = store.flags(path)
    return "".join(letter for letter, bit in (("a", store.APPEND_ONLY), ("i", store.IMMUTABLE)) if bits & bit)


def name_of(lookup, number):
    """The name of a user or group id, or the number as text where it has none."""
    try:
        return lookup(number)[0]
    except KeyError:
        return str(number)


def see_file(path):
    facts = {
        "exists": False,
        "kind": "none",
        "mode": "",
        "owner": "",
        "group": "",
        "attributes": "",
        "bytes": 0,
        "age_seconds": 0,
    }
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return facts
    kind = next((name for test, name in _KINDS if test(found.st_mode)), "special")
    return {
        "exists": True,
        "kind": kind,
        "mode": "%04o" % stat.S_IMODE(found.st_mode),
        "owner": name_of(pwd.getpwuid, found.st_uid),
        "group": name_of(grp.getgrgid, found.st_gid),
        "attributes": attributes(path) if kind in ("file", "directory") else "",
        "bytes": found.st_size,
        "age_seconds": int(time.time() - found.st_mtime),
    }
