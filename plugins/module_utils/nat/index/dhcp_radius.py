# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds an inside address: the words of DHCP servers and RADIUS accounting in records of class C(session).

Only the servers' own units can say so (records/sources.py). What is read, from the first word of a message to the last,
of the programs of Debian 12 and 13 (what they printed lies in tests/unit/plugins/module_utils/nat/index/cases):

    dnsmasq   = [number " "] kind                                       dnsmasq 2.90 and 2.91, rfc2131.c, log_packet()
    kind      = ("DHCPACK" | "BOOTP") on " " ipv4 " " hex [" " host]                            holds it
              | ("DHCPRELEASE" | "DHCPDECLINE") on " " ipv4 " " hex                             gives it back
              | ("DHCPRELEASE" | "DHCPDECLINE" | "BOOTP") on [" " ipv4] " " hex " " any         nothing came of it
    on        = "(" interface ")"
    dhcpd     = ("DHCPACK" | "BOOTREPLY") " on " ipv4 " to " hex name via                       holds it
              | "BOOTREPLY for " ipv4 " to " host " (" hex ")" via                              holds it
              | "DHCPRELEASE of " ipv4 " from " hex name via " (" ["not "] "found)"             gives it back if found
              | "DHCPDECLINE of " ipv4 " from " hex name via ": " any                           so if "abandoned"
    name      = [" (" any ")"]                          ISC dhcpd 4.4.3-P1, dhcp.c, dhcp_reply(); any may hold brackets
    via       = " via " interface or address of a relay
    kea       = [time " "] level [" [" logger "]"] " " words            Kea 2.2 and 2.6, dhcp4_messages.mes; its own
                                                                        pattern has a logger, Debian's has none
    words     = ("DHCP4_LEASE_ALLOC " | "DHCP4_LEASE_REUSE ") label ": lease " ipv4
                " has been " ("allocated" | "reused") " for " number " seconds"                 holds it
              | "DHCP4_RELEASE" ["_DELETED" | "_EXPIRED"] " " label ": address " ipv4
                (" was released properly." | " was deleted on release." | " expired on release.")   gives it back
              | "DHCP4_DECLINE_LEASE Received DHCPDECLINE for addr " ipv4
                " from client " label ". " any                                                  gives it back
    label     = "[hwtype=" number " " hex "], cid=[" hex or words "], tid=0x" hex
    radius    = "accounting " ("Start" | "Interim-Update" | "Alive") " " ip " " session " " station " " user    holds it
              | "accounting Stop " ip " " session " " station " " user                          gives it back
              | "accounting " kind "  " any             no address yet; the line of docs/trace.md, by rlm_linelog of
                                                        FreeRADIUS 3.2, with session and station as in an address (%20)

C(any), C(host) and C(user) are a stranger's to choose; all that is believed stands before them, or at the very end.

A line that begins like one that gives an address, and goes on otherwise, may have given the address to anybody: it ends
what was known of it before (C(holds) is None), and is counted. dnsmasq answers DHCPINFORM with the words of a lease,
though anybody can ask so for any address: that acknowledgement gives nobody anything.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import re
import urllib.parse
from typing import NamedTuple

from ...records import line as record_line
from ...records import reading, sources

UNREADABLE = "-"
"""Instead of an address, where not even that could be read: any that this host gives out may be meant."""
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

