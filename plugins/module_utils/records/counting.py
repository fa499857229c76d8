# SPDX-License-Identifier: GPL-3.0-or-later
"""Count records: how many lines there are, and how many different records they are."""

from __future__ import annotations

import datetime
import hashlib

from . import line as record_line
from . import settings as record_settings
from . import store as record_store


def select(settings, record_class, day=None, host=None):
    """The record files of a class, oldest day first.

    :param str day: YYYY-MM-DD, or None for all.
    :param str host: a host's file name without its ending, or None for all.
    :raises ValueError: no such class or no such day in the calendar.
    """
    if record_class not in settings.classes:
        raise ValueError(
            "there is no record class '%s'; there are: %s" % (record_class, ", ".join(sorted(settings.classes)))
        )
    wanted = datetime.date.fromisoformat(day) if day else None
    for one in record_store.days(settings.store, record_class):
        if wanted in (None, one):
            for path in record_store.files(record_store.folder(settings.store, record_class, one)):
                if host in (None, record_store.host_of(path)):
                    yield path


def count(paths, matching=None):
    """Count lines and different records by host.

    :return: dict: host to {C(lines), C(records)}.
    """
    result = {}
    seen = set()
    for path in paths:
        tally = result.setdefault(record_store.host_of(path), {"lines": 0, "records": 0})
        for text in record_line.read(path):
            if matching and matching not in text:
                continue
            tally["lines"] += 1
            key = hashlib.blake2b(
                record_line.identity(text).encode("utf-8", "surrogateescape"), digest_size=16
            ).digest()
            if key not in seen:
                seen.add(key)
                tally["records"] += 1
    return result


def command(arguments):
    """order82 records count"""
    result = count(
        select(record_settings.load(), arguments.record_class, arguments.day, arguments.host), arguments.matching
    )
    text = "\n".join(
        "%s: %d records in %d lines" % (host, tally["records"], tally["lines"])
        for host, tally in sorted(result.items())
    )
    return result, text or "no records", 0
