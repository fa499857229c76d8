# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete whole days whose time is over, oldest first. Their seals stay: the way from the first to the last is whole.

Only a day that is sealed goes, only while all who are asked say that the clock is right (timekeeping.py), and none
under a legal hold. A purge that was killed is finished by the next one: the seal in C(purged) says that it began.
"""

from __future__ import annotations

import datetime
import os
import time

from . import chain, legal_holds, packing, spoken, timekeeping
from . import settings as record_settings
from . import store as record_store


def purge(settings, now, clock=None):
    """Delete what is past the retention.

    :param float now: seconds since 1970.
    :param Timekeeping clock: by which that is so; it is looked at if left out.
    :return: (what was deleted, what a person must know): lists of sentences.
    """
    oldest_kept = record_store.today(now) - datetime.timedelta(days=settings.retention_days)
    past = [
        (record_class, day)
        for record_class in sorted(settings.classes)
        for day in record_store.days(settings.store, record_class)
        if day < oldest_kept
    ]
    if not past:
        return [], []
    try:
        against = (clock or timekeeping.look(settings, now)).against_purging()
        if against:
            return [], ["nothing is purged: " + against]
    except OSError as error:
        return [], ["nothing is purged: the clock can't be looked at (%s)" % error]
    try:
        holds = legal_holds.load(settings.store)
    except (OSError, ValueError) as error:
        return [], ["nothing is purged: the legal holds can't be read (%s)" % error]
    done, alarms = [], []
    for record_class, day in past:
        try:
            if not legal_holds.cases(holds, settings.store, record_class, day):
                done += _delete(settings, record_class, day)
        except OSError as error:
            alarms.append("%s %s is not purged: %s" % (record_class, day, error))
    return done, alarms


def _delete(settings, record_class, day):
    begun = {seal.day: seal for seal in chain.purged(settings.store, record_class)}.get(day)
    with record_store.opened(settings.store, record_class) as parent:
        with record_store.opened(settings.store, record_class, day) as folder:
            seal = begun or chain.of_day(folder, record_class, day)
            if not begun and (not seal or not record_store.flags_of(folder) & record_store.IMMUTABLE):
                return []
            if not begun:
                _keep(settings.store, record_class, day, seal)
            names = os.listdir(folder)
            size = sum(os.lstat(name, dir_fd=folder).st_size for name in names)
            record_store.set_flags_of(folder, 0)
            for name in names:
                packing.remove(folder, name)
        record_store.set_flags_of(parent, 0)
        try:
            os.rmdir(day.isoformat(), dir_fd=parent)
        finally:
            record_store.set_flags_of(parent, record_store.APPEND_ONLY)
    return [
        "purged %s %s: %d files, %d bytes, older than %d days, SHA-256 of its manifest %s"
        % (record_class, day, len(names), size, settings.retention_days, seal.digest)
    ]


def _keep(store, record_class, day, seal):
    """The signature first: the purge has begun when the manifest is there."""
    with record_store.opened(store, record_class, chain.PURGED) as folder:
        about = os.fstat(folder)
        record_store.set_flags_of(folder, 0)
        try:
            name = "%s.%s" % (day, record_store.MANIFEST)
            packing.put(folder, name + ".sig", seal.signature, (about.st_uid, about.st_gid))
            packing.put(folder, name, seal.content, (about.st_uid, about.st_gid))
        finally:
            record_store.set_flags_of(folder, record_store.APPEND_ONLY)


def command(arguments):
    """order82 records purge"""
    del arguments
    settings = record_settings.load()
    with record_store.alone(settings.store):
        return spoken.by_hand(*purge(settings, time.time()))
