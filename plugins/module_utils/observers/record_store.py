# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: a collector's record store, opened and read."""

from __future__ import annotations

import datetime
import grp
import hashlib
import os
import pwd
import stat
import time

from ..records import settings as record_settings
from ..records import store
from ._store import the_settings

_HASH_BUDGET = 256 << 20  # bytes of closed records that one look reads again, newest first
_SHOWN = 20
_RATE_DAYS = 2
_FOLDER = (0o750,)
_CLOSING_SECONDS = 600
"""So long after midnight yesterday may still be open: the housekeeping closes it in this time (records.tending)."""


def look(settings, now, silence_seconds):
    """See what is in the store and how it is protected.

    :param float now: seconds since 1970.
    :param int silence_seconds: a host without a record for so long is silent.
    """
    seen = _Seen(settings, now)
    for record_class in sorted(settings.classes):
        seen.look_at_class(record_class)
    seen.read_again()
    space = os.statvfs(settings.store)
    free = space.f_bavail * space.f_frsize
    per_day = max(seen.bytes_by_day.values(), default=0)
    # The first day is seldom whole.
    age = max(seen.oldest_days, default=0)
    known_from, is_young = seen.today + datetime.timedelta(days=_RATE_DAYS - age), age < _RATE_DAYS
    heard = {host: round(now - last) for host, last in seen.last_heard.items()}
    return {
        "oldest_days": min(seen.oldest_days, default=0),
        "missing_days": seen.missing_days[:_SHOWN],
        "missing_files": seen.missing_files[:_SHOWN],
        "unprotected": seen.unprotected[:_SHOWN],
        "altered": seen.altered[:_SHOWN],
        "overdue": seen.overdue[:_SHOWN],
        "last_heard_seconds": heard,
        "silent_hosts": sorted(
            host for host in settings.hosts if heard.get(host, silence_seconds + 1) > silence_seconds
        ),
        "retention_days": settings.retention_days,
        "free_percent": 100 * space.f_bavail // max(space.f_blocks, 1),
        "lasts_days": None if is_young else min(int(free / per_day), 99999) if per_day else 99999,
        "lasts_days_known_from": known_from.isoformat() if is_young else "",
    }


class _Seen:
    """Gathers what one look finds, class by class."""

    def __init__(self, settings, now):
        self.settings = settings
        self.today = store.today(now)
        self.first_open = store.today(now - _CLOSING_SECONDS)
        self.owner = pwd.getpwnam(settings.owner).pw_uid
        self.to_read = []
        self.oldest_days = []
        self.missing_days, self.missing_files, self.unprotected, self.altered, self.overdue = [], [], [], [], []
        self.last_heard, self.bytes_by_day = {}, {}

    def look_at_class(self, record_class):
        """One class: its days, and each day's files."""
        days = store.days(self.settings.store, record_class)
        if not days:
            self.missing_days.append("%s: no day at all" % record_class)
            self.oldest_days.append(0)
            return
        self.oldest_days.append((self.today - days[0]).days)
        self._protected(record_class, os.path.join(self.settings.store, record_class), store.APPEND_ONLY, _FOLDER)
        present = set(days)
        for offset in range((self.today - days[0]).days + 1):
            day = days[0] + datetime.timedelta(days=offset)
            if day not in present:
                self.missing_days.append("%s %s" % (record_class, day))
        for day in reversed(days):
            if (self.today - day).days > self.settings.retention_days + 1:
                self.overdue.append("%s %s" % (record_class, day))
            self._day(record_class, day)

    def _day(self, record_class, day):
        path = store.folder(self.settings.store, record_class, day)
        closed = day < self.first_open
        closing = self.first_open <= day < self.today
        wanted, modes = (store.IMMUTABLE, (0o440,)) if closed else (store.APPEND_ONLY, (0o640,))
        if closing:
            wanted, modes = wanted | store.IMMUTABLE, (*modes, 0o440)
        label = "%s/%s" % (record_class, day)
        self._protected(record_class, path, wanted, _FOLDER)
        files = store.files(path)
        names = {os.path.basename(name) for name in files}
        for name in files:
            found = os.lstat(name)
            self._protected(record_class, name, wanted, modes)
            self.bytes_by_day[day] = self.bytes_by_day.get(day, 0) + found.st_size
            if not closed and found.st_size:
                host = os.path.basename(name)[: -len(".log")]
                self.last_heard[host] = max(self.last_heard.get(host, 0), found.st_mtime)
        if closed:
            self._manifest(path, names, label)
        elif day <= self.today:
            self.missing_files += [
                "%s/%s.log" % (label, host) for host in sorted(self.settings.hosts) if host + ".log" not in names
            ]

    def _protected(self, record_class, path, wanted, modes):
        """One file or folder: the attribute it must have, the modes it may have, owner and group."""
        found = os.lstat(path)
        label = os.path.relpath(path, self.settings.store)
        group = grp.getgrnam(record_settings.group_of(record_class)).gr_gid
        mode = stat.S_IMODE(found.st_mode)
        if mode not in modes:
            self.unprotected.append("%s has mode %04o, not %04o" % (label, mode, modes[0]))
        if (found.st_uid, found.st_gid) != (self.owner, group):
            self.unprotected.append("%s belongs to %d:%d" % (label, found.st_uid, found.st_gid))
        if not store.flags(path) & wanted:
            self.unprotected.append("%s is not %s" % (label, _WORDS[wanted]))

    def _manifest(self, path, names, label):
        try:
            with open(os.path.join(path, store.MANIFEST), encoding="utf-8") as file:
                listed = {name: digest for digest, _gap, name in (line.rstrip("\n").partition("  ") for line in file)}
        except FileNotFoundError:
            self.altered.append("%s has no %s" % (label, store.MANIFEST))
            return
        self.missing_files += ["%s/%s" % (label, name) for name in sorted(set(listed) - names)]
        self.altered += ["%s/%s is not in %s" % (label, name, store.MANIFEST) for name in sorted(names - set(listed))]
        self.to_read += [(label, path, name, listed[name]) for name in sorted(names & set(listed))]

    def read_again(self):
        """Compare closed files with their manifests, the newest days first, as far as the budget goes."""
        budget = _HASH_BUDGET
        for label, path, name, wanted in sorted(self.to_read, key=lambda row: row[0].rpartition("/")[2], reverse=True):
            full = os.path.join(path, name)
            budget -= os.path.getsize(full)
            if budget < 0:
                return
            with open(full, "rb") as file:
                if hashlib.sha256(file.read()).hexdigest() != wanted:
                    self.altered.append("%s/%s differs from %s" % (label, name, store.MANIFEST))


_WORDS = {
    store.APPEND_ONLY: "append-only",
    store.IMMUTABLE: "immutable",
    store.APPEND_ONLY | store.IMMUTABLE: "append-only or immutable",
}


def see_record_store(silence_seconds):
    settings = the_settings()
    return look(settings, time.time(), silence_seconds)
