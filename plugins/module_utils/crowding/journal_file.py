# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a journal file is whose: by the objects that journald appends to it (systemd's JOURNAL_FILE_FORMAT).

journalctl prints what was said and not what it takes, and prints a message of 32 MB whole. The objects have their sizes
on the disk, so nothing of a message is read, and no account gets a share of what another one wrote.
"""

from __future__ import annotations

import itertools
import os
import re
import struct
from typing import NamedTuple

from ..records import sources

NOBODY = -1
"""To whom is counted what is nobody's charge: root's, the kernel's, and that of the units that speak for a class."""
_SIGNATURE = b"LPKSHHRH"
_COMPACT = 1 << 4
_COMPRESSED = 0x7
_DATA, _FIELD, _ENTRY = 1, 2, 3
_HEADER = struct.Struct("<8s4xI8x16s48xQ24x2QQ")
_OBJECT = struct.Struct("<BB6xQ")
_NUMBER = struct.Struct("<Q")
_LIST = struct.Struct("<3Q")
_ITEMS_AT = 64  # in an entry
_FIRST_ENTRY_AT = 40  # in a piece of data
_SHORT = 512  # no name of a unit is longer, nor compressed
_WINDOW = 1 << 16
_UID = b"_UID="
_UNIT = b"_SYSTEMD_UNIT="
_USERS_FILE = re.compile(r"user-(\d+)[@.]")
_UNITS = tuple(unit for source in sources.TABLE for one in source.by for unit in one.units)


class Header(NamedTuple):
    """What a file says of itself, as far as it is asked."""

    signature: bytes
    incompatible: int
    file_id: bytes
    begin: int
    fields_at: int
    fields_size: int
    tail: int


def header(fd):
    """The header of a file, or None where journald has not written it yet."""
    raw = os.pread(fd, _HEADER.size, 0)
    found = Header(*_HEADER.unpack(raw)) if len(raw) == _HEADER.size else None
    return found if found and found.signature == _SIGNATURE else None


def account_of(name):
    """The user id of the one account whose file this is by its name, which journald gives; None for a file of all."""
    found = _USERS_FILE.match(name)
    return int(found[1]) if found else None


