# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where a day's file is opened for reading, whether it is open, closed or sealed and compressed.

It is asked for by the name that it has while its day is open, C(<host>.log); places in it are those of its content. So
who remembers a name and an offset finds the same record before and after the seal.
"""

from __future__ import annotations

import bisect
import contextlib
import errno
import itertools
import os
import stat

from . import store, zst

_HOW = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 4 << 20
_KEPT = 1  # frames: who asks for many places asks in their order


class DayFile:
    """One host's records of a day, open for reading at any place; to be closed, or for the C(with) statement.

    :ivar int size: bytes of its content.
    :ivar bool compressed: whether it is.
    :raises FileNotFoundError: there is none.
    :raises OSError: it is no file of its own, or the table of frames is damaged.
    """

    def __init__(self, path):
        self._fd, self.compressed = _opened(path)
        self._kept = {}
        try:
            self._rows = zst.sizes(self._fd) if self.compressed else []
        except ValueError as error:
            os.close(self._fd)
            raise OSError(errno.EIO, "%s: %s" % (path, error)) from error
        self._packed = [0, *itertools.accumulate(row[0] for row in self._rows)]
        self._plain = [0, *itertools.accumulate(row[1] for row in self._rows)]
        self.size = self._plain[-1] if self.compressed else os.fstat(self._fd).st_size

    def __enter__(self):
        return self

    def __exit__(self, *_why):
        self.close()

    def close(self):
        """Close it."""
        os.close(self._fd)

    def at(self, offset, length):
        """The bytes at a place; fewer where it ends.

        :raises OSError: it is damaged there.
        """
        if not self.compressed:
            return os.pread(self._fd, length, offset)
        end = min(offset + length, self.size)
        found = []
        number = bisect.bisect_right(self._plain, offset) - 1
        while number < len(self._rows) and self._plain[number] < end:
            begin = self._plain[number]
            found.append(self._frame(number)[max(offset - begin, 0) : end - begin])
            number += 1
        return b"".join(found)

    def lines(self, begin, end):
        """The lines that end between two places, as bytes without line feeds; of the first one what is here of it."""
        rest = b""
        while begin < end:
            piece = self.at(begin, min(_PIECE, end - begin))
            if not piece:
                return
            begin += len(piece)
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole

    def _frame(self, number):
        if number not in self._kept:
            if len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[number] = zst.content(self._fd, self._packed[number], self._rows[number][0])
        return self._kept[number]


@contextlib.contextmanager
def opened(path):
    """The content from its beginning, to be read like a file, for the C(with) statement; memory stays flat.

    :raises FileNotFoundError: there is none.
    :raises OSError: it is damaged; for what is compressed that is known at the end of what was read.
    """
    fd, compressed = _opened(path)
    if not compressed:
        with os.fdopen(fd, "rb", 1 << 20) as file:
            yield file
        return
    try:
        with zst.unpacked(fd) as file:
            yield file
    finally:
        os.close(fd)


def size(path):
    """Bytes of its content; 0 where there is no such file, or it is none of its own."""
    try:
        with DayFile(path) as file:
            return file.size
    except OSError:
        return 0


def name_of(path):
    """The name under which it lies there: its own, or that of the compressed file."""
    packed = path[: -len(store.PLAIN)] + store.COMPRESSED
    return os.path.basename(packed if os.path.exists(packed) and not os.path.exists(path) else path)


def _opened(path):
    try:
        fd, compressed = os.open(path, _HOW), False
    except FileNotFoundError:
        if not path.endswith(store.PLAIN):
            raise
        # By now; never the other way round.
        fd, compressed = os.open(path[: -len(store.PLAIN)] + store.COMPRESSED, _HOW), True
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "no file of records: " + path)
    return fd, compressed
