# SPDX-License-Identifier: GPL-3.0-or-later
"""The seals of one class as they lie in the store: of the days that are there, and of those that were purged.

Each names the one that was made before it. Mostly that is the day before; where a day was sealed late (the clock had
been ahead), it is whichever was the last one. So there is one way from the first to the last, over all.

<store>/<class>/<day>/SHA256SUMS and SHA256SUMS.sig         of a day that is there
<store>/<class>/purged/<day>.SHA256SUMS and .sig            of one whose time is over; immutable, for ever
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import re
import stat
from typing import NamedTuple

from . import manifest as day_manifest
from . import store as record_store

PURGED = "purged"
FIRST = "first"
_MOST_BYTES = 64 << 20
_PURGED = re.compile(r"(\d{4}-\d{2}-\d{2})\.SHA256SUMS")


class Seal(NamedTuple):
    """What lies there as a day's seal.

    :ivar bytes content: of the manifest.
    :ivar bytes signature: empty where there is none.
    :ivar manifest: manifest.Manifest, or None where it is none of this class and day.
    :ivar bool purged: only the seal is left.
    """

    day: datetime.date
    content: bytes
    signature: bytes
    manifest: day_manifest.Manifest | None
    purged: bool

    @property
    def digest(self):
        """SHA-256 of the manifest."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def before(self):
        """SHA-256 of the manifest before, or C(first)."""
        return self.manifest.before[1] if self.manifest and self.manifest.before else FIRST


def of_day(folder, record_class, day):
    """The seal in an open folder, whatever it is worth; None where there is no signature.

    :param int folder: descriptor of the day's folder.
    """
    content, signature = (read(folder, name) for name in (record_store.MANIFEST, record_store.SIGNATURE))
    return None if signature is None else _seal(content or b"", signature, record_class, day, False)


def purged(store, record_class):
    """The seals of days that are over; files that could have been put there by others than root are none of them.

    :return: list of Seal, by day.
    """
    found = []
    with contextlib.suppress(FileNotFoundError), record_store.opened(store, record_class, PURGED) as folder:
        for name in sorted(os.listdir(folder)):
            match = _PURGED.fullmatch(name)
            if match and _is_immutable(folder, name):
                day = datetime.date.fromisoformat(match[1])
                signature = read(folder, name + ".sig") or b""
                found.append(_seal(read(folder, name) or b"", signature, record_class, day, True))
    return found


def seals(store, record_class):
    """All of a class.

    :return: list of Seal, by day.
    """
    found = {seal.day: seal for seal in purged(store, record_class)}
    for day in record_store.days(store, record_class):
        with contextlib.suppress(FileNotFoundError), record_store.opened(store, record_class, day) as folder:
            seal = of_day(folder, record_class, day)
            if seal and day not in found:
                found[day] = seal
    return [found[day] for day in sorted(found)]


def last(found):
    """The seal that no other names: the next one names it. Of several the youngest; None where there is none.

    :param list found: of Seal.
    """
    named = {seal.before for seal in found}
    return max((seal for seal in found if seal.digest not in named), key=lambda seal: seal.day, default=None)


def _seal(content, signature, record_class, day, is_purged):
    try:
        found = day_manifest.parse(content.decode("utf-8"))
    except ValueError:
        found = None
    if found and (found.record_class, found.day) != (record_class, day):
        found = None
    return Seal(day, content, signature, found, is_purged)


def read(folder, name):
    """A file's bytes; None where there is none, or it is no file of its own."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        return file.read(_MOST_BYTES) if stat.S_ISREG(os.fstat(fd).st_mode) else None


def _is_immutable(folder, name):
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(fd).st_mode) and record_store.flags_of(fd) & record_store.IMMUTABLE != 0
    except OSError:  # a file system without attributes
        return False
    finally:
        os.close(fd)
