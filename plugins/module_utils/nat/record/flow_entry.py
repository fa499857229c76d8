# SPDX-License-Identifier: GPL-3.0-or-later
"""An entry of C(flows), one translation, written and read (docs/nat_records.md)."""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

_ENTRY = re.compile(
    rb"(\d{1,3}),([0-9A-Fa-f.:]{2,45}),(\d{1,5}),([0-9A-Fa-f.:]{2,45}),(\d{1,5}),(\d{1,12})\.(\d{3}),"
    rb"(?:(\d{1,12})\.(\d{3}))?(?:,([0-9A-Fa-f.:]{2,45}),(\d{1,5}))?"
)


class Entry(NamedTuple):
    """One entry of C(flows): addresses in their usual form, times in Unix milliseconds, None where there is none."""

    protocol: int
    inside: str
    inside_port: int
    public: str
    public_port: int
    begin: int
    end: int
    destination: str
    destination_port: int


def write(ends, begin, end, destination=None):
    """The text of an entry, as it stands in the list.

    :param tuple ends: the fields of Entry before the times.
    :param int begin: Unix milliseconds, as C(end), which is None while it goes on.
    :param tuple destination: address and port, or None.
    :return: str.
    """
    # A busy gateway does nothing as often as this, so a format for each and no call.
    if end is None:
        text = "%d,%s,%d,%s,%d,%d.%03d," % (*ends, begin // 1000, begin % 1000)
    else:
        text = "%d,%s,%d,%s,%d,%d.%03d,%d.%03d" % (*ends, begin // 1000, begin % 1000, end // 1000, end % 1000)
    return text if destination is None else text + ",%s,%d" % destination


def read(text):
    """Read one entry of C(flows).

    :param bytes text: as it stands in the list.
    :return: Entry, or None where it is not well-formed.
    """
    found = _ENTRY.fullmatch(text)
    if not found:
        return None
    inside, public = _address(found[2]), _address(found[4])
    destination = _address(found[10]) if found[10] else None
    if inside is None or public is None or (found[10] and destination is None):
        return None
    ports = [int(found[3]), int(found[5]), int(found[11] or 0)]
    if int(found[1]) > 255 or max(ports) > 65535:
        return None
    return Entry(
        protocol=int(found[1]),
        inside=inside,
        inside_port=ports[0],
        public=public,
        public_port=ports[1],
        begin=int(found[6] + found[7]),
        end=int(found[8] + found[9]) if found[8] else None,
        destination=destination,
        destination_port=ports[2] if found[10] else None,
    )


def _address(text):
    """An IP address in its usual form; None where it is none.

    :param bytes text: as it stands in a record.
    """
    family = socket.AF_INET6 if b":" in text else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text.decode("ascii")))
    except (OSError, ValueError):
        return None
