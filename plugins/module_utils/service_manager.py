# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service and systemd tell each other: that it is ready, and which sockets outlive it.

See sd_notify(3) and sd_listen_fds(3). Where no systemd started the program, nothing is told and nothing was kept.
"""

from __future__ import annotations

import os
import socket

_FIRST_KEPT = 3  # SD_LISTEN_FDS_START


def ready():
    """Say that the service is there, to who waits for its start (C(Type=notify))."""
    _tell("READY=1")


def alive():
    """Say that it still works (C(WatchdogSec))."""
    _tell("WATCHDOG=1")


def keep(name, descriptor):
    """Give a descriptor into systemd's keeping, where the service's next start finds it (C(FileDescriptorStoreMax))."""
    _tell("FDSTORE=1\nFDNAME=%s" % name, descriptor)


def kept(name):
    """:return: int: the descriptor that was given into systemd's keeping under this name; None if there is none."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    if name not in names:
        return None
    descriptor = _FIRST_KEPT + names.index(name)
    os.set_inheritable(descriptor, False)
    return descriptor


def _tell(text, *descriptors):
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
        told.connect("\0" + path[1:] if path.startswith("@") else path)
        socket.send_fds(told, [text.encode()], descriptors)
