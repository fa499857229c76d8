# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: a collector's record store, opened and read."""

from __future__ import annotations

import datetime
import grp
import os
import pwd
import stat
import time

from ..records import settings as record_settings
from ..records import store, verifying
from ._store import the_settings

_SHOWN = 20
_RATE_DAYS = 2
_FOLDER = (0o750,)
_OURS = (store.PLAIN, store.COMPRESSED, store.MANIFEST, store.SIGNATURE)


def look(settings, now, silence_seconds):
    """See what is in the store and how it is protected.

    :param float now: seconds since 1970.
    :param int silence_seconds: a host without a record for so long is silent.
    """
    seen = _Seen(settings, now)
    for record_class in sorted(settings.classes):
        seen.look_at_class(record_class)
    space = os.statvfs(settings.store)
    free = space.f_bavail * space.f_frsize
    # Of days that are sealed, where there are any: an open one is not compressed yet.
    sealed = {day: size for day, size in seen.bytes_by_day.items() if day < seen.first_open}
    per_day = max((sealed or seen.bytes_by_day).values(), default=0)
    # The first day is seldom whole.
    age = max(seen.oldest_days, default=0)
    known_from, is_young = seen.today + datetime.timedelta(days=_RATE_DAYS - age), age < _RATE_DAYS
    heard = {host: round(now - last) for host, last in seen.last_heard.items()}
    return {
        "oldest_days": min(seen.oldest_days, default=0),
        "missing_days": seen.missing_days[:_SHOWN],
        "missing_files": seen.missing_files[:_SHOWN],
        "unprotected": seen.unprotected[:_SHOWN],
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
        self.first_open = store.today(now - verifying.LATE_SECONDS)  # it may take so long to seal
        self.owner = pwd.getpwnam(settings.owner).pw_uid
        self.oldest_days = []
        self.missing_days, self.missing_files, self.unprotected, self.overdue = [], [], [], []
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
        self._protected(record_class, path, 0 if closing else wanted, _FOLDER)
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            if entry.name.endswith(_OURS) and entry.is_file(follow_symlinks=False):
                self._file(record_class, day, entry.path, (wanted, modes))
        # What a sealed day has, its seal says; a host that came since has no file in it.
        if day == self.today or (closing and not os.path.lexists(os.path.join(path, store.SIGNATURE))):
            names = {store.host_of(name) for name in store.files(path)}
            self.missing_files += ["%s/%s.log" % (label, host) for host in sorted(set(self.settings.hosts) - names)]

    def _file(self, record_class, day, path, asked):
        try:
            self._protected(record_class, path, *asked)
            found = os.lstat(path)
        except FileNotFoundError:
            return  # it has just been compressed
        self.bytes_by_day[day] = self.bytes_by_day.get(day, 0) + found.st_size
        if day >= self.first_open and found.st_size and path.endswith((store.PLAIN, store.COMPRESSED)):
            host = store.host_of(path)
            self.last_heard[host] = max(self.last_heard.get(host, 0), found.st_mtime)

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
        if wanted and not store.flags(path) & wanted:
            self.unprotected.append("%s is not %s" % (label, _WORDS[wanted]))


_WORDS = {
    store.APPEND_ONLY: "append-only",
    store.IMMUTABLE: "immutable",
    store.APPEND_ONLY | store.IMMUTABLE: "append-only or immutable",
}


def see_record_store(silence_seconds):
    settings = the_settings()
    return look(settings, time.time(), silence_seconds)