class Weigher:
    """Goes through one file of all accounts, and on from there the next time.

    :ivar int place: where the first object is that was not counted yet; 0 is the file's beginning.
    :ivar bool rests: all is counted, and nothing was added since the last time.
    """

    def __init__(self, place=0):
        self.place, self.rests = place, False
        self._uids = {}  # where the piece of data _UID=… is to the number
        self._vouched = set()  # where the pieces of data are that name a unit of the table
        self._known = place == 0
        self._tail = None

    def settle(self, fd):
        """Count from now on only."""
        head = header(fd)
        if head is not None and head.tail:
            _kind, _flags, size = _Window(fd).unpack(_OBJECT, head.tail)
            self.place, self._known = head.tail + _aligned(size), False

    def weigh(self, fd, most, found):
        """Count what was appended.

        An entry is counted when journald has begun something else, or nothing since the last time: then it is whole.
        What belongs to it is before it. It counts once more for its places in the lists by which it is found, which
        come at times, for many at once, and would be charged to whoever is there then.

        :param int fd: of the file, open for reading.
        :param int most: after so many objects it ends, and goes on the next time.
        :param dict found: user id to bytes on the disk, to which is added.
        :return: bool: it came to the end.
        :raises OSError: something else is there than the format says.
        """
        head = header(fd)
        self.rests = head is not None and head.tail < self.place
        if head is None or self.rests:
            return True
        form = _Form(head)
        if not self._known:
            self._learn(fd, head, form)
        settled, self._tail = head.tail == self._tail, head.tail
        objects = _objects(fd, self.place or head.begin, head.tail, settled)
        at, size, waiting, data = self.place or head.begin, 0, None, {}
        for kind, at, size, window in itertools.islice(objects, most):
            if waiting is not None and kind in (_DATA, _FIELD, _ENTRY):
                self._count(found, *waiting)
                waiting = None
            if kind == _DATA:
                (entry,) = window.unpack(_NUMBER, at + _FIRST_ENTRY_AT)
                data[entry] = data.get(entry, 0) + _aligned(size)
                self._note(at, window, form)
            elif kind == _FIELD:
                data[None] = data.get(None, 0) + _aligned(size)
            elif kind == _ENTRY:
                items = window.bytes(at + _ITEMS_AT, (size - _ITEMS_AT) // form.item.size * form.item.size)
                own = data.pop(at, 0) + data.pop(None, 0) + _aligned(size) + len(items)
                waiting = at + _aligned(size), own, {one for (one,) in form.item.iter_unpack(items)}
                data = {}  # what has no entry, journald gave up
        end = at + _aligned(size) > head.tail
        self.rests = settled and end
        if waiting is not None and self.rests:
            self._count(found, *waiting)
        return end

    def _count(self, found, end, size, items):
        uids = items & self._uids.keys()
        vouched = not items.isdisjoint(self._vouched)
        who = NOBODY if vouched or not uids else self._uids[uids.pop()] or NOBODY
        found[who] = found.get(who, 0) + size
        self.place = end

    def _note(self, at, window, form):
        """Remember a piece of data that says who or which unit."""
        _kind, flags, size = window.unpack(_OBJECT, at)
        if size > _SHORT or flags & _COMPRESSED:
            return
        payload = window.bytes(at + form.payload_at, size - form.payload_at)
        if payload.startswith(_UID) and payload[len(_UID) :].isdigit():
            self._uids[at] = int(payload[len(_UID) :])
        elif payload.startswith(_UNIT) and sources.fits(payload[len(_UNIT) :].decode("utf-8", "replace"), _UNITS):
            self._vouched.add(at)

    def _learn(self, fd, head, form):
        """Look up the user ids and units that the file has already, by the lists of their fields."""
        window = _Window(fd)
        for bucket in range(head.fields_at, head.fields_at + head.fields_size, 16):
            (field,) = window.unpack(_NUMBER, bucket)
            while field:
                _kind, _flags, size = window.unpack(_OBJECT, field)
                _hash, following, data = window.unpack(_LIST, field + 16)
                name = window.bytes(field + 40, min(size, _SHORT) - 40) + b"="
                while data and name in (_UID, _UNIT):
                    self._note(data, window, form)
                    before, (data,) = data, window.unpack(_NUMBER, data + 32)
                    data = data if data < before else 0  # each new one is the list's first, but in a broken file
                field = following if following > field else 0
        self._known = True


class _Form:
    """What differs between the two forms of a file."""

    def __init__(self, head):
        compact = head.incompatible & _COMPACT
        self.item = struct.Struct("<I" if compact else "<Q8x")
        self.payload_at = 72 if compact else 64


def _objects(fd, at, tail, settled):
    """Each object from a place to the last: its kind, place and size, and where more can be read."""
    window = _Window(fd)
    while at <= tail:
        kind, _flags, size = window.unpack(_OBJECT, at)
        if size < _OBJECT.size:
            if settled:
                raise OSError("no object of a journal file is at %d" % at)
            return  # journald is about to write it
        yield kind, at, size, window
        at += _aligned(size)


class _Window:
    """Reads small pieces of a file, a block at a time."""

    def __init__(self, fd):
        self._fd, self._at, self._block = fd, 0, b""

    def bytes(self, at, size):
        """So many bytes; fewer at the file's end, and of a piece that no entry's can be."""
        begin = at - self._at
        if begin < 0 or begin + size > len(self._block):
            self._at, self._block, begin = at, os.pread(self._fd, _WINDOW, at), 0
        return self._block[begin : begin + size]

    def unpack(self, form, at):
        """Numbers.

        :raises OSError: the file has ended.
        """
        raw = self.bytes(at, form.size)
        if len(raw) < form.size:
            raise OSError("a journal file ends at %d" % at)
        return form.unpack(raw)


def _aligned(size):
    return (size + 7) & ~7
