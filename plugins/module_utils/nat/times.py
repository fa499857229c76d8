# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as records write them and as answers show them, days, and times without a bound: Unix milliseconds."""

from __future__ import annotations

import datetime

DAY = 86400000
BEGIN = -(1 << 61)  # before all that can be on record
END = 1 << 61


def iso(milliseconds):
    """A time as ISO 8601 in UTC; None where there is none, or it has no bound.

    :param milliseconds: Unix milliseconds, or None.
    """
    if milliseconds is None or not -(10**14) < milliseconds < 10**14:
        return None
    moment = datetime.datetime.fromtimestamp(milliseconds // 1000, datetime.timezone.utc)
    return "%s.%03dZ" % (moment.strftime("%Y-%m-%dT%H:%M:%S"), milliseconds % 1000)


def seconds(milliseconds):
    """Unix milliseconds as the seconds of a record: three decimals."""
    return "%d.%03d" % divmod(milliseconds, 1000)


def milliseconds(text):
    """The seconds of a record as Unix milliseconds."""
    whole, point, fraction = text.partition(".")
    if not (point and len(fraction) == 3):
        raise ValueError("%r is no time: seconds with three decimals are" % text)
    return int(whole) * 1000 + int(fraction)


def start(name):
    """The first Unix millisecond of a day.

    :param str name: YYYY-MM-DD.
    """
    day = datetime.datetime.strptime(name, "%Y-%m-%d").replace(tzinfo=datetime.timezone.utc)
    return int(day.timestamp()) * 1000
