# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of C(nat_mapping) records, written and read (docs/nat_records.md)."""

from __future__ import annotations

import re
import zlib

from ..plan import plan_id
from ..times import seconds

PROGRAM = "order82-nat-mapping"
NO_PLAN = "none"  # in a beat: no ruleset of ours is loaded
MOST_CHARACTERS = 8000  # of a list; a text that is longer than 8192 would be marked by the collector

_TEXT = re.compile(r"(?P<kind>beat|flows|plan|stop|epoch)(?P<pairs>(?: [a-z]+=[^ ]*)+)(?: (?P<list>\S.*))?")


class TextError(ValueError):
    """A text that is none of ours, or is damaged; says what is wrong with it."""


def checksum(entries):
    """The C(crc) of a list, as it stands in the text."""
    return "%08x" % zlib.crc32(entries.encode("utf-8"))


def parts(entries, most=MOST_CHARACTERS):
    """Cut entries into lists that are short enough for one text each.

    :return: list of lists of str; none where there are no entries.
    """
    found = []
    room = 0
    for entry in entries:
        if not found or len(entry) + 1 > room:
            found.append([])
            room = most
        found[-1].append(entry)
        room -= len(entry) + 1
    return found


class Stream:
    """Numbers the texts of one running recorder.

    :param int began: Unix milliseconds at which it began.
    """

    def __init__(self, began):
        self.run = began
        self.seq = 0

    def beat(self, at, plan, counts, clock=None):
        """A sign of life.

        :param dict counts: C(open), C(begun), C(ended), C(lost).
        :param int clock: by how many milliseconds the clock may be wrong, if that is known.
        """
        return self._text(
            "beat",
            "at=%s plan=%s open=%d begun=%d ended=%d lost=%d clock=%s"
            % (
                seconds(at),
                plan or NO_PLAN,
                *(counts[name] for name in ("open", "begun", "ended", "lost")),
                "none" if clock is None else seconds(clock),
            ),
        )

    def flows(self, at, entries):
        """:param list entries: as many as :func:`parts` puts into one list."""
        text = ";".join(entries)
        return self._text("flows", "at=%s n=%d crc=%s %s" % (seconds(at), len(entries), checksum(text), text))

    def plan(self, entries):
        """All texts of a plan."""
        lists = parts(entries)
        identity = plan_id(entries)
        texts = []
        for number, one in enumerate(lists, 1):
            text = ";".join(one)
            head = "id=%s part=%d/%d n=%d crc=%s" % (identity, number, len(lists), len(one), checksum(text))
            texts.append(self._text("plan", head + " " + text))
        return texts

    def stop(self, at):
        """The last text of a recorder that ends in order."""
        return self._text("stop", "at=" + seconds(at))

    def _text(self, kind, rest):
        self.seq += 1
        return "%s run=%d seq=%d %s" % (kind, self.run, self.seq, rest)


def epoch(plan, bound, at):
    """:param str bound: C(begin) or C(end)."""
    return "epoch plan=%s %s=%s" % (plan, bound, seconds(at))


def parse(text):
    """Read a text.

    :return: (str, dict, list): the kind, its pairs as they stand, and the entries of its list.
    :raises TextError: it is none of ours, or its list is not the one that was written.
    """
    found = _TEXT.fullmatch(text)
    if not found:
        raise TextError("no text of a NAT record")
    pairs = dict(pair.split("=", 1) for pair in found["pairs"].split())
    entries = found["list"].split(";") if found["list"] else []
    if "crc" in pairs and pairs["crc"] != checksum(found["list"] or ""):
        raise TextError("the list is damaged: its CRC-32 is not %s" % pairs["crc"])
    if "n" in pairs and pairs["n"] != str(len(entries)):
        raise TextError("the list has %d entries, not %s" % (len(entries), pairs["n"]))
    return found["kind"], pairs, entries
