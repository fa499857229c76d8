# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over a day's record files: what is good goes on to the index, what is not gets its name.

Python looks at lines only. The entries of a list are told apart by DuckDB, for which a whole list is rewritten in two
steps of C: C(;) becomes a line feed, and C(.) becomes C(,), so that an address is four small numbers and a time two,
and nothing is left to be converted. Only what is rare is taken entry by entry: lists with open translations, IPv6, and
what is damaged.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from typing import NamedTuple

from ...records import line as record_line
from ...records import reading, sources
from .. import times
from ..record import flow_entry, record_text
from . import coverage

CHUNK_BYTES = 128 << 20  # of lists at once; the same again lies in the folder until DuckDB has read it
MOST_BAD = 1000  # lines that are named; all are counted

_TABLE = bytes.maketrans(b";.", b"\n,")
_PAIRS = rb"(?: [^ \]=]+=\"(?:[^\"\\\]]|\\.)*\")*"
_HEAD = re.compile(rb"<\d{1,3}>1 \S+ \S+ (\S+) \S+ \S+ ((?:\[[^ \]=]+" + _PAIRS + rb"\])+|-) ")
_SENT = re.compile(rb"\[order82@32473(" + _PAIRS + rb")\]")
_STORED = re.compile(rb"\[stored@32473" + _PAIRS + rb"\]")
_ADDED = re.compile(record_line.ADDED.encode("ascii"))
_PAIR = re.compile(rb" (uid|unit)=\"((?:[^\"\\\]]|\\.)*)\"")
_FLOWS = re.compile(rb"flows run=(\d{1,18}) seq=(\d{1,18}) at=(\d{1,12})\.(\d{3}) n=(\d{1,6}) crc=([0-9a-f]{8}) ")
_DAMAGED = re.compile(rb"(?: run=(\d{1,18}))?(?: seq=(\d{1,18}))?(?: at=(\d{1,12})\.(\d{3}))?(?: |$)")


class Bad(NamedTuple):
    """A line that can't be used, or not as a whole."""

    file: str
    line: int
    reason: str


def entries_of(line):
    """The list of a C(flows) line, cut into entries.

    :param bytes line: a line of a record file.
    :return: (list of bytes, bool): none where it is no such line; and whether the list is the one that was written.
    """
    head = _HEAD.match(line)
    found = _FLOWS.match(line, head.end()) if head else None
    if not found:
        start = line.find(b" flows ")
        return _pieces(line[start:].rstrip(b"\n")) if start >= 0 else [], False
    text = line[found.end() :].rstrip(b"\n")
    return text.split(b";"), zlib.crc32(text) == int(found[6], 16)


def _pieces(text):
    """What may be entries of a text whose head can't be read."""
    pieces = text.split(b";")
    pieces[0] = pieces[0].rpartition(b" ")[2]
    return pieces


class Chunk(NamedTuple):
    """A part of a day's ended IPv4 translations, as CSV files of numbers.

    C(plain) and C(wide) are paths, without and with the destination, or None; C(where) says of each list into which of
    the two it went, how many entries it has, and its line.
    """

    gateway: int
    plain: str
    wide: str
    where: list

    def line_of(self, kind, number):
        """The line of the list in which an entry stands.

        :param str kind: C(plain) or C(wide).
        :param int number: of the entry in this file, from 0.
        """
        for where, total, line in self.where:
            if where == kind:
                if number < total:
                    return line
                number -= total
        raise IndexError(number)


