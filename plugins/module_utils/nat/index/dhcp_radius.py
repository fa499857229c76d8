# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds an inside address: the words of DHCP servers and RADIUS accounting in records of class C(session).

Read are dnsmasq(8), ISC dhcpd(8), Kea (messages C(DHCP4_LEASE_*), Kea Messages Manual), and the line that docs/trace.md
has FreeRADIUS write (rlm_linelog). Only the servers' own units can say so (records/sources.py).
"""

from __future__ import annotations

import datetime
import re
from typing import NamedTuple

from ...records import line as record_line
from ...records import sources

PROGRAMS = ("dnsmasq-dhcp", "dhcpd", "freeradius", "kea-dhcp4", "radiusd")
COLUMNS = (
    ("address", "varchar"),
    ("at", "bigint"),
    ("holds", "boolean"),
    ("account", "varchar"),
    ("station", "varchar"),
    ("session", "varchar"),
    ("source", "varchar"),
    ("seconds", "bigint"),
    ("host", "varchar"),
    ("line", "uinteger"),
    ("offset", "bigint"),
    ("length", "uinteger"),
)

_MAC = r"(?P<account>[0-9a-f]{2}(?::[0-9a-f]{2})+)"
_ADDRESS = r"(?P<address>[0-9a-f.:]+)"
_NAME = r"(?:\((?P<station>[^)]*)\) )?"
_KEA = ("kea-dhcp4",)
_LEASE = r"\S+\s+\[\S+\] DHCP4_%s \[hwtype=\d+ " + _MAC + r"\],.*: "
_SECONDS = r" has been allocated for (?P<seconds>\d+) seconds"
_RADIUS = ("freeradius", "radiusd")
_ACCOUNTING = _ADDRESS + r" (?P<session>\S+) (?P<station>\S+) (?P<account>.+)"
# Each: the programs, the pattern, and whether the address is held (or given back).
_WORDS = tuple(
    (programs, re.compile(pattern), holds)
    for programs, pattern, holds in (
        (("dnsmasq-dhcp",), r"(?:\d+ )?DHCPACK\(\S+\) " + _ADDRESS + " " + _MAC + r"(?: (?P<station>\S+))?", True),
        (("dnsmasq-dhcp",), r"(?:\d+ )?DHCPRELEASE\(\S+\) " + _ADDRESS + " " + _MAC + r"(?: .*)?", False),
        (("dhcpd",), "DHCPACK on " + _ADDRESS + " to " + _MAC + " " + _NAME + r"via \S+.*", True),
        (("dhcpd",), "DHCPRELEASE of " + _ADDRESS + " from " + _MAC + " " + _NAME + r"via \S+.*", False),
        (_KEA, _LEASE % "LEASE_(?:ALLOC|RENEW)" + "lease " + _ADDRESS + _SECONDS, True),
        (_KEA, _LEASE % "RELEASE" + "address " + _ADDRESS + " was released properly.*", False),
        (_RADIUS, "accounting (?:Start|Interim-Update|Alive) " + _ACCOUNTING, True),
        (_RADIUS, "accounting Stop " + _ACCOUNTING, False),
    )
)
_HEAD = re.compile(rb"<\d+>1 \S+ \S+ (?:" + "|".join(PROGRAMS).encode("ascii") + rb") ")


class Event(NamedTuple):
    """An account is said to hold an address, or to give it back.

    With DHCP C(account) is the hardware address and C(station) the name that the client gave, with RADIUS the user's
    name and the calling number. C(seconds) is for how long, where that is said.
    """

    address: str
    at: int
    holds: bool
    account: str
    station: str
    session: str
    source: str
    seconds: int | None


def events(path):
    """What one record file says of addresses.

    :param str path: of a file of class C(session).
    :return: iterable of (Event, (line number, offset in the file, length in bytes)).
    """
    offset = 0
    with open(path, "rb", 1 << 20) as file:
        for number, line in enumerate(file, 1):
            if _HEAD.match(line) and line.endswith(b"\n"):
                event = event_of(line[:-1].decode("utf-8", "surrogateescape"))
                if event:
                    yield event, (number, offset, len(line))
            offset += len(line)


def event_of(text):
    """What a record says of an address: Event, or None.

    :param str text: a line of a record file.
    """
    record = record_line.parse(text)
    if record is None or not sources.vouched("session", record.app, record.sent):
        return None
    for programs, pattern, holds in _WORDS:
        found = pattern.fullmatch(record.message.strip()) if record.app in programs else None
        if found:
            parts = {name: value or "" for name, value in found.groupdict().items()}
            return Event(
                address=parts["address"],
                at=int(datetime.datetime.fromisoformat(record.time.replace("Z", "+00:00")).timestamp() * 1000),
                holds=holds,
                account=parts["account"],
                station=parts.get("station", "").strip("-"),
                session=parts.get("session", ""),
                source="RADIUS" if "session" in parts else "DHCP",
                seconds=int(parts["seconds"]) if parts.get("seconds") else None,
            )
    return None
