# SPDX-License-Identifier: GPL-3.0-or-later
"""What a collector says of itself in C(measure_state), as it lies here: its own words, and those of the others.

Only what its program C(order82) said counts, in a record that says so of itself (sources.py), and each record once.
"""

from __future__ import annotations

import os

from . import line as record_line
from . import reading, sources
from . import store as record_store

CLASS = "measure_state"
PROGRAM = "order82"
# The word of a day is given within minutes of its beginning; of the last days each one counts.
_HEAD_BYTES, _TAIL_BYTES, _WHOLE_DAYS = 1 << 20, 64 << 20, 2


def said(settings, collector, sign, today, whole=False):
    """The messages of a collector that may be what is asked for, in the order in which they were filed.

    :param str collector: the host under whose name they are filed.
    :param sign: a pattern of bytes that stands in the lines that are wanted.
    :param datetime.date today: of the days before yesterday only the beginnings are read.
    :param bool whole: read all of each day, and not only what an inspection has time for.
    :return: iterable of (day on which it was filed, message).
    """
    seen = set()
    for day in record_store.days(settings.store, CLASS):
        try:
            with reading.DayFile(_path(settings, day, collector)) as file:
                found = list(_texts(file, sign, whole, (today - day).days < _WHOLE_DAYS))
        except OSError:
            continue  # none, or one that nobody can read: whoever verifies the day says so
        for text in found:
            key = record_line.identity(text)
            record = record_line.parse(text)
            if key not in seen and record is not None and _is_its_word(record):
                seen.add(key)
                yield day, record.message


def first_day(settings, collector):
    """The day of its first record here, or None."""
    for day in record_store.days(settings.store, CLASS):
        if reading.size(_path(settings, day, collector)):
            return day
    return None


def _path(settings, day, collector):
    return os.path.join(record_store.folder(settings.store, CLASS, day), collector + record_store.PLAIN)


def _texts(file, sign, whole, is_new):
    head, tail = min(file.size, _HEAD_BYTES), max(file.size - _TAIL_BYTES, 0)
    spans = [(0, head)]
    if whole or (is_new and tail <= head):
        spans = [(0, file.size)]
    elif is_new:
        spans.append((tail, file.size))
    for begin, end in spans:
        for one in file.lines(begin, end):
            if sign.search(one):
                yield one.decode("utf-8", "surrogateescape")


def _is_its_word(record):
    return record.app == PROGRAM and not record.sent.get("claims") and sources.vouched(CLASS, PROGRAM, record.sent)
