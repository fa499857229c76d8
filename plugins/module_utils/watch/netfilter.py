# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel tells when rules of its packet filter are added or taken away, whoever does it (nftables, netlink(7))."""

from __future__ import annotations

import socket
import struct

from ..nat.record.netlink import NETFILTER

_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP = 270, 1, 7  # NFNLGRP_NFTABLES, linux/netfilter/nfnetlink.h
_SUBSYSTEM = 10  # NFNL_SUBSYS_NFTABLES
_TOLD_OF = (0, 2, 3, 5, 6, 8, 9, 11)
"""Tables, chains, rules and sets that come or go (linux/netfilter/nf_tables.h); what is in a set changes all day."""


class Rules:
    """:raises OSError: the kernel does not tell."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER)
        try:
            self._socket.bind((0, 0))
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP)
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise

    def fileno(self):
        """The descriptor to wait on."""
        return self._socket.fileno()

    def close(self):
        """Hear nothing any more."""
        self._socket.close()

    def read(self):
        """Whether rules came or went since, as far as is known without waiting."""
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            return False
        except OSError:  # more happened than the kernel could keep
            return True
        return changes_rules(data)


def changes_rules(data):
    """Whether one of these messages tells of more than what is in a set."""
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if length < 16:
            return True  # nothing that can be read: look
        if kind >> 8 == _SUBSYSTEM and kind & 0xFF in _TOLD_OF:
            return True
        at += (length + 3) & ~3
    return False
