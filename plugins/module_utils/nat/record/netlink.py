# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to the kernel's netfilter over netlink, and its messages."""

from __future__ import annotations

import os
import socket
import struct

NETFILTER = 12  # the family of netlink
HEADER = struct.Struct("=IHHIIBBH")  # nlmsghdr and nfgenmsg
_ATTRIBUTE = struct.Struct("=HH")
_ERROR, _DONE = 2, 3
_DUMP = 0x301
_TYPE_BITS = 0x3FFF  # the two above say that an attribute is nested, or in network order


class KernelError(OSError):
    """The kernel can't be asked, or not in the way that loses nothing: one sentence."""


class MessageError(ValueError):
    """A message of the kernel that can't be read."""


def open_socket():
    """A socket for netfilter.

    :raises KernelError: there is none.
    """
    try:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER)
        made.bind((0, 0))
    except OSError as error:
        raise KernelError("the kernel can't be asked about connections: %s" % error) from error
    return made


def request(subsystem, message):
    """Ask for all there is, by the number of a subsystem and of its message."""
    return HEADER.pack(HEADER.size, subsystem << 8 | message, _DUMP, 1, 0, 0, 0, 0)


def messages(data):
    """Cut what was received into messages; None stands for the end of a dump.

    :raises KernelError: the kernel refuses.
    """
    offset = 0
    while offset < len(data):
        length, kind = struct.unpack_from("=IH", data, offset)
        if kind == _DONE:
            yield None
            return
        if kind == _ERROR:
            code = -struct.unpack_from("=i", data, offset + 16)[0]
            raise KernelError("the kernel does not show its connections and counters: %s" % os.strerror(code))
        if length < HEADER.size:
            raise KernelError("the kernel's answer can't be read")
        yield data[offset : offset + length]
        offset += (length + 3) & ~3


def attributes(data, offset, end):
    """The type of each attribute, and where its value begins and stops.

    :raises MessageError: they can't be read.
    """
    while offset < end:
        if end - offset < _ATTRIBUTE.size:
            raise MessageError("an attribute is cut off")
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if not _ATTRIBUTE.size <= length <= end - offset:
            raise MessageError("an attribute says %d bytes where %d are left" % (length, end - offset))
        yield kind & _TYPE_BITS, offset + 4, offset + length
        offset += (length + 3) & ~3
