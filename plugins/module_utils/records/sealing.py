# SPDX-License-Identifier: GPL-3.0-or-later
"""Seal a day that is over: compressed, listed, signed, immutable. Whoever is killed in between goes on the next time.

In this order, each step whole on the disk before the next:

1. A file gets no more records (immutable) and is compressed into C(<host>.log.zst); only then the plain one goes
   (packing.py). What is empty stays as it is.
2. C(SHA256SUMS) and its signature are put beside the files.
3. The folder becomes immutable. A folder that is not so is not sealed.

A plain file is the truth for as long as it is there; a compressed one is ours if it is immutable, which the receiver's
account can't make it. Days that an earlier version closed keep their files and hashes as they are.
"""

from __future__ import annotations

import errno
import os
import stat

from . import chain, keys, packing
from . import manifest as day_manifest
from . import store as record_store

_LOOK = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def is_due(settings, first_open):
    """Whether there is a day to be sealed: one before the first that is open, and without a signature."""
    return any(
        day < first_open
        and not os.path.lexists(os.path.join(record_store.folder(settings.store, one, day), record_store.SIGNATURE))
        for one in settings.classes
        for day in record_store.days(settings.store, one)
    )


class Sealer:
    """Seals days of one class.

    :param str collector: by whom.
    :param tuple ids: of the account and the group to which the files belong.
    :param meanwhile: a function that is called every few megabytes.
    :ivar list done: what else was done, in sentences.
    :ivar list alarms: what was found to be wrong.
    """

    def __init__(self, store, record_class, collector, ids, meanwhile=lambda: None):
        self._store, self._class, self._collector, self._ids = store, record_class, collector, ids
        self._meanwhile = meanwhile
        self.done, self.alarms = [], []

    def seal(self, day):
        """Seal a day, or finish it. What was signed once is never signed anew.

        :return: chain.Seal, or None where it is sealed already, or its purge has begun.
        :raises OSError: it could not be done now; nothing is lost.
        """
        with record_store.opened(self._store, self._class, day) as folder:
            # Asked of each day once a minute.
            if record_store.flags_of(folder) & record_store.IMMUTABLE and _is_there(folder, record_store.SIGNATURE):
                return None
            if any(one.day == day for one in chain.purged(self._store, self._class)):
                return None
            seal = chain.of_day(folder, self._class, day)
            keys.ensure(self._store, self._collector)
            if seal and keys.is_signed(seal.content, seal.signature, self._collector, keys.public(self._store)):
                self._protect(folder, day, seal)
                return None
            record_store.set_flags_of(folder, 0)
            try:
                listed = self._listed(folder, day)
                entries = tuple(self._again(folder, listed) if listed else self._compressed(folder))
                self._sign(folder, day, entries, listed)
            except BaseException:
                # Until the next run nothing that is in it can be taken out.
                record_store.set_flags_of(folder, record_store.APPEND_ONLY)
                raise
            record_store.set_flags_of(folder, record_store.IMMUTABLE)
            return chain.of_day(folder, self._class, day)

    def _protect(self, folder, day, seal):
        """A sealed day gets the attributes back that it has lost: by a run that was killed, or by somebody."""
        names = [one.name for one in seal.manifest.entries] if seal.manifest else []
        for name in [*names, record_store.MANIFEST, record_store.SIGNATURE]:
            try:
                fd = os.open(name, _LOOK, dir_fd=folder)
            except OSError:
                continue  # it is gone, or another thing: whoever verifies says so
            try:
                record_store.set_flags_of(fd, record_store.IMMUTABLE)
            finally:
                os.close(fd)
        record_store.set_flags_of(folder, record_store.IMMUTABLE)
        self.done.append("made the sealed day %s/%s immutable again" % (self._class, day))

    def _listed(self, folder, day):
        """The manifest that is there: of who closed the day before there were seals, or of a run that was killed.

        :return: manifest.Manifest, without counts where nobody counted; None where there is none of ours.
        """
        content = chain.read(folder, record_store.MANIFEST)
        if content is None or not _are_closed(folder):
            packing.remove(folder, record_store.MANIFEST)  # somebody put it there
            return None
        try:
            text = content.decode("utf-8")
            if day_manifest.is_seal(text):
                return day_manifest.parse(text)
            closed = day_manifest.closed_before(text)
        except ValueError as error:
            raise OSError(errno.EINVAL, "%s: %s" % (record_store.MANIFEST, error)) from error
        entries = tuple(day_manifest.Entry(name, digest, 0, 0) for name, digest in sorted(closed.items()))
        return day_manifest.Manifest(self._collector, self._class, day, None, True, entries)

    def _again(self, folder, listed):
        """The files of a day that was listed before; a hash that is not right is not put right."""
        for one in listed.entries:
            digest, found = "", packing.Content("", 0, 0)
            try:
                fd = os.open(one.name, _LOOK, dir_fd=folder)
                try:
                    record_store.set_flags_of(fd, record_store.IMMUTABLE)
                    digest = record_store.digest(fd)
                    found = packing.content_of(fd, one.name, self._meanwhile)
                finally:
                    os.close(fd)
            except OSError:
                digest = ""
            if digest != one.digest:
                self.alarms.append(
                    "%s/%s/%s is not what it was when its day was closed: the seal has the hash of then"
                    % (self._class, listed.day, one.name)
                )
            yield day_manifest.Entry(one.name, one.digest, found.records, found.bytes)

    def _compressed(self, folder):
        known = {}
        for name, fd in record_store.opened_files(folder):
            if day_manifest.is_name(name):
                record_store.set_flags_of(fd, 0)
                os.fchmod(fd, packing.MODE)
                record_store.set_flags_of(fd, record_store.IMMUTABLE)
                packed = record_store.host_of(name) + record_store.COMPRESSED
                if os.fstat(fd).st_size:
                    known[packed] = packing.pack(folder, fd, packed, self._ids, self._meanwhile)
                    record_store.set_flags_of(fd, 0)
                    os.unlink(name, dir_fd=folder)
                    os.fsync(folder)
        for name in sorted(os.listdir(folder)):
            if name.endswith((record_store.PLAIN, record_store.COMPRESSED)) and day_manifest.is_name(name):
                digest = _digest(folder, name)
                if digest:
                    found = known.get(name) or self._content(folder, name)  # by a run that was killed
                    yield day_manifest.Entry(name, digest, found.records, found.bytes)

    def _sign(self, folder, day, entries, listed):
        others = [seal for seal in chain.seals(self._store, self._class) if seal.day != day]
        last = chain.last(others)
        before = (last.day, last.digest) if last else None
        if listed and listed.before and listed.before[1] not in {seal.before for seal in others}:
            before = listed.before
        made = day_manifest.Manifest(self._collector, self._class, day, before, bool(listed and listed.old), entries)
        content = day_manifest.text(made).encode("utf-8")
        signature = keys.sign(content)
        packing.put(folder, record_store.MANIFEST, content, self._ids)
        packing.put(folder, record_store.SIGNATURE, signature, self._ids)

    def _content(self, folder, name):
        fd = os.open(name, _LOOK, dir_fd=folder)
        try:
            return packing.content_of(fd, name, self._meanwhile)
        finally:
            os.close(fd)


def _is_there(folder, name):
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _are_closed(folder):
    """Whether nobody can add to the files of a day any more."""
    return all(record_store.flags_of(fd) & record_store.IMMUTABLE for _name, fd in record_store.opened_files(folder))


def _digest(folder, name):
    """The SHA-256 of a file that is immutable; empty where it is not, or is none: then it is none of ours."""
    if not stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):
        return ""
    fd = os.open(name, _LOOK, dir_fd=folder)
    try:
        return record_store.digest(fd) if record_store.flags_of(fd) & record_store.IMMUTABLE else ""
    finally:
        os.close(fd)
