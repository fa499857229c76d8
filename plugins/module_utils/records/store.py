# SPDX-License-Identifier: GPL-3.0-or-later
"""Where records lie, and how a file is made append-only or immutable."""

from __future__ import annotations

import array
import contextlib
import datetime
import fcntl
import hashlib
import os
import re
import stat

FS_IOC_GETFLAGS = 0x80086601  # linux/fs.h, 64-bit; ioctl_iflags(2)
FS_IOC_SETFLAGS = 0x40086602
APPEND_ONLY = 0x20  # FS_APPEND_FL, chattr +a
IMMUTABLE = 0x10  # FS_IMMUTABLE_FL, chattr +i
MANIFEST = "SHA256SUMS"
SIGNATURE = MANIFEST + ".sig"
PLAIN, COMPRESSED = ".log", ".log.zst"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def flags(path):
    """The two protecting attributes of a file or folder, as bits.

    :raises OSError: the file is not there, or the file system knows no attributes.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        return flags_of(fd)
    finally:
        os.close(fd)


def flags_of(fd):
    """The same of what is open."""
    return _get(fd) & (APPEND_ONLY | IMMUTABLE)


def set_flags(path, wanted):
    """Give a file or folder just these of the two attributes; its others stay.

    :param int wanted: C(APPEND_ONLY), C(IMMUTABLE) or 0.
    :return: bool: whether anything changed.
    :raises OSError: EPERM without CAP_LINUX_IMMUTABLE, ENOTTY where the file system knows no attributes.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        return set_flags_of(fd, wanted)
    finally:
        os.close(fd)


def set_flags_of(fd, wanted):
    """The same of what is open."""
    now = _get(fd)
    then = (now & ~(APPEND_ONLY | IMMUTABLE)) | wanted
    if then == now:
        return False
    fcntl.ioctl(fd, FS_IOC_SETFLAGS, array.array("L", [then]))
    return True


@contextlib.contextmanager
def opened(store, *names):
    """Open the folder of a class, or of a day, through no symlink: the receiver's account places what it will in them.

    :return: its descriptor, for the C(with) statement.
    """
    fd = os.open(store, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            inner = os.open(str(name), _FOLDER, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def alone(store):
    """Nobody else seals, purges or holds days within it, for the C(with) statement: the timer waits for a person."""
    fd = os.open(store, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def opened_files(folder):
    """Open the record files in an open folder, one after the other: pairs of name, sorted, and descriptor."""
    for name in sorted(os.listdir(folder)):
        if name.endswith(PLAIN) and stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):
            fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                yield name, fd
            finally:
                os.close(fd)


def _get(fd):
    buffer = array.array("L", [0])
    fcntl.ioctl(fd, FS_IOC_GETFLAGS, buffer, True)
    return buffer[0]


def days(store, record_class):
    """The days of one class that have a folder, oldest first, as datetime.date."""
    try:
        with os.scandir(os.path.join(store, record_class)) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        if _DAY.fullmatch(name):
            try:
                found.append(datetime.date.fromisoformat(name))
            except ValueError:
                continue  # 2026-02-31: nobody's day
    return sorted(found)


def folder(store, record_class, day):
    """The folder of one class and UTC day."""
    return os.path.join(store, record_class, day.isoformat())


def files(path):
    """The record files in a day's folder, sorted, each by the name that it has while the day is open.

    Who reads one opens it by reading.py, whether it is compressed by now or not.
    """
    names = {
        entry.path[: -len(end)]
        for entry in os.scandir(path)
        for end in (PLAIN, COMPRESSED)
        if entry.name.endswith(end) and entry.is_file(follow_symlinks=False)
    }
    return sorted(name + PLAIN for name in names)


def host_of(path):
    """The host whose records a file holds."""
    name = os.path.basename(path)
    return name[: -len(COMPRESSED if name.endswith(COMPRESSED) else PLAIN)]


def digest(fd):
    """The SHA-256 of what is open, in hex digits; where it stands does not change."""
    sum_, offset = hashlib.sha256(), 0
    while True:
        block = os.pread(fd, 1 << 20, offset)
        if not block:
            return sum_.hexdigest()
        sum_.update(block)
        offset += len(block)


def today(now):
    """The UTC day of a point in time (seconds since 1970)."""
    return datetime.datetime.fromtimestamp(now, datetime.timezone.utc).date()
