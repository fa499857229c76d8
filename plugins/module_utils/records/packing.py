# SPDX-License-Identifier: GPL-3.0-or-later
"""Compress a file of a day that is over, so that at no moment its records stand nowhere."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from typing import NamedTuple

from . import store as record_store
from . import zst

MODE = 0o440
NEW = ".new"
_MAKE = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class Content(NamedTuple):
    """What a file holds: its SHA-256, records (lines) and bytes, as they are before they are compressed."""

    digest: str
    records: int
    bytes: int


def content_of(fd, name, meanwhile):
    """Read an open file, compressed or not.

    :param int fd: at its beginning.
    :param meanwhile: a function that is called every few megabytes.
    :raises OSError: it is damaged.
    """
    if not name.endswith(record_store.COMPRESSED):
        return _sum(_blocks(fd), meanwhile)
    with zst.unpacked(fd) as content:
        return _sum(iter(lambda: content.read(1 << 20), b""), meanwhile)


def pack(folder, plain, name, ids, meanwhile):
    """Put the compressed form of an open file into its folder, immutable, when it was read again and compared.

    :param int folder: its folder's descriptor.
    :param int plain: the file's; it must not change any more.
    :param str name: of the compressed file; what bears it is replaced.
    :param tuple ids: of the account and the group to which it is to belong.
    :return: Content.
    :raises OSError: it could not be done; the plain file is as it was.
    """
    for left in (name, name + NEW):
        remove(folder, left)  # of a run that was killed, or somebody's: the plain one is there
    with _instead(folder, name, ids, MODE) as fd:
        found = _sum(_packed(fd, plain), meanwhile)
        os.fsync(fd)
        os.lseek(fd, 0, os.SEEK_SET)
        again = content_of(fd, name, meanwhile)
        if again != found or os.fstat(plain).st_size != found.bytes:
            raise OSError(errno.EIO, "%s is not what was to be compressed" % name)
    return found


def put(folder, name, content, ids, mode=MODE):
    """Put a small file into a folder, immutable and on the disk; what bears its name is replaced in one step.

    :param bytes content: of the file.
    :param int mode: its rights.
    """
    remove(folder, name + NEW)
    with _instead(folder, name, ids, mode) as fd:
        write(fd, content)


@contextlib.contextmanager
def _instead(folder, name, ids, mode):
    """A new file to be written, which takes a name in one step, immutable, on the disk; where it fails none is left."""
    fd = os.open(name + NEW, _MAKE, 0o600, dir_fd=folder)
    try:
        yield fd
        os.fchown(fd, *ids)
        os.fchmod(fd, mode)
        os.fsync(fd)
        free(folder, name)
        os.rename(name + NEW, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
        record_store.set_flags_of(fd, record_store.IMMUTABLE)
    except BaseException:
        remove(folder, name + NEW)
        raise
    finally:
        os.close(fd)


def remove(folder, name):
    """Take a file away, immutable or not; nothing where there is none."""
    if free(folder, name):
        os.unlink(name, dir_fd=folder)


def free(folder, name):
    """Clear the attributes of a file in a folder that is open.

    :return: bool: whether there is something of this name.
    """
    try:
        if not stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):
            return True
    except FileNotFoundError:
        return False
    fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        record_store.set_flags_of(fd, 0)
    finally:
        os.close(fd)
    return True


def write(fd, content):
    """Write all of it."""
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def _packed(fd, plain):
    """The blocks of a file; each is in the other, compressed, before the next is read."""
    sizes = []
    for block in _blocks(plain):
        frame = zst.frame(block)
        write(fd, frame)
        sizes.append((len(frame), len(block)))
        yield block
    write(fd, zst.table(sizes))


def _blocks(fd):
    offset = 0
    while True:
        block = os.pread(fd, zst.FRAME_BYTES, offset)
        if not block:
            return
        yield block
        offset += len(block)


def _sum(blocks, meanwhile):
    digest, records, size, last = hashlib.sha256(), 0, 0, b"\n"
    for block in blocks:
        digest.update(block)
        records += block.count(b"\n")
        size += len(block)
        last = block[-1:]
        meanwhile()
    return Content(digest.hexdigest(), records + (last != b"\n"), size)
