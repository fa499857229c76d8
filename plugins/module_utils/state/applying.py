# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether somebody lays measures down on this host at this moment: what differs meanwhile is no alarm yet.

A call of the controller holds a lock while it works, which goes with the process, however that ends. Between the calls
of one run nobody is there: so long after one that changed something it still counts. The file is in a folder of root's,
and root could pretend an apply for ever; so who asks says of it what he sees, and only does not yet call it an alarm.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

FILE = "/run/order82/applying"
SECONDS = 120
"""So long after a call that changed something the next one may come, with what Ansible does in between."""


@contextlib.contextmanager
def held():
    """Hold the lock while something is laid down; gives a function to call when something was changed."""
    os.makedirs(os.path.dirname(FILE), 0o755, exist_ok=True)
    handle = os.open(FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if not os.fstat(handle).st_size:
            os.write(handle, b"order82\n")
            os.utime(handle, (0, 0))
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield lambda: os.utime(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def alone():
    """Put something right while nobody lays anything down: who comes meanwhile waits for the end of it.

    :raises BlockingIOError: somebody is at it.
    """
    os.makedirs(os.path.dirname(FILE), 0o755, exist_ok=True)
    handle = os.open(FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if not os.fstat(handle).st_size:
            os.write(handle, b"order82\n")
            os.utime(handle, (0, 0))
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def under_way(now=None, ours=False):
    """Whether somebody does so, or did within the last two minutes.

    :param float now: seconds since 1970.
    :param bool ours: this process has it L(alone), so that nobody does so at this moment.
    """
    now = time.time() if now is None else now
    try:
        handle = os.open(FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        found = os.fstat(handle)
        if found.st_uid:
            return False
        if 0 <= now - found.st_mtime < SECONDS:
            return True
        if not ours:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
