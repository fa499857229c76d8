# SPDX-License-Identifier: GPL-3.0-or-later
"""One record: an RFC 5424 line with two structured data elements of our own.

- C([order82@32473 …]) is what the sender says: the class, and where in its journal the record came from.
- C([stored@32473 …]) is what the collector says: when it received the record, from which address, and what was odd
  about it (C(marks)).

32473 is the enterprise number for documentation (RFC 5612): the project has none of its own.

A record that arrives twice differs in nothing but the collector's element, and in what versions added to the sender's
(C(claims), C(login), C(unit)) where it was sent by both; so the rest is its identity.
"""

from __future__ import annotations

import io
import re
from typing import NamedTuple

from . import reading

# The collector's own element: the first that a space or the end follows, since what is before it is the structured data
# of its sender, which ends at the first C(]) with a space (so rsyslog reads it), and what is after it is the text.
_STORED = re.compile(r'\[stored@32473 at="[^"]*" from="[^"]*" marks="[^"]*"\](?= |\Z)')
# A sender may leave any field of the head empty, and for a number out of range rsyslog writes C(invld).
_LINE = re.compile(
    r"<(?P<pri>\d{1,3}|invld)>1 (?P<time>[^ ]+) (?P<host>[^ ]*) (?P<app>[^ ]*) (?P<pid>[^ ]*) [^ ]* "
    r"(?:(?P<data>.*?)(?P<stored>" + _STORED.pattern + r")|(?P<only>(?:\[.*?(?<!\\)\])+|-)) ?(?P<message>.*)",
    re.DOTALL,
)
# At a line's very beginning: what follows is the sender's to choose.
ADDED = (
    r'\A(?P<before><\d{1,3}>1 (?:[^ ]* ){5}\[order82@32473 class="\w*" boot="\w*" uid="\d*" audit="\d*")'
    r' claims="\w*\??" login="\d*" unit="(?:[^"\\\]]|\\.)*"(?=\])'
)
_ADDED = re.compile(ADDED)
_ELEMENT = re.compile(r"\[(?P<name>[^ \]=]+)(?P<parameters>(?: [^ \]=]+=\"(?:[^\"\\\]]|\\.)*\")*)\]")
_PARAMETER = re.compile(r" (?P<key>[^ \]=]+)=\"(?P<value>(?:[^\"\\\]]|\\.)*)\"")


class Record(NamedTuple):
    """One parsed record. Everything that is text comes from the sender and is not to be trusted."""

    time: str
    host: str
    app: str
    pid: str
    sent: dict
    stored: dict
    message: str


def identity(line):
    """What is the same each time a record arrives."""
    return _ADDED.sub(r"\g<before>", _STORED.sub("", line, count=1), count=1)


def parse(line):
    """Read one line of a record file.

    :param str line: without its line feed.
    :return: Record, or None where the line is not one of the store's.
    """
    found = _LINE.fullmatch(line)
    if not found:
        return None
    elements = {}
    for element in _ELEMENT.finditer(found["only"] or found["data"]):
        elements.setdefault(element["name"], element["parameters"])
    return Record(
        time=found["time"],
        host=found["host"],
        app=found["app"],
        pid=found["pid"],
        sent=_pairs(elements.get("order82@32473", "")),
        stored=_pairs(found["stored"] or elements.get("stored@32473", "")),
        message=found["message"],
    )


def _pairs(text):
    return {pair["key"]: re.sub(r"\\([\"\\\]])", r"\1", pair["value"]) for pair in _PARAMETER.finditer(text)}


def read(path):
    """The lines of one record file, whatever bytes are in them, without line feeds."""
    with reading.opened(path) as content:
        text = io.TextIOWrapper(content, encoding="utf-8", errors="surrogateescape", newline="\n")
        try:
            for line in text:
                yield line.rstrip("\n")
        finally:
            text.detach()  # who opened it closes it