_IP = r"(?P<address>[0-9a-f.:]+)"
_HEX = r"(?P<account>[0-9a-f]{2}(?::[0-9a-f]{2})*)"
_DNSMASQ = r"(?:\d+ )?"
_NAME = r"(?: \((?P<station>.*)\))? via \S+"
_KEA = r"(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ )?[A-Z]+\s+(?:\[\S+\] )?"
_LABEL = r"\[hwtype=\d+ " + _HEX + r"\], cid=\[[^\]]*\], tid=0x[0-9a-f]+"
_LEASE = r": lease " + _IP + r" has been (?:allocated|reused) for (?P<seconds>\d+) seconds"
_RELEASED = r": address " + _IP + r" (?:was released properly|was deleted on release|expired on release)\.?"
_ACCOUNTING = r" (?P<session>\S+) (?P<station>\S+) (?P<account>.+)"
_BEGUN = "accounting (?:Start|Interim-Update|Alive) "
_NOTHING = "nothing"  # understood, and nobody has or gives back anything
# Each program: its patterns with what follows of the address (held, given back, nothing), and how a line begins that
# tells of an address whatever follows.
_GRAMMARS = {
    "dnsmasq-dhcp": (
        (
            (_DNSMASQ + r"(?:DHCPACK|BOOTP)\(\S+\) " + _IP + " " + _HEX, True),
            (_DNSMASQ + r"DHCPACK\(\S+\) " + _IP + " " + _HEX + r" (?P<station>\S+)", True),
            (_DNSMASQ + r"(?:DHCPRELEASE|DHCPDECLINE)\(\S+\) " + _IP + " " + _HEX, False),
            (_DNSMASQ + r"(?:DHCPRELEASE|DHCPDECLINE|BOOTP)\(\S+\) (?:[0-9.]+ )?[0-9a-f:-]+ .+", _NOTHING),
        ),
        _DNSMASQ + r"(?:DHCPACK|DHCPRELEASE|DHCPDECLINE|BOOTP)\(\S+\)(?: (?P<address>[0-9.]+)(?: .*)?| .*)?",
    ),
    "dhcpd": (
        (
            (r"(?:DHCPACK|BOOTREPLY) on " + _IP + " to " + _HEX + _NAME, True),
            (r"BOOTREPLY for " + _IP + r" to (?P<station>\S+) \(" + _HEX + r"\) via \S+", True),
            (r"DHCPRELEASE of " + _IP + " from " + _HEX + _NAME + r" \(found\)", False),
            (r"DHCPRELEASE of .* \(not found\)", _NOTHING),
            (r"DHCPDECLINE of " + _IP + " from " + _HEX + _NAME + ": abandoned", False),
            (r"DHCPDECLINE of .* via \S+: (?!abandoned)[a-z ()]+", _NOTHING),
        ),
        r"(?:(?:DHCPACK|BOOTREPLY) on|BOOTREPLY for|DHCPRELEASE of|DHCPDECLINE of)(?: " + _IP + r"(?: .*)?| .*)?",
    ),
    "kea-dhcp4": (
        (
            (_KEA + r"DHCP4_LEASE_(?:ALLOC|REUSE) " + _LABEL + _LEASE, True),
            (_KEA + r"DHCP4_RELEASE(?:_DELETED|_EXPIRED)? " + _LABEL + _RELEASED, False),
            (
                _KEA + "DHCP4_DECLINE_LEASE Received DHCPDECLINE for addr " + _IP + " from client " + _LABEL + r"\. .*",
                False,
            ),
        ),
        _KEA
        + r"DHCP4_(?:(?:LEASE_(?:ALLOC|REUSE)|RELEASE(?:_DELETED|_EXPIRED)?) "
        + r"(?:\[[^\]]*\], cid=\[[^\]]*\], tid=0x[0-9a-f]+: (?:lease|address) (?P<address>[0-9.]+)(?: .*)?|.*)"
        + r"|DECLINE_LEASE (?:Received DHCPDECLINE for addr (?P<address_2>[0-9.]+)(?: .*)?|.*))",
    ),
    **dict.fromkeys(
        ("freeradius", "radiusd"),
        (
            (
                (_BEGUN + _IP + _ACCOUNTING, True),
                ("accounting Stop " + _IP + _ACCOUNTING, False),
                (r"accounting (?:Start|Interim-Update|Alive|Stop)  .*", _NOTHING),
            ),
            r"accounting(?: \S+ " + _IP + r"(?: .*)?| .*)?",
        ),
    ),
}
PROGRAMS = tuple(_GRAMMARS)
_WORDS = {
    program: (tuple((re.compile(pattern), holds) for pattern, holds in patterns), re.compile(begins))
    for program, (patterns, begins) in _GRAMMARS.items()
}
_SAID = re.compile(_DNSMASQ + r"(?P<kind>DHCP[A-Z]+|BOOTP)(?P<about>\(\S+\) \S+ \S+)(?: .*)?")
_HEAD = re.compile(rb"<\d+>1 \S+ \S+ (?:" + "|".join(PROGRAMS).encode("ascii") + rb") ")


