# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: how far back the collectors' records go, by what each of them has said to the other."""

from __future__ import annotations

import time

from ..records import holdings, store
from ..records import settings as record_settings
from ._registry import Argument, ObservationError, Observer

_SHOWN = 20


def _history(host, collectors):
    return history(_settings(), host, collectors, time.time())


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


def _settings():
    try:
        return record_settings.load()
    except record_settings.SettingsError as error:
        raise ObservationError(str(error)) from error


OBSERVERS = {
    "record_history": Observer(
        look=_history,
        text="whether each collector still has the days that it once said it has, by its own records here",
        arguments={
            "host": Argument(str, "the name of this collector", required=True),
            "collectors": Argument(list, "the names of all collectors", required=True),
        },
        facts={
            "lost": "list: collector, class and days that are to be kept, were there, and are not; at most 20",
            "silent": "list: other collectors that are heard here and do not say what they have",
            "oldest": "dict: collector to the oldest day of the class that goes back least; empty if nothing is known",
        },
        seconds=120,
    ),
}
