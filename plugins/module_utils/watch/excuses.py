# SPDX-License-Identifier: GPL-3.0-or-later
"""Why something may stand still or differ at this moment without an alarm: an apply, dpkg, a boot, announced work.

Each but what was announced is short, so each has an end: who pretends one for longer is no longer believed.
"""

from __future__ import annotations

import fcntl
import os
import struct
from typing import NamedTuple

from .. import maintenance, processes
from ..state import applying

DPKG_LOCK = "/var/lib/dpkg/lock-frontend"
LONGEST_SECONDS = 1800
"""So long one may last that was not announced."""
_FLOCK = struct.Struct("hhqqi4x")  # struct flock, 64-bit (fcntl(2))


class Excuse(NamedTuple):
    """C(kind): one of apply, dpkg, boot, announced. C(words): for the record. C(until): seconds since 1970, or None."""

    kind: str
    words: str
    until: float | None = None


def current(now, alone=False):
    """The one that counts now, or None.

    :param float now: seconds since 1970.
    :param bool alone: this process keeps those who apply waiting.
    """
    work = maintenance.current(now)
    if work is not None:
        return Excuse("announced", maintenance.in_words(work), work.until)
    if applying.under_way(now, alone):
        return Excuse("apply", "a measure is being applied")
    if is_locked(DPKG_LOCK):
        return Excuse("dpkg", "packages are being changed")
    word = _system()
    if word in ("starting", "initializing", "stopping"):
        return Excuse("boot", "the machine is %s" % word)
    return None


def is_locked(path):
    """Whether a process holds a lock on a file, as dpkg does; the lock is not touched."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        return _FLOCK.unpack(fcntl.fcntl(handle, fcntl.F_GETLK, asked))[0] != fcntl.F_UNLCK
    except OSError:
        return False
    finally:
        os.close(handle)


def _system():
    try:
        return processes.run(["systemctl", "is-system-running"]).stdout.decode("ascii", "replace").strip()
    except (OSError, processes.subprocess.SubprocessError):
        return ""
