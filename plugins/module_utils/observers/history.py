# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: how far back the collectors' records go, by what each of them has said to the other."""

from __future__ import annotations

import time

from ..records import holdings, store
from ._store import the_settings

_SHOWN = 20


def see_history(host, collectors):
    return history(the_settings(), host, collectors, time.time())


def history(settings, host, collectors, now):
    """Hold each collector to its word for the days that it has.

    :param str host: this collector's name: what it has itself is seen, and not taken from its word.
    :param list collectors: all of them, with this one.
    :param float now: seconds since 1970.
    """
    today = store.today(now)
    lost, silent, oldest = [], [], {}
    for collector in sorted(collectors):
        word = holdings.heard(settings, collector, now)
        own = None
        if collector == host:
            own = {one: set(holdings.held(settings, one, today)) for one in settings.classes}
        elif _longer(today, word.first) and (word.spoke is None or _longer(today, word.spoke)):
            silent.append(collector)
        has = word.last if own is None else own
        oldest[collector] = max((str(min(days)) for days in has.values() if days), default="")
        lost += [
            "%s had %s, and has lost it: %s" % (collector, record_class, holdings.spans(days))
            for record_class, days in holdings.lost(settings, word, now, own).items()
        ]
    return {"lost": lost[:_SHOWN], "silent": silent, "oldest": oldest}


def _longer(today, day):
    return day is not None and (today - day).days >= holdings.SILENT_DAYS
