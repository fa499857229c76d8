# SPDX-License-Identifier: GPL-3.0-or-later
"""Compressed files that C(zstd -dc) reads from end to end, and of which a part is read without all that is before it.

A file is a row of frames, each of 4 MiB of content, and at its end a table of them: the seekable format of Zstandard
(zstd, contrib/seekable_format/zstd_seekable_compression_format.md), which other programs skip.
"""

from __future__ import annotations

import os
import struct

from .. import processes

FRAME_BYTES = 4 << 20
_SKIPPED, _SEEKABLE = 0x184D2A5E, 0x8F92EAB1
_HEAD, _ROW, _FOOT = struct.Struct("<II"), struct.Struct("<II"), struct.Struct("<IBI")
_MOST_FRAMES = 1 << 27  # 512 TiB of content: more is no table


def frame(block):
    """One frame.

    :param bytes block: FRAME_BYTES of content at the most.
    :raises OSError: zstd did not do it.
    """
    done = processes.run(["zstd", "-q", "-c", "-3", "--stream-size=%d" % len(block)], seconds=600, given=block)
    if done.returncode:
        raise OSError("zstd: " + done.stderr.decode("utf-8", "replace").strip())
    return done.stdout


def table(sizes):
    """What stands behind the frames.

    :param list sizes: of each frame: its bytes, and those of its content.
    """
    rows = b"".join(_ROW.pack(*pair) for pair in sizes) + _FOOT.pack(len(sizes), 0, _SEEKABLE)
    return _HEAD.pack(_SKIPPED, len(rows)) + rows


def sizes(fd):
    """The table of an open file, as it was given.

    :raises ValueError: it has none.
    """
    end = os.fstat(fd).st_size - _FOOT.size
    foot = os.pread(fd, _FOOT.size, max(end, 0))
    if len(foot) < _FOOT.size:
        raise ValueError("no table of frames at its end")
    number, form, magic = _FOOT.unpack(foot)
    begin = end - number * _ROW.size
    if magic != _SEEKABLE or form or number > _MOST_FRAMES or begin < _HEAD.size:
        raise ValueError("no table of frames at its end")
    return list(_ROW.iter_unpack(os.pread(fd, number * _ROW.size, begin)))


def content(fd, begin, length):
    """The content of a frame.

    :param int begin: where in the file it begins.
    :param int length: its bytes.
    :raises OSError: it is damaged.
    """
    done = processes.run(["zstd", "-dcq"], seconds=600, given=os.pread(fd, length, begin))
    if done.returncode:
        raise OSError("zstd: " + done.stderr.decode("utf-8", "replace").strip())
    return done.stdout


def unpacked(fd):
    """All content, to be read like a file, for the C(with) statement.

    :param int fd: at the file's beginning; it is the program's from then on.
    :raises OSError: at its end, where it is damaged.
    """
    return processes.output(["zstd", "-dcq"], fd)
