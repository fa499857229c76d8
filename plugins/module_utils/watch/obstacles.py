# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies where a measure has a file or a folder, and is none: an apply leaves that to a person, the watch does not.

It is moved to what is kept as evidence, with its name and never what it leads to. A file that was made immutable, or
that can only be added to (chattr(1)), is made an ordinary one again, so that it can be replaced.
"""

from __future__ import annotations

import contextlib
import os
import stat

from ..records import store
from ..state import paths
from ..state.errors import StateError


def clear(state, aside):
    """Take it away.

    :param str aside: the folder to which it is moved.
    :return: sentences on what was done.
    """
    done = []
    for entry in state["folders"]:
        # A link of root's to a folder is a site's own choice of where it keeps it.
        if os.path.lexists(entry["path"]) and not os.path.isdir(entry["path"]):
            done.append(_set_aside(entry["path"], aside))
    for entry in state["files"]:
        path = entry["path"]
        if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
            done.append(_set_aside(path, aside))
        for one in (path, os.path.dirname(path)):
            if _loosened(one):
                done.append("took its attributes (chattr) from %s" % one)
    return done


def _set_aside(path, aside):
    """:raises StateError: it can't be moved."""
    kind = os.lstat(path).st_mode
    if stat.S_ISREG(kind) or stat.S_ISDIR(kind) or stat.S_ISLNK(kind):
        return "set %s aside, to %s" % (path, paths.set_aside(path, aside))
    # A pipe or a device has no content to keep, and to copy one to another file system may have no end.
    with paths.saying(path, "removed"):
        os.unlink(path)
    return "removed %s, which was no file (mode %o)" % (path, kind)


def _loosened(path):
    with contextlib.suppress(OSError, StateError):
        if store.flags(path):
            store.set_flags(path, 0)
            return True
    return False
