# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: what the kept days of a collector hold, by opening them."""

from __future__ import annotations

import time

from ..records import contents, retention
from ._store import the_settings

_SHOWN = 20


def see_contents(daily):
    return look(the_settings(), daily, time.time())


def look(settings, daily, now):
    """Open the days, and see since when there are any.

    :param list daily: classes that each host fills every day.
    :param float now: seconds since 1970.
    """
    found = contents.look(settings)
    quiet = [one for record_class in sorted(daily) for one in contents.quiet(settings, record_class, now)]
    had, since, lost = retention.said(settings, now), {}, []
    for record_class in sorted(settings.classes):
        kept = retention.kept(settings, record_class, now, had.get(record_class, ()))
        since[record_class] = retention.in_words(settings, kept, now)
        lost += ["%s: %s" % (record_class, since[record_class])] if kept.cut_off else []
    return {
        "files": found.files,
        "read_files": found.read,
        "faults": found.faults[:_SHOWN],
        "faults_count": len(found.faults),
        "quiet": quiet[:_SHOWN],
        "quiet_count": len(quiet),
        "since": since,
        "lost": lost[:_SHOWN],
    }