class Event(NamedTuple):
    """An account is said to hold an address, or to give it back; C(holds) is None where nobody can tell.

    With DHCP C(account) is the hardware address and C(station) the name that the client gave, with RADIUS the user's
    name and the calling number. C(seconds) is for how long, where that is said.
    """

    address: str
    at: int
    holds: bool | None
    account: str
    station: str
    session: str
    source: str
    seconds: int | None


def events(path):
    """What one record file says of addresses.

    :param str path: of a file of class C(session).
    :return: iterable of (Event, (line number, offset in the file, length in bytes)). A line that was not understood
        comes once, however often it arrived.
    """
    offset, reader, strange = 0, Reader(), set()
    with reading.opened(path) as file:
        for number, line in enumerate(file, 1):
            if _HEAD.match(line) and line.endswith(b"\n"):
                text = line[:-1].decode("utf-8", "backslashreplace")
                event = reader.event(text)
                if event and (event.holds is not None or _is_new(text, strange)):
                    yield event, (number, offset, len(line))
            offset += len(line)


def _is_new(text, known):
    key = hashlib.blake2b(record_line.identity(text).encode("utf-8", "surrogateescape"), digest_size=12).digest()
    new = key not in known
    known.add(key)
    return new


class Reader:
    """Reads the records of one host, in their order: what an acknowledgement means stands before it."""

    def __init__(self):
        self._informed = {}

    def event(self, text):
        """What a record says of an address: Event, or None.

        :param str text: a line of a record file.
        """
        record = record_line.parse(text)
        if record is None or record.app not in _WORDS or not sources.vouched("session", record.app, record.sent):
            return None
        message = record.message.strip()
        if record.app == "dnsmasq-dhcp" and self._only_informed(record, message):
            return None
        return _event(record, message)

    def _only_informed(self, record, message):
        said = _SAID.fullmatch(message)
        if not said:
            return False
        process = record.sent.get("boot", ""), record.pid
        asked = self._informed.pop(process, None)
        if said["kind"] == "DHCPINFORM":
            self._informed[process] = said["about"]
        return said["kind"] == "DHCPACK" and said["about"] == asked


def _event(record, message):
    patterns, begins = _WORDS[record.app]
    holds, parts = None, {}
    for pattern, meaning in patterns:
        found = pattern.fullmatch(message)
        if found:
            holds, parts = meaning, found.groupdict()
            break
    if holds == _NOTHING:
        return None
    if holds is None or _address(parts["address"]) == UNREADABLE:
        found = begins.fullmatch(message)
        if not found:
            return None
        holds, parts = None, {"address": next(filter(None, found.groupdict().values()), "")}
    radius = record.app in ("freeradius", "radiusd")
    station = (parts.get("station") or "").strip("-")
    return Event(
        address=_address(parts["address"]),
        at=int(datetime.datetime.fromisoformat(record.time.replace("Z", "+00:00")).timestamp() * 1000),
        holds=holds,
        account=parts.get("account") or "",
        station=urllib.parse.unquote(station) if radius else station,
        session=urllib.parse.unquote(parts.get("session") or ""),
        source="RADIUS" if radius else "DHCP",
        seconds=int(parts["seconds"]) if parts.get("seconds") else None,
    )


def _address(text):
    """An address as the index writes it."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return UNREADABLE
