# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector's housekeeping, once a minute: C(order82 records tend).

Open days are append-only, past ones sealed, those past retention deleted, and the disk is watched, as is what each
sender has of it. A full disk raises an alarm and never deletes (article 13). Every step can be repeated: a
run that was killed is finished by the next one.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import sys
import time

from .. import processes
from . import anchoring, anchors, chain, claims, holdings, purging, sealing, shares, spoken, timekeeping, witness
from . import settings as record_settings
from . import store as record_store

OPEN_AHEAD_SECONDS = 15 * 60  # the next day's files are there, append-only, before the first record needs them
CLOSE_AFTER_SECONDS = 5 * 60  # what arrives at midnight is written by then
RECEIVER = "order82-collect.service"
HELD = "/run/order82-records/held"  # we stopped the receiver, not a person
OPEN_MODE, FOLDER_MODE = 0o640, 0o750
EVERY_SECONDS = 60  # while a large day is compressed all else is seen to so often


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
    begin = time.monotonic()
    clock = _clock(settings, now, report)
    last = [begin]

    def meanwhile():
        """A day of many gigabytes takes longer than a minute."""
        passed = time.monotonic()
        if passed - last[0] > EVERY_SECONDS:
            last[0] = passed
            for step in (open_days, protect):
                _each(settings, now + passed - begin, report, step)
            watch(settings, now + passed - begin, report)

    for step in (open_days, protect):
        _each(settings, now, report, step)
    if clock:
        with record_store.alone(settings.store):
            _seal(settings, now, report, clock, meanwhile=meanwhile)
            _anchor(settings, now, report)
            done, alarms = purging.purge(settings, now, clock)
        report.done += done
        report.alarms += alarms
    watch(settings, now, report)
    say_what_is_held(settings, now, report)


def _clock(settings, now, report):
    """Whether the clock can be right; None, and nothing is sealed or purged, where that can't be known."""
    try:
        clock = timekeeping.look(settings, now)
    except OSError as error:
        report.alarms.append("nothing is sealed or purged: the clock can't be looked at (%s)" % error)
        return None
    report.done += clock.said
    return clock


def _seal(settings, now, report, clock, **more):
    """Seal what is over, if the clock can be right by which it is."""
    against = clock.against_sealing() if sealing.is_due(settings, _first_open_day(now)) else ""
    if against:
        report.alarms.append("nothing is sealed: " + against)
    else:
        _each(settings, now, report, seal_days, **more)


def _anchor(settings, now, report):
    """Make the texts of sealed days that go to a third place, where there is one; another service brings them there."""
    try:
        if anchors.places():
            report.done += anchoring.make(settings, _first_open_day(now))
    except (OSError, ValueError) as error:
        report.alarms.append("an anchor can't be made: %s" % error)


def watch(settings, now, report):
    """Look at the disk, at who has too much of it, and at who writes what he may not."""
    watch_disk(settings, report)
    watch_shares(settings, now, report)
    watch_claims(settings, now, report)


def _each(settings, now, report, step, **more):
    for record_class in sorted(settings.classes):
        try:
            step(settings, record_class, now, report, **more)
        except OSError as error:
            report.alarms.append("%s of class %s failed: %s" % (step.__name__, record_class, error))


def open_days(settings, record_class, now, report):
    """Make today's folder and files (and shortly before midnight tomorrow's), so that no record waits."""
    ids = _ids(settings, record_class)
    _make_folder(settings.store, (), record_class, ids)
    _make_folder(settings.store, (record_class,), chain.PURGED, (os.geteuid(), ids[1]))
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


def seal_days(settings, record_class, now, report, meanwhile=lambda: None):
    """Seal the days that are over, oldest first. One that is sealed already is left alone.

    :param meanwhile: a function that is called every few megabytes.
    """
    if not settings.host:
        return  # an earlier version of the role wrote the settings: it will be applied anew
    sealer = sealing.Sealer(settings.store, record_class, settings.host, _ids(settings, record_class), meanwhile)
    for day in record_store.days(settings.store, record_class):
        if day < _first_open_day(now):
            try:
                seal = sealer.seal(day)
            except OSError as error:
                report.alarms.append("%s %s is not sealed: %s" % (record_class, day, error))
            else:
                report.done += [witness.sealed(seal)] if seal else []
    report.done += sealer.done
    report.alarms += sealer.alarms


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
    """Tell the other collector which days there are, where they are not those of the last time, and their seals."""
    try:
        report.holds += holdings.say(settings, now, holdings.SEEN)
        report.holds += witness.say(settings, now, witness.SEEN)
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


def seal_command(arguments):
    """order82 records seal"""
    del arguments
    settings, report = record_settings.load(), Report()
    with record_store.alone(settings.store):
        now = time.time()
        clock = _clock(settings, now, report)
        if clock:
            _seal(settings, now, report, clock)
        return spoken.by_hand(report.done, report.alarms)
