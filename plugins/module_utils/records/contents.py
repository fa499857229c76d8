# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the files of the days that are kept hold records: of this class, day and host, as many bytes as were sealed.

A hash says that a file is as it was; not that anybody ever wrote a record into it. So files are opened: the size of all
of them is held to their seal, and as many are read as there is time for, at their beginning, end and a place in
between: of each class and host the oldest one, then the newest, then others, at random, so that nobody foresees which.
"""

from __future__ import annotations

import datetime
import os
import random
import time
from typing import NamedTuple

from . import chain, reading
from . import line as record_line
from . import store as record_store

SECONDS = 10
"""So long files are read; to ask all for their size comes to that."""
QUIET_SECONDS = 3600
_PIECE = 512 << 10  # a message has 256 KiB at the most
_LINES = 40  # of a piece
_EVERYTHING_ELSE = "system"


class Opened(NamedTuple):
    """What a look found.

    :ivar int files: with records, and how many of them were read (C(read)).
    :ivar list faults: sentences, sorted.
    """

    files: int
    read: int
    faults: list


class _File(NamedTuple):
    record_class: str
    day: datetime.date
    host: str
    path: str
    size: int  # of its content

    def __str__(self):
        return "%s/%s/%s" % (self.record_class, self.day, self.host)


def look(settings, seconds=SECONDS):
    """Open the files of the days that are kept.

    :param float seconds: for which files are read.
    :return: Opened
    """
    files, faults = [], []
    for record_class in sorted(settings.classes):
        for day in record_store.days(settings.store, record_class):
            for file, signed in _files(settings, record_class, day):
                if signed not in (None, file.size):
                    faults.append("%s: its content has %d bytes, and %d by its seal" % (file, file.size, signed))
                files += [file] if file.size else []
    until, read = time.monotonic() + seconds, 0
    for file in _in_order(files):
        if time.monotonic() > until:
            break
        read += 1
        fault = _fault(settings, file)
        faults += ["%s: %s" % (file, fault)] if fault else []
    return Opened(len(files), read, sorted(faults))


def quiet(settings, record_class, now):
    """Days over which a host that ran wrote nothing, though it wrote before and after them.

    It ran where the start of the machine is the same before and after, by its own journal; and what came late, after
    an outage, is no silence.

    :param str record_class: one that each host fills every day.
    :return: list of sentences.
    """
    written = {}
    today = record_store.today(now)
    days = [day for day in record_store.days(settings.store, record_class) if day < today]
    for day in days:
        for file, _signed in _files(settings, record_class, day):
            if file.size > 0:
                written.setdefault(file.host, {})[day] = file
    found = []
    for host in sorted(set(settings.hosts) & set(written)):
        own = sorted(written[host])
        for before, after in zip(own, own[1:]):
            empty = [day for day in days if before < day < after]
            if empty and _ran(written[host][before], written[host][after]):
                spans = str(empty[0]) if len(empty) == 1 else "%s..%s" % (empty[0], empty[-1])
                found.append("%s: no record of class %s on %s, though it ran" % (host, record_class, spans))
    return found


def _files(settings, record_class, day):
    """The files of a day, with the bytes of their content by the seal, None where there is none.

    What is compressed and in no seal is not opened: the day is being sealed, or the receiver's account put it there.
    """
    try:
        with record_store.opened(settings.store, record_class, day) as folder:
            seal = chain.of_day(folder, record_class, day)
        paths = record_store.files(record_store.folder(settings.store, record_class, day))
    except FileNotFoundError:
        return  # purged by now
    entries = seal.manifest.entries if seal and seal.manifest and not seal.manifest.old else ()
    signed = {one.name: one.bytes for one in entries}
    for path in paths:
        host = record_store.host_of(path)
        try:
            with reading.DayFile(path) as file:
                name = host + (record_store.COMPRESSED if file.compressed else record_store.PLAIN)
                if name in signed or not file.compressed:
                    yield _File(record_class, day, host, path, file.size), signed.get(name)
        except OSError:
            yield _File(record_class, day, host, path, -1), None  # which is said where it is read


def _in_order(files):
    """The oldest ones of each class and host, the newest ones, and the others, each as chance will have it."""
    ends = {}
    for file in files:  # oldest day first
        first, _last = ends.get((file.record_class, file.host), (file, None))
        ends[file.record_class, file.host] = first, file
    oldest = {first for first, _last in ends.values()}
    newest = {last for _first, last in ends.values()} - oldest
    for some in (oldest, newest, set(files) - oldest - newest):
        yield from random.SystemRandom().sample(sorted(some), len(some))


def _fault(settings, file):
    try:
        with reading.DayFile(file.path) as opened:
            places = {0, max(opened.size - _PIECE, 0), random.SystemRandom().randrange(max(opened.size - _PIECE, 1))}
            for begin in sorted(places):
                fault = _of_piece(settings, file, opened.at(begin, _PIECE), begin, opened.size)
                if fault:
                    return fault
    except OSError as error:
        gone = not os.path.isdir(os.path.dirname(file.path))  # purged by now
        return "" if gone else "it can't be read: %s" % error
    return ""


def _of_piece(settings, file, piece, begin, size):
    if b"\0" in piece:
        return "%d bytes of value 0 from byte %d on, which no record has" % (
            piece.count(b"\0"),
            begin + piece.index(b"\0"),
        )
    lines = piece.split(b"\n")
    if begin:
        del lines[0]
    if begin + len(piece) < size or not lines[-1:] or not lines[-1]:
        del lines[-1:]
    chosen = random.SystemRandom().sample(lines, min(len(lines), _LINES))
    odd = [what for what in (_odd(settings, file, one) for one in chosen) if what]
    # One that a power cut tore is no reason to doubt the others.
    return "%d of %d lines %s" % (len(odd), len(chosen), odd[0]) if 2 * len(odd) > len(chosen) else ""


def _odd(settings, file, line):
    record = record_line.parse(line.decode("utf-8", "surrogateescape"))
    if record is None or not record.stored:
        return "are no records"
    arrived = record.stored.get("at", "")[:10]
    if arrived != str(file.day):
        return "arrived on another day, such as %s" % arrived
    if file.record_class != _EVERYTHING_ELSE and record.sent.get("class") != file.record_class:
        return "are of another class, such as %s" % record.sent.get("class")
    host = record.stored.get("from")
    if host != file.host and host in settings.hosts:
        return "are of another host, such as %s" % host
    return ""


def _ran(before, after):
    """Whether a host was up from the last record of a file to the first of another, and silent for long."""
    last, first = _record_at(before, True), _record_at(after, False)
    if not last or not first or last.sent["boot"] != first.sent["boot"]:
        return False
    since, until = _seconds(last.time), _seconds(first.time)
    return since is not None and until is not None and until - since > QUIET_SECONDS


def _record_at(file, at_end):
    """The last or first record that says in which run of the machine it was written; None where there is none."""
    try:
        with reading.DayFile(file.path) as opened:
            begin = max(opened.size - _PIECE, 0) if at_end else 0
            lines = opened.at(begin, _PIECE).split(b"\n")
    except OSError:
        return None
    for one in reversed(lines) if at_end else lines:
        record = record_line.parse(one.decode("utf-8", "surrogateescape"))
        if record and record.sent.get("boot"):
            return record
    return None


def _seconds(text):
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None
