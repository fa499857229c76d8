# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked: one public address at one time, and how such questions are read from a CSV file."""

from __future__ import annotations

import codecs
import csv
import datetime
import io
import ipaddress
import re
from typing import NamedTuple

from .. import times

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
COLUMNS = (
    "public_address",
    "public_port",
    "protocol",
    "time",
    "tolerance_seconds",
    "destination_address",
    "destination_port",
)
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))? ?(Z|z|UTC|[+-]\d{2}:?\d{2})?", re.ASCII
)


class RequestError(ValueError):
    """A question that can't be asked so: one sentence."""


class Request(NamedTuple):
    """One question.

    C(since) and C(until) are Unix milliseconds, as written; both None: at any time. C(tolerance) is milliseconds, None
    where the records are to say it. C(port), C(protocol), C(destination) and C(destination_port) are None where all are
    meant. C(asked) is the request as it was written.
    """

    address: str
    port: int | None
    protocol: int | None
    since: int | None
    until: int | None
    tolerance: int | None
    destination: str | None
    destination_port: int | None
    asked: dict

    @property
    def version(self):
        """4 or 6."""
        return 6 if ":" in self.address else 4

    @property
    def span(self):
        """The first and the last Unix millisecond that are meant, the tolerance included."""
        if self.since is None:
            return times.BEGIN, times.END
        return self.since - (self.tolerance or 0), self.until + (self.tolerance or 0)


def request(
    address,
    *,
    port=None,
    protocol=None,
    time=None,
    tolerance_seconds=0,
    destination_address=None,
    destination_port=None,
):
    """Read one question. All values may be text; an empty one is one that was left out.

    :param str address: public, IPv4 or IPv6.
    :param port: public; left out: all candidates of the address.
    :param protocol: C(tcp), C(udp), C(icmp), C(icmpv6) or a number; left out: all.
    :param str time: with its offset (C(2026-09-21T12:00:05+08:00)); where it says no fraction the whole second is
        meant. Left out: at any time.
    :param tolerance_seconds: how far the asker's clock and the gateway's may be apart; None or empty: as far as the
        gateways' clocks were uncertain, by their records.
    :param str destination_address: the other end's; only used where records bear one.
    :raises RequestError: a value is none; says which and why.
    """
    asked = {
        "public_address": address,
        "public_port": port,
        "protocol": protocol,
        "time": time,
        "tolerance_seconds": tolerance_seconds,
        "destination_address": destination_address,
        "destination_port": destination_port,
    }
    since = until = None
    if not _empty(time):
        since, until = span_of(str(time))
    return Request(
        address=address_of("public_address", address),
        port=_port("public_port", port),
        protocol=_protocol(protocol),
        since=since,
        until=until,
        tolerance=None if _empty(tolerance_seconds) else _tolerance(tolerance_seconds),
        destination=None if _empty(destination_address) else address_of("destination_address", destination_address),
        destination_port=_port("destination_port", destination_port),
        asked={name: value for name, value in asked.items() if not _empty(value)},
    )


def span_of(text):
    """The first and the last Unix millisecond that a time can mean.

    :raises RequestError: it is none, or bears no offset.
    """
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise RequestError("time: %r is none; write it like 2026-09-21T12:00:05+08:00" % text)
    if not found[4]:
        raise RequestError("time: %r has no offset; add that of the clock it was read from, like +08:00, or Z" % text)
    zone = "+0000" if found[4] in {"Z", "z", "UTC"} else found[4].replace(":", "")
    form = "%Y-%m-%d %H:%M:%S%z" if found[2].count(":") == 2 else "%Y-%m-%d %H:%M%z"
    try:
        moment = datetime.datetime.strptime("%s %s%s" % (found[1], found[2], zone), form)
    except ValueError as error:
        raise RequestError("time: %r is not in the calendar" % text) from error
    since = int(moment.timestamp()) * 1000
    if found[3]:
        since += int(found[3][:3].ljust(3, "0"))
        return since, since + (99, 9)[len(found[3]) - 1] if len(found[3]) < 3 else since
    return since, since + (999 if found[2].count(":") == 2 else 59999)


