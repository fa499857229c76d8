# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose account held an inside address: what follows from the words of DHCP and RADIUS in the index.

An account holds an address from the first word of it until it gives it back, the lease runs out, another has it, or a
line comes that nobody understands: from then on the holder is not known.
"""

from __future__ import annotations

from typing import NamedTuple

from ..index import duckdb_engine
from ..index.dhcp_radius import UNREADABLE, Event
from ..times import DAY, END

LOOK_BACK = 31 * DAY  # milliseconds; whoever was not heard of for longer is not found


class Tenure(NamedTuple):
    """An account held an address; C(until) is None where no end is on record, C(heard) when it was last heard of.

    C(account) is None where the line with which it began was not understood, so that it may be anybody's. C(day),
    C(gateway) (the host that said so) and C(place) are those of that line.
    """

    account: str | None
    station: str
    session: str
    source: str
    since: int
    until: int | None
    heard: int
    day: str
    gateway: str
    place: tuple


class Accounts:
    """Looks up who held inside addresses.

    :param base: a connection of DuckDB.
    :param list days: of catalogue.Day.
    """

    def __init__(self, base, days):
        self._base = base
        self._days = days

    def of(self, addresses, since, until):
        """Who held addresses in a span.

        :param addresses: set of str.
        :param int since: Unix milliseconds, as C(until).
        :return: dict: a list of Tenure for each address, in order of time, those outside the span included.
        """
        files = {
            day.path("holders.parquet"): day
            for day in self._days
            if day.holders and day.holders[1] <= until + DAY and day.holders[2] >= since - LOOK_BACK
        }
        if not (files and addresses):
            return {}
        rows = self._base.execute(
            'select address, "at", holds, account, station, session, source, seconds, filename, host, line, "offset", '
            'length from read_parquet(%s, filename=true) where address in (%s) order by address, "at", holds'
            % (
                duckdb_engine.listed(files),
                ", ".join(duckdb_engine.quoted(one) for one in [*sorted(addresses), UNREADABLE]),
            )
        ).fetchall()
        told = {}
        for *event, path, host, line, offset, length in rows:
            place = files[path].name, host, (line, offset, length)
            told.setdefault(event[0], []).append((Event(*event), place))
        unreadable = told.pop(UNREADABLE, [])
        return {address: tenures(_with(those, unreadable)) for address, those in told.items()}


def _with(those, unreadable):
    """The words of one address, and those of the same hosts that may be of any, in order of time."""
    hosts = {place[1] for _event, place in those}
    others = [one for one in unreadable if one[1][1] in hosts]
    return sorted([*those, *others], key=lambda one: (one[0].at, one[0].holds is None)) if others else those


def tenures(told):
    """What follows from the words of one address.

    :param list told: of (Event, (day, host, place)), in order of time.
    :return: list of Tenure.
    """
    found = []
    now, ends = None, None  # the tenure that goes on, and when its lease runs out if nothing more is heard
    for event, place in told:
        if now and ends is not None and event.at > ends:
            found.append(now._replace(until=ends))
            now = None
        if event.holds is None:
            if event.address == UNREADABLE and now and now.gateway != place[1]:
                continue  # another host gave this one out
            found += [now._replace(until=event.at)] if now else []
            now, ends = Tenure(None, *event[4:7], event.at, None, event.at, *place), None
            continue
        same = now and (event.account, event.session) == (now.account, now.session)
        if now and event.holds is not bool(same):  # it is given back, or another has it
            found.append(now._replace(until=event.at, heard=event.at if same else now.heard))
            now = None
        if event.holds:
            ends = None if event.seconds is None else event.at + event.seconds * 1000
            if now is None:
                now = Tenure(*event[3:7], event.at, None, event.at, *place)
            else:
                now = now._replace(heard=event.at, station=event.station or now.station)
    return found + ([now._replace(until=ends)] if now else [])


def within(those, since, until):
    """The tenures that overlap a span."""
    return [one for one in those if one.since <= until and (END if one.until is None else one.until) >= since]
