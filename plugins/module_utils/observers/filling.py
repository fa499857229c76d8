# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: whether each host fills the classes that it must fill by itself."""

from __future__ import annotations

import os
import time

from ..records import store
from ._store import the_settings

_SHOWN = 20


def see_filling(within_days):
    return filling(the_settings(), within_days, time.time())


def filling(settings, within_days, now):
    """See which hosts have written nothing of a class for too long.

    A host that is known for no longer than that has missed nothing yet.

    :param dict within_days: class to days: today and so many before it.
    :param float now: seconds since 1970.
    """
    today = store.today(now)
    ages = {record_class: _ages(settings.store, record_class, today) for record_class in within_days}
    known = {}
    for by_host in ages.values():
        for host, found in by_host.items():
            known[host] = max(found[-1], known.get(host, 0))
    empty = [
        "%s: no record of class %s for more than %d days" % (host, record_class, days)
        for record_class, days in sorted(within_days.items())
        for host in sorted(settings.hosts)
        if known.get(host, 0) > days and min(ages[record_class].get(host, [days + 1])) > days
    ]
    counts = {
        record_class: min((len(by_host.get(host, ())) for host in settings.hosts), default=0)
        for record_class, by_host in ages.items()
    }
    return {"empty": empty[:_SHOWN], "empty_count": len(empty), "fewest_days": counts}


def _ages(folder, record_class, today):
    """By host the ages of the days on which it wrote anything, youngest first."""
    found = {}
    for day in reversed(store.days(folder, record_class)):
        for entry in os.scandir(store.folder(folder, record_class, day)) if day <= today else ():
            is_one = entry.name.endswith((store.PLAIN, store.COMPRESSED)) and entry.is_file(follow_symlinks=False)
            if is_one and entry.stat(follow_symlinks=False).st_size:  # what is empty is not compressed
                found.setdefault(store.host_of(entry.name), []).append((today - day).days)
    return found
