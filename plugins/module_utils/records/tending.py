# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector's housekeeping, once a minute: C(order82 records tend).

Open days are append-only, past ones closed and immutable, those past retention deleted, and the disk is watched, as is
what each sender has of it. A full disk raises an alarm and never deletes (article 13). Every step can be repeated: a
run that was killed is finished by the next one.
"""

from __future__ import annotations

import contextlib
import datetime
import grp
import hashlib
import os
import pwd
import stat
import sys
import time

from .. import processes
from ..observers import ObservationError, observe
from . import claims, holdings, shares
from . import settings as record_settings
from . import store as record_store

OPEN_AHEAD_SECONDS = 15 * 60  # the next day's files are there, append-only, before the first record needs them
CLOSE_AFTER_SECONDS = 5 * 60  # what arrives at midnight is written by then
RECEIVER = "order82-collect.service"
HELD = "/run/order82-records/held"  # we stopped the receiver, not a person
OPEN_MODE, CLOSED_MODE, FOLDER_MODE = 0o640, 0o440, 0o750


class Report:
    """What a run did (C(done)), what a person must know (C(alarms)), and which days there are (C(holds)): sentences."""

    def __init__(self):
        self.done = []
        self.alarms = []
        self.holds = []


def tend(settings, now, report):
    """Run all steps. Each goes on where another failed, since a broken class must not leave the others unprotected.

    :param float now: seconds since 1970.
    """
    steps = [open_days, protect, close_days]
    for record_class in sorted(settings.classes):
        for step in steps:
            try:
                step(settings, record_class, now, report)
            except OSError as error:
                report.alarms.append("%s of class %s failed: %s" % (step.__name__, record_class, error))
    purge(settings, now, report)
    watch_disk(settings, report)
    watch_shares(settings, now, report)
    watch_claims(settings, now, report)
    say_what_is_held(settings, now, report)


def open_days(settings, record_class, now, report):
    """Make today's folder and files (and shortly before midnight tomorrow's), so that no record waits."""
    ids = _ids(settings, record_class)
    _make_folder(settings.store, (), record_class, ids)
    for day in sorted({record_store.today(now), record_store.today(now + OPEN_AHEAD_SECONDS)}):
        _make_folder(settings.store, (record_class,), day.isoformat(), ids)
        with record_store.opened(settings.store, record_class, day) as folder:
            for host in settings.hosts:
                _make_file(folder, host + ".log", ids)
            record_store.set_flags_of(folder, record_store.APPEND_ONLY)
    with record_store.opened(settings.store, record_class) as parent:
        record_store.set_flags_of(parent, record_store.APPEND_ONLY)
    del report


def protect(settings, record_class, now, report):
    """Make every file of an open day append-only; say so where one had lost it, since that is not ours to lose."""
    first_open = _first_open_day(now)
    for day in record_store.days(settings.store, record_class):
        if day < first_open:
            continue
        with record_store.opened(settings.store, record_class, day) as folder:
            for name, file in record_store.opened_files(folder):
                if record_store.set_flags_of(file, record_store.APPEND_ONLY):
                    path = os.path.join(record_store.folder(settings.store, record_class, day), name)
                    report.done.append("made %s append-only" % path)
            record_store.set_flags_of(folder, record_store.APPEND_ONLY)


def close_days(settings, record_class, now, report):
    """Close the days that are over: manifest, mode 0440, immutable. A day that is closed already is left alone."""
    first_open = _first_open_day(now)
    for day in record_store.days(settings.store, record_class):
        if day >= first_open:
            continue
        with record_store.opened(settings.store, record_class, day) as folder:
            if record_store.flags_of(folder) & record_store.IMMUTABLE:
                continue
            record_store.set_flags_of(folder, 0)
            lines, size = [], 0
            for name, file in record_store.opened_files(folder):
                record_store.set_flags_of(file, 0)
                os.fchmod(file, CLOSED_MODE)
                record_store.set_flags_of(file, record_store.IMMUTABLE)
                lines.append("%s  %s\n" % (_digest(file), name))
                size += os.fstat(file).st_size
            _write_manifest(folder, lines, _ids(settings, record_class))
            record_store.set_flags_of(folder, record_store.IMMUTABLE)
        report.done.append("closed %s %s: %d files, %d bytes" % (record_class, day, len(lines), size))


def purge(settings, now, report):
    """Delete whole days that are older than the retention, oldest first, and say what was deleted.

    Only a closed day goes, and only while the clock is known to be right: a clock that jumps ahead deletes nothing.
    """
    oldest_kept = record_store.today(now) - datetime.timedelta(days=settings.retention_days)
    past = [
        (record_class, day)
        for record_class in sorted(settings.classes)
        for day in record_store.days(settings.store, record_class)
        if day < oldest_kept
    ]
    if not past:
        return
    try:
        trusted = observe("clock", {})["synchronised"]
    except ObservationError as error:
        report.alarms.append("nothing is purged: the clock can't be asked (%s)" % error)
        return
    if not trusted:
        report.alarms.append("nothing is purged: the clock is not synchronised")
        return
    for record_class, day in past:
        try:
            _delete_day(settings, record_class, day, report)
        except OSError as error:
            report.alarms.append("%s %s is not purged: %s" % (record_class, day, error))


def watch_disk(settings, report):
    """Raise an alarm where the store's disk is nearly full, and stop receiving where it is all but full.

    It never makes room: that is for people to do. rsyslog acknowledges what it could not write for want of room, so
    the receiver is stopped before; the senders then keep their records until it takes them again.
    """
    space = os.statvfs(settings.store)
    free = 100 * space.f_bavail // max(space.f_blocks, 1)
    if free < settings.free_percent_alarm:
        report.alarms.append(
            "the disk of %s has %d %% left, less than %d %%: make it larger; no record is deleted for room"
            % (settings.store, free, settings.free_percent_alarm)
        )
    if free < settings.reserve_percent:
        report.alarms.append(
            "receiving is stopped until %d %% are free; the senders keep their records" % settings.reserve_percent
        )
        if not os.path.exists(HELD):
            _systemctl("stop", RECEIVER)
            with open(HELD, "w", encoding="ascii"):
                pass
    elif os.path.exists(HELD):
        _systemctl("start", "--no-block", RECEIVER)
        os.unlink(HELD)
        report.done.append("receiving goes on: there is room again")


def watch_shares(settings, now, report):
    """Raise an alarm for each host that has or sends too much, and hold back who has more than his share of the disk.

    While anybody is held back the receiver's network is told each time anew, whatever became of it the last time.
    Nobody waits for that: the receiver starts, and is reloaded, after this.
    """
    try:
        seen = shares.look(settings, now, shares.SEEN)
        report.alarms += shares.sentences(settings, seen)
        over = shares.beyond(settings, seen)
        changed = shares.hold(over, shares.HELD, shares.SENDERS)
        if changed or over:
            _systemctl("--no-block", "try-reload-or-restart", RECEIVER)
        if changed:
            report.done.append("held back now: %s" % (", ".join(over) or "nobody"))
    except OSError as error:
        report.alarms.append("what each host has of the store can't be looked at: %s" % error)


def watch_claims(settings, now, report):
    """Raise an alarm for each account that wrote, since the last run, what it may not write."""
    try:
        report.alarms += claims.sentences(claims.fresh(settings, now, claims.SEEN))
    except OSError as error:
        report.alarms.append("what only claims to be of a class can't be counted: %s" % error)


def say_what_is_held(settings, now, report):
    """Tell the other collector which days there are, where they are not those of the last time."""
    try:
        report.holds += holdings.say(settings, now, holdings.SEEN)
    except OSError as error:
        report.alarms.append("which days there are can't be said: %s" % error)


def _systemctl(*words):
    done = processes.run(["systemctl", *words], seconds=120)
    if done.returncode:
        raise OSError("systemctl %s: %s" % (" ".join(words), done.stderr.decode("utf-8", "replace").strip()))


def _first_open_day(now):
    return record_store.today(now - CLOSE_AFTER_SECONDS)


def _ids(settings, record_class):
    return pwd.getpwnam(settings.owner).pw_uid, grp.getgrnam(record_settings.group_of(record_class)).gr_gid


def _make_folder(store, above, name, ids):
    """Make a folder, or give it its rights; what else lies there nobody follows."""
    with record_store.opened(store, *above) as parent, contextlib.suppress(FileExistsError):
        os.mkdir(name, FOLDER_MODE, dir_fd=parent)
    with record_store.opened(store, *above, name) as folder:
        found = os.fstat(folder)
        if (found.st_uid, found.st_gid, found.st_mode & 0o7777) != (*ids, FOLDER_MODE):
            before = record_store.flags_of(folder)
            record_store.set_flags_of(folder, 0)
            os.fchown(folder, *ids)
            os.fchmod(folder, FOLDER_MODE)
            record_store.set_flags_of(folder, before)


def _make_file(folder, name, ids):
    try:
        fd = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, OPEN_MODE, dir_fd=folder)
    except FileExistsError:
        return
    try:
        os.fchown(fd, *ids)
        os.fchmod(fd, OPEN_MODE)
        record_store.set_flags_of(fd, record_store.APPEND_ONLY)
    finally:
        os.close(fd)


def _digest(fd):
    digest, offset = hashlib.sha256(), 0
    while True:
        block = os.pread(fd, 1 << 20, offset)
        if not block:
            return digest.hexdigest()
        digest.update(block)
        offset += len(block)


def _write_manifest(folder, lines, ids):
    """Write what sha256sum -c reads; a seal signs it."""
    name, new = record_store.MANIFEST, record_store.MANIFEST + ".new"
    with contextlib.suppress(FileNotFoundError):
        _free(name, folder)  # a run was killed between the manifest and the folder's flag
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new, dir_fd=folder)  # a run was killed, or somebody put it there: whoever writes it makes it
    fd = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.writelines(lines)
        os.fchown(fd, *ids)
        os.fchmod(fd, CLOSED_MODE)
        file.flush()
        os.fsync(fd)
        os.replace(new, name, src_dir_fd=folder, dst_dir_fd=folder)
        record_store.set_flags_of(fd, record_store.IMMUTABLE)


def _delete_day(settings, record_class, day, report):
    with record_store.opened(settings.store, record_class) as parent:
        with record_store.opened(settings.store, record_class, day) as folder:
            if not record_store.flags_of(folder) & record_store.IMMUTABLE:
                return
            names = os.listdir(folder)
            size = sum(os.lstat(name, dir_fd=folder).st_size for name in names)
            digest = _of_manifest(folder)
            record_store.set_flags_of(folder, 0)
            for name in names:
                _free(name, folder)
                os.unlink(name, dir_fd=folder)
        record_store.set_flags_of(parent, 0)
        try:
            os.rmdir(day.isoformat(), dir_fd=parent)
        finally:
            record_store.set_flags_of(parent, record_store.APPEND_ONLY)
    report.done.append(
        "purged %s %s: %d files, %d bytes, older than %d days, SHA-256 of its manifest %s"
        % (record_class, day, len(names), size, settings.retention_days, digest)
    )


def _of_manifest(folder):
    try:
        fd = os.open(record_store.MANIFEST, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=folder)
    except OSError:
        return "none"
    try:
        return _digest(fd)
    finally:
        os.close(fd)


def _free(name, folder):
    if stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):
        fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=folder)
        try:
            record_store.set_flags_of(fd, 0)
        finally:
            os.close(fd)


def command(arguments):
    """order82 records tend"""
    del arguments
    settings = record_settings.load()
    report = Report()
    tend(settings, time.time(), report)
    for sentence in report.alarms:
        # systemd reads <2> as priority crit (sd-daemon(3)); the journal takes it to both collectors.
        sys.stderr.write("<2>alarm: %s\n" % sentence)
    document = {"done": report.done, "alarms": report.alarms, "holds": report.holds}
    return document, "\n".join(report.done + report.holds), 1 if report.alarms else 0
