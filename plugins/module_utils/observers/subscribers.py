# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: whether those who give subscribers their addresses and accounts tell of it."""

from __future__ import annotations

import os
import time

from ..nat.index import dhcp_radius
from ..records import reading, store
from ._store import the_settings

_CLASS, _ALWAYS = "session", "measure_state"
_TAIL_BYTES = 4 << 20  # of one day's file: among so much there is a subscriber, if there are any


def see_subscribers(hosts, within_days):
    settings = the_settings()
    return subscribers(settings, hosts, within_days, time.time())


def subscribers(settings, hosts, within_days, now):
    """See who of them told of a subscriber lately. One that is known for no longer has missed nothing yet.

    :param list hosts: those that tell of subscribers.
    :param int within_days: today and so many days before it.
    :param float now: seconds since 1970.
    """
    today = store.today(now)
    told = {host: _told(settings.store, host, today, within_days) for host in hosts if host in settings.hosts}
    silent = [host for host, sources in told.items() if not sources]
    return {
        "unknown": sorted(set(hosts) - set(settings.hosts)),
        "told": {host: sorted(sources) for host, sources in told.items()},
        "silent": sorted(host for host in silent if _known_days(settings.store, host, today) > within_days),
    }


def _told(folder, host, today, within_days):
    """By what it told of subscribers on the newest day on which it did: C(DHCP), C(RADIUS), C(calling number)."""
    for day in reversed(store.days(folder, _CLASS)):
        if (today - day).days > within_days:
            break
        found = set()
        path = os.path.join(store.folder(folder, _CLASS, day), host + ".log")
        reader = dhcp_radius.Reader()
        for text in _last(path) if day <= today else ():
            event = reader.event(text)
            if event and event.holds is not None:
                found.add(event.source)
                if event.source == "RADIUS" and event.station:
                    found.add("calling number")
        if found:
            return found
    return set()


def _last(path):
    try:
        with reading.DayFile(path) as file:
            begin = max(0, file.size - _TAIL_BYTES)
            lines = [one.decode("utf-8", "backslashreplace") for one in file.lines(begin, file.size)]
    except FileNotFoundError:
        return []
    return lines[1 if begin else 0 :]


def _known_days(folder, host, today):
    """For how many days the host has sent anything."""
    for day in store.days(folder, _ALWAYS):
        path = os.path.join(store.folder(folder, _ALWAYS, day), host + ".log")
        if reading.size(path):
            return (today - day).days
    return 0
