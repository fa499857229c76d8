# SPDX-License-Identifier: GPL-3.0-or-later
"""Write to the journal under a name of our own: a record on its way to both collectors."""

from __future__ import annotations

import socket

_SOCKET = "/run/systemd/journal/socket"
_INFORMATION = 6  # priority, syslog(3)


def write(program, text):
    """Write one text; it is in the journal's hands when this returns (systemd's Native Journal Protocol).

    :param str program: such as C(order82-disclosure), which the forwarders file as class C(disclosure).
    :param str text: one line.
    :raises OSError: there is no journal.
    """
    if "\n" in text:
        raise ValueError("a record is one line")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.connect(_SOCKET)
        fields = {"SYSLOG_IDENTIFIER": program, "PRIORITY": _INFORMATION, "MESSAGE": text}
        journal.sendall("".join("%s=%s\n" % pair for pair in fields.items()).encode("utf-8"))
