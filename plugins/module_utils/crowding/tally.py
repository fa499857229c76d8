# SPDX-License-Identifier: GPL-3.0-or-later
"""Who wrote how much into this host's journal in a day (UTC), to the byte on the disk."""

from __future__ import annotations

import contextlib
import json
import os
import time

from . import accounts, journal_file

MOST = 100_000
"""Objects of a file that are looked at in one go: below a second, and the program answers in between."""

_GONE = 10  # looks


def folder(root="/"):
    """Where this host's journal is kept on the disk."""
    with open(os.path.join(root, "etc/machine-id"), encoding="ascii") as file:
        return os.path.join(root, "var/log/journal", file.read().strip())


class Tally:
    """The day, what each account has written in it, and up to where was counted: always of one moment.

    So who begins anew from what was saved counts nothing twice, and leaves nothing out.

    :ivar str day: such as 2026-11-24.
    :ivar dict written: user id to bytes.
    :ivar bool new: nothing was saved before.
    """

    def __init__(self, saved=None):
        saved = saved or {}
        self.day = saved.get("day", "")
        self.written = {int(uid): number for uid, number in saved.get("written", {}).items()}
        self.new = "places" not in saved
        self._places = saved.get("places", {})
        self._weighers, self._through, self._missing = {}, {}, {}
        self.owners = accounts.Owners()

    def saved(self):
        """What a later run begins with."""
        places = {**self._places, **{key: one.place for key, one in self._weighers.items()}}
        return {
            "day": self.day,
            "written": {str(uid): number for uid, number in self.written.items()},
            "places": places,
        }

    def begin_day(self, now):
        """Begin anew where another day has begun.

        :param float now: seconds since 1970.
        :return: bool: whether it has.
        """
        day = time.strftime("%Y-%m-%d", time.gmtime(now))
        if day == self.day:
            return False
        self.day, self.written = day, {}
        return True

    def look(self, where):
        """Count what was added to the files since the last time. On the first look of all only what comes later counts.

        :param str where: the folder of the journal.
        :return: pair: whether all was counted, and sentences on what could not be read.
        """
        whole, wrong, there, unsure = True, [], set(), False
        with os.scandir(where) as entries:
            found = sorted((one.name, one.inode()) for one in entries if ".journal" in one.name)
        for name, inode in found:
            archived = "@" in name
            if (name, inode) in self._through:
                there.add(self._through[name, inode])
                continue
            try:
                key, end = self._count(os.path.join(where, name), name)
            except OSError as error:
                unsure = True
                # It may have another name by now, or be gone; and one that is not written to any more may be broken.
                if not archived and not isinstance(error, FileNotFoundError):
                    wrong.append("%s can't be read: %s" % (name, error))
                continue
            there.add(key)
            whole = whole and end
            if archived and self._is_through(key):
                self._through[name, inode] = key
        if not unsure:
            self._forget(there, set(found))
            self.new = False
        return whole, wrong

    def _is_through(self, key):
        """Whether nothing of a file that gets no more entries is left to be counted."""
        weigher = self._weighers.get(key)
        if weigher is not None and weigher.rests:
            self._places[key] = self._weighers.pop(key).place
        return key is not None and key not in self._weighers

    def _forget(self, there, found):
        """What is gone from the folder, and not only between two names."""
        for key in [*self._places, *self._weighers]:
            self._missing[key] = 0 if key in there else self._missing.get(key, 0) + 1
            if self._missing[key] > _GONE:
                del self._missing[key]
                self._places.pop(key, None)
                self._weighers.pop(key, None)
        for one in [one for one in self._through if one not in found]:
            del self._through[one]

    def _count(self, path, name):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            head = journal_file.header(fd)
            if head is None:
                return None, True
            key = head.file_id.hex()
            account = journal_file.account_of(name)
            if account is not None and self.owners.of(account) != account:
                self._count_all(key, account, os.fstat(fd).st_blocks * 512)
                return key, True
            if key not in self._weighers:
                self._weighers[key] = journal_file.Weigher(self._places.get(key, 0))
                if self.new:
                    self._weighers[key].settle(fd)
            found = {}
            try:
                return key, self._weighers[key].weigh(fd, MOST, found)
            finally:
                for uid, number in found.items():
                    self._charge(uid, number)
        finally:
            os.close(fd)

    def _count_all(self, key, account, size):
        """A subordinate user id's file, with all the room that journald takes for it: an account has 65,536 of them."""
        if not self.new:
            self._charge(account, max(0, size - self._places.get(key, 0)))
        self._places[key] = size

    def _charge(self, uid, number):
        if number and uid not in (journal_file.NOBODY, 0):
            owner = self.owners.of(uid)
            self.written[owner] = self.written.get(owner, 0) + number


def load(path):
    """A saved document; an empty one where there is none."""
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        return json.load(file)
    return {}


def save(path, document):
    """Replace it in one step."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(document, file)
    os.replace(path + ".new", path)
