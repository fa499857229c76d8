# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the days that lie here are those that were sealed: files, seals, attributes, and the way from seal to seal.

What is found is told by class, day and file, the first day first. Hashes are made on all processors (in threads:
OpenSSL's do not hold each other up), a class at a time, so that memory stays flat.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import stat
import time
from typing import NamedTuple

from . import chain, keys
from . import store as record_store

LATE_SECONDS = 3600
"""A day that has been over for longer is to be sealed."""
_SEALS = (record_store.MANIFEST, record_store.SIGNATURE)
_BLOCK = 1 << 20
_LOOK = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Fault(NamedTuple):
    """What is wrong: with a day as text, and a file, empty where it is the day as a whole."""

    day: str
    record_class: str
    file: str
    what: str

    def __str__(self):
        return "%s: %s" % ("/".join(filter(None, (self.record_class, self.day, self.file))), self.what)


class Budget:
    """How much a look reads: an inspection has no time for all.

    :param bytes: of files.
    :param seconds: for which signatures are verified.
    """

    def __init__(self, most_bytes=1 << 62, seconds=1 << 30):
        self._left, self._of_class = most_bytes, 0
        self._until = time.monotonic() + seconds

    def begin(self, classes):
        """So many classes are still to be looked at; what one leaves the next ones have."""
        self._of_class = self._left // classes

    def takes(self, size):
        """Whether so many bytes more may be read of this class."""
        self._of_class -= size
        if self._of_class < 0:
            return False
        self._left -= size
        return True

    def has_time(self):
        """Whether one more signature may be verified."""
        return time.monotonic() < self._until


class Found(NamedTuple):
    """What a look found: C(faults), sorted, and how much of it there was."""

    faults: list
    days: int
    files: int
    bytes: int


def verify(settings, classes, day=None, *, now=None, budget=None, public=None, attributes=True):
    """Verify what is sealed.

    :param str day: YYYY-MM-DD: its files alone; all if left out. The way from seal to seal is looked at as a whole.
    :param float now: seconds since 1970: days that should be sealed by then and are not are faults; None for a copy,
        which may have some days and classes only, and no attributes.
    :param Budget budget: how much of it, the newest days first.
    :param list public: the keys that may have signed; None for this collector's own.
    :param bool attributes: whether modes and attributes are looked at.
    :return: Found.
    """
    look = _Look(settings, budget or Budget(), keys.public(settings.store) if public is None else public, now)
    look.attributes = attributes and not look.is_copy
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for number, record_class in enumerate(sorted(classes)):
            look.budget.begin(len(classes) - number)
            for done in [pool.submit(*job) for job in look.class_(record_class, day)]:
                done.result()
    return Found(sorted(set(look.faults)), look.days, look.files, look.bytes)


class _Look:
    def __init__(self, settings, budget, public, now):
        self.store, self.budget, self.public = settings.store, budget, public
        self.is_copy, self.attributes = now is None, True
        self.first_open = None if now is None else record_store.today(now - LATE_SECONDS)
        self.collector = settings.host
        self.faults, self.days, self.files, self.bytes = [], 0, 0, 0

    def say(self, record_class, day, file, what):
        self.faults.append(Fault(str(day), record_class, file, what))

    def class_(self, record_class, wanted):
        """See how a class is, and give what is to be read of it, the newest day first: functions with arguments."""
        found = chain.seals(self.store, record_class)
        self._chain(record_class, found)
        by_day = {seal.day: seal for seal in found}
        for day in reversed(record_store.days(self.store, record_class)):
            seal = by_day.get(day)
            if wanted not in (None, str(day)):
                continue
            if seal and not seal.purged:
                self.days += 1
                yield self._signature, record_class, seal
                yield from self._day(record_class, seal)
            elif not seal and not self.is_copy and day < self.first_open:
                self.say(record_class, day, record_store.SIGNATURE, "the day is over and not sealed")

    def _chain(self, record_class, found):
        """There is one way from the first seal to the last, over each day."""
        by_digest = {seal.digest: seal for seal in found}
        named = {}
        for seal in found:
            if seal.manifest is None:
                self.say(record_class, seal.day, record_store.MANIFEST, "it is no manifest of this class and day")
                continue
            if seal.manifest.collector != self.collector:
                self.say(record_class, seal.day, record_store.MANIFEST, "it is a seal of " + seal.manifest.collector)
            if seal.before in named and not self.is_copy:
                other = named[seal.before]
                self.say(record_class, seal.day, record_store.MANIFEST, "it follows the same seal as %s" % other)
            named[seal.before] = seal.day
            if seal.manifest.before and seal.before not in by_digest and not self.is_copy:
                what = "the seal that %s names before it is not there, or is another one" % seal.day
                self.say(record_class, seal.manifest.before[0], record_store.MANIFEST, what)

    def _signature(self, record_class, seal):
        if not self.budget.has_time() or seal.manifest is None:
            return
        if not keys.is_signed(seal.content, seal.signature, seal.manifest.collector, self.public):
            what = "it is no signature of this manifest by a key of the collector"
            self.say(record_class, seal.day, record_store.SIGNATURE, what)

    def _day(self, record_class, seal):
        listed = {one.name: one for one in seal.manifest.entries} if seal.manifest else {}
        with record_store.opened(self.store, record_class, seal.day) as folder:
            self._attributes((record_class, seal.day, ""), folder, 0o750)
            names = set(os.listdir(folder))
            for name in sorted(names):
                place = record_class, seal.day, name
                if name not in listed and name not in _SEALS:
                    self.say(*place, "it is not in " + record_store.MANIFEST)
                    continue
                try:
                    fd = os.open(name, _LOOK, dir_fd=folder)
                except OSError as error:
                    self.say(*place, "it can't be opened: %s" % error.strerror)
                    continue
                try:
                    self._attributes(place, fd, 0o440)
                    size = os.fstat(fd).st_size
                finally:
                    os.close(fd)
                if name in listed and self.budget.takes(size):
                    yield self._file, record_class, seal.day, listed[name]
        for name in sorted({*listed, *_SEALS} - names):
            self.say(record_class, seal.day, name, "it is missing")

    def _attributes(self, place, fd, mode):
        found = os.fstat(fd)
        if place[2] and not stat.S_ISREG(found.st_mode):
            self.say(*place, "it is no file")
        if self.attributes and not record_store.flags_of(fd) & record_store.IMMUTABLE:
            self.say(*place, "it is not immutable")
        if self.attributes and stat.S_IMODE(found.st_mode) != mode:
            self.say(*place, "it has mode %04o, not %04o" % (stat.S_IMODE(found.st_mode), mode))

    def _file(self, record_class, day, entry):
        digest, size, buffer = hashlib.sha256(), 0, bytearray(_BLOCK)
        view = memoryview(buffer)
        try:
            with (
                record_store.opened(self.store, record_class, day) as folder,
                os.fdopen(os.open(entry.name, _LOOK, dir_fd=folder), "rb", 0) as file,
            ):
                while read := file.readinto(buffer):
                    digest.update(view[:read])
                    size += read
        except OSError as error:
            self.say(record_class, day, entry.name, "it can't be read: %s" % error.strerror)
            return
        self.files += 1
        self.bytes += size
        if digest.hexdigest() != entry.digest:
            self.say(record_class, day, entry.name, "it differs from " + record_store.MANIFEST)