def text_of(content):
    """The text of a file as spreadsheets save it: UTF-8, with or without a byte-order mark, or UTF-16 with one.

    :param bytes content: of the file.
    :raises RequestError: it is in another encoding; says in which, as far as that can be told, and as what to save it.
    """
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        what = "broken UTF-16" if encoding == "utf-16" else "no UTF-8 (spreadsheets in China often save GBK)"
        raise RequestError("the list is %s: save it as 'CSV UTF-8'" % what) from error
    if "\0" in text:
        raise RequestError("the list is UTF-16 or UTF-32 without a byte-order mark: save it as 'CSV UTF-8'")
    return text


def read_csv(text, tolerance_seconds=0):
    """Read many questions.

        list   = header *row
        header = the names of columns, C(COLUMNS) in any order; public_address and time must be there
        row    = as many values, and empty ones behind them; one without any value is passed over
        values are parted by what parts the header's, a comma, semicolon or tab (RFC 4180 and what spreadsheets make
        of it), may be quoted, and have space around them; lines end with LF, CRLF or CR

    :param str text: of the list.
    :param tolerance_seconds: where a row says none.
    :return: list of Request.
    :raises RequestError: names the row (as counted by an editor) and the column.
    """
    head = text.lstrip("\r\n").splitlines()[:1] or [""]
    parts = next((one for one in ",;\t" if one in head[0]), ",")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=parts)
    found, names = [], None
    try:
        for row in reader:
            values = [value.strip() for value in row]
            if not any(values):
                continue
            while len(values) > len(names or ()) and not values[-1]:
                values.pop()  # what a stray cell beside the table leaves
            if names is None:
                names = values
                _check_columns(names)
                continue
            if len(values) != len(names):
                raise RequestError("it has not %d columns" % len(names))
            found.append(_asked(dict(zip(names, values)), tolerance_seconds))
        if names is None:
            _check_columns([])
    except (RequestError, csv.Error) as error:
        raise RequestError("row %d: %s" % (max(reader.line_num, 1), error)) from error
    return found


def _asked(values, tolerance_seconds):
    if not values["time"]:
        raise RequestError("time: it is empty")
    return request(
        values["public_address"],
        port=values.get("public_port"),
        protocol=values.get("protocol"),
        time=values["time"],
        tolerance_seconds=values.get("tolerance_seconds") or tolerance_seconds,
        destination_address=values.get("destination_address"),
        destination_port=values.get("destination_port"),
    )


def _check_columns(names):
    strange = [name for name in names if name not in COLUMNS]
    if strange:
        raise RequestError("there is no column %r; there are %s" % (strange[0], ", ".join(COLUMNS)))
    if len(set(names)) < len(names):
        raise RequestError("a column is there twice")
    for name in ("public_address", "time"):
        if name not in names:
            raise RequestError("the column %s is missing" % name)


def _empty(value):
    return value is None or (isinstance(value, str) and not value.strip())


def address_of(name, value):
    """An address as records have it: an IPv4 address stays one where it is written within IPv6 (RFC 4291, 2.5.5.2).

    :param str name: of the value, for the sentence.
    :raises RequestError: it is none.
    """
    try:
        found = ipaddress.ip_address(str(value).strip())
    except ValueError as error:
        raise RequestError("%s: %r is no IP address" % (name, value)) from error
    return str(getattr(found, "ipv4_mapped", None) or found)


def _port(name, value):
    if _empty(value):
        return None
    number = _number(value)
    if number is None or number > 65535:
        raise RequestError("%s: %r is no port (0 to 65535)" % (name, value))
    return number


def _protocol(value):
    if _empty(value):
        return None
    number = PROTOCOLS.get(str(value).strip().lower(), _number(value))
    if number is None or number > 255:
        raise RequestError("protocol: %r is none; %s or a number to 255 are" % (value, ", ".join(PROTOCOLS)))
    return number


def _number(value):
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _tolerance(value):
    try:
        seconds = float(value)
    except (TypeError, ValueError) as error:
        raise RequestError("tolerance_seconds: %r is no number" % value) from error
    if not 0 <= seconds <= 86400:
        raise RequestError("tolerance_seconds: %r is not within 0 and 86400" % value)
    return int(seconds * 1000)