class Scan:
    """One pass over the record files of a day.

    :param list files: (gateway, path, closed) of each; in a file that is not closed the last line may still be written.
    :param str folder: where its own files go: the chunks and C(others).
    """

    def __init__(self, files, folder, chunk_bytes=CHUNK_BYTES):
        self.files = files
        self.gateways = [gateway for gateway, _path, _closed in files]
        self.coverage = [coverage.Coverage() for _file in files]
        self.bad = []
        self.bad_total = 0
        self.foreign = []
        self.foreign_total = 0
        self.lines = [0] * len(files)
        self.duplicates = 0
        self.read = [0] * len(files)
        self.plans = {}
        self.others = os.path.join(folder, "others.csv")
        self.texts = os.path.join(folder, "lines.csv")
        self.others_total = 0
        self._folder = folder
        self._chunk_bytes = chunk_bytes
        self._serial = 0
        self._parts = {}
        self._size = 0
        self._senders = {}
        self._where = []

    def chunks(self):
        """Read all files; what the pass has found stands in its attributes at the end.

        :return: iterable of Chunk; the caller removes its files.
        """
        with open(self.others, "wb", 1 << 20) as others, open(self.texts, "wb", 1 << 20) as texts:
            self._others, self._texts = others, texts
            for number, (_gateway, path, closed) in enumerate(self.files):
                yield from self._file(number, path, closed, set())

    def name(self, gateway, line, reason):
        """Put a line among the bad ones."""
        self.bad_total += 1
        if len(self.bad) < MOST_BAD:
            self.bad.append(Bad(os.path.basename(self.files[gateway][1]), line, reason))

    def _file(self, number, path, closed, seen):
        offset = 0
        with reading.opened(path) as file:
            for count, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    if not closed:
                        break
                    self.lines[number] = count
                    self._damaged(number, count, offset, line, "cut off: no line feed at its end")
                else:
                    self.lines[number] = count
                    self._line(number, count, offset, line, seen)
                offset += len(line)
                if self._size >= self._chunk_bytes:
                    yield self._chunk(number)
        self.read[number] = offset
        if self._parts:
            yield self._chunk(number)

    def _line(self, number, count, offset, line, seen):
        head = _HEAD.match(line)
        if not head:
            self._damaged(number, count, offset, line, "no record: its head can't be read")
            return
        start = head.end()
        flows = _FLOWS.match(line, start)
        text = line[flows.end() : -1] if flows else line[start:-1]
        good = flows and zlib.crc32(text) == int(flows[6], 16)
        # With the checksum right, what stands before the list tells a text from all others.
        key = hashlib.blake2b(
            _ADDED.sub(rb"\g<before>", _STORED.sub(b"", line[:start], count=1), count=1)
            + (line[start : flows.end()] if good else line[start:]),
            digest_size=12,
        ).digest()
        if key in seen:
            self.duplicates += 1
            return
        seen.add(key)
        wrong = self._foreign(head)
        if wrong:
            self.foreign_total += 1
            if len(self.foreign) < MOST_BAD:
                self.foreign.append(Bad(os.path.basename(self.files[number][1]), count, wrong))
            return
        if not flows:
            self._other_text(number, count, offset, line, text)
            return
        if not good:
            self._damaged(number, count, offset, line, "damaged: the CRC-32 of its list is not " + flows[6].decode())
            return
        total = int(flows[5])
        if text.count(b";") + 1 != total:
            reason = "the list has %d entries, not %d" % (text.count(b";") + 1, total)
            self._damaged(number, count, offset, line, reason)
            return
        at = int(flows[3] + flows[4])
        self.coverage[number].text(int(flows[1]), int(flows[2]), at)
        self._texts.write(b"%d,%d,%d,%d,%d\n" % (number, at, count, offset, len(line)))
        commas = text.count(b",")
        if commas == total * 6 and not (b":" in text or b",;" in text or text.endswith(b",")):
            self._put("plain", count, text, total)
        elif commas == total * 8 and not (b":" in text or b",," in text):
            self._put("wide", count, text, total)
        else:
            self._entries((number, count, offset, len(line)), text.split(b";"), at=at, run=int(flows[1]))

    def _foreign(self, head):
        """Why a line is not the recorder's, or an empty text. It is no damage: it tells of nobody's translations."""
        program = head[1].decode("utf-8", "replace")
        sent = _SENT.search(head[2])
        if not sent:
            return "foreign: it doesn't say whose it is"
        known = self._senders.get((program, sent[1]))
        if known is None:
            about = {key.decode("ascii"): value.decode("utf-8", "replace") for key, value in _PAIR.findall(sent[1])}
            known = ""
            if not sources.vouched(sources.NAT_MAPPING, program, about):
                known = "foreign: written by the user %s, the program %s, the unit %s" % (
                    about.get("uid") or "-",
                    program[:60],
                    about.get("unit") or "-",
                )
            if len(self._senders) < MOST_BAD:
                self._senders[program, sent[1]] = known
        return known

    def _other_text(self, number, count, offset, line, text):
        try:
            kind, pairs, entries = record_text.parse(text.decode("utf-8"))
            self._take(number, (count, offset, len(line)), kind, pairs, entries)
        except (ValueError, KeyError) as error:
            reason = "it lacks %s" % error if isinstance(error, KeyError) else str(error)
            self._damaged(number, count, offset, line, "damaged: " + reason[:200])

    def _take(self, number, place, kind, pairs, entries):
        seen = self.coverage[number]
        if kind == "epoch":
            bound = "begin" if "begin" in pairs else "end"
            seen.epoch(pairs["plan"], bound, times.milliseconds(pairs[bound]))
            return
        run, seq = int(pairs["run"]), int(pairs["seq"])
        if kind == "plan":
            part, _slash, parts = pairs["part"].partition("/")
            part, parts = int(part), int(parts)
            seen.text(run, seq, None)
            plan = self.plans.setdefault((number, pairs["id"]), {})
            plan.setdefault((part, parts), (place, entries))
            return
        if kind not in {"beat", "stop"}:
            raise record_text.TextError("the head of its list can't be read")
        at = times.milliseconds(pairs["at"])
        if kind == "beat":
            plan, lost = pairs["plan"], int(pairs["lost"])
            clock = pairs.get("clock", "none")
            seen.text(run, seq, at)
            seen.beat(run, at, plan, lost, None if clock == "none" else times.milliseconds(clock))
        else:
            seen.text(run, seq, at)
            seen.stop(run, at)

    def _damaged(self, number, count, offset, line, reason):
        """Name a line, and keep those of its entries that are still well-formed."""
        self.name(number, count, reason)
        head = _HEAD.match(line)
        if not head or self._foreign(head):
            return
        body = line[head.end() :].rstrip(b"\n")
        found = _DAMAGED.search(body)
        known = _FLOWS.match(body)
        run = seq = at = None
        if known:
            run, seq, at = int(known[1]), int(known[2]), int(known[3] + known[4])
        elif found:
            run, seq = (int(found[1]) if found[1] else None), (int(found[2]) if found[2] else None)
        if run is not None and seq is not None:
            self.coverage[number].damaged(count, run, seq, at)
        if not body.startswith(b"flows"):
            return
        pieces = body[known.end() :].split(b";") if known else _pieces(body)
        if (known and len(pieces) < int(known[5])) or not line.endswith(b"\n"):
            pieces = pieces[:-1]  # a cut entry can look like a whole one
        if at is not None:
            self._texts.write(b"%d,%d,%d,%d,%d\n" % (number, at, count, offset, len(line)))
        self._entries((number, count, offset, len(line)), pieces, at=at, run=run, named=True)

    def _entries(self, place, pieces, *, at, run, named=False):
        number, count, offset, length = place
        for piece in pieces:
            one = flow_entry.read(piece)
            if one is None:
                if not named:
                    self.name(number, count, "the entry %r is not well-formed" % piece.decode("ascii", "replace")[:60])
                    named = True
            elif one.end is not None and b":" not in piece and at is not None:
                self._put("wide" if one.destination else "plain", count, piece, 1)
            else:
                self.others_total += 1
                row = (number, *one, one.end if at is None else at, run, count, offset, length)
                self._others.write(
                    ",".join("" if field is None else str(field) for field in row).encode("ascii") + b"\n"
                )

    def _put(self, kind, count, text, total):
        part = self._parts.get(kind)
        if part is None:
            self._serial += 1
            part = self._parts[kind] = open(
                os.path.join(self._folder, "chunk-%d-%s.csv" % (self._serial, kind)), "wb", 1 << 20
            )
        part.write(text.translate(_TABLE))
        part.write(b"\n")
        self._size += len(text)
        self._where.append((kind, total, count))

    def _chunk(self, number):
        for file in self._parts.values():
            file.close()
        parts, where = self._parts, self._where
        self._parts, self._where, self._size = {}, [], 0
        paths = {kind: file.name for kind, file in parts.items()}
        return Chunk(number, paths.get("plain"), paths.get("wide"), where)
