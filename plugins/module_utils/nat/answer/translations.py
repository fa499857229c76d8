# SPDX-License-Identifier: GPL-3.0-or-later
"""Translations that were recorded one by one, as the index has them."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from ..index import catalogue, duckdb_engine
from ..times import END

FEW = 16  # up to so many requests are looked up one by one: DuckDB then opens only the row groups it needs


class Found(NamedTuple):
    """A translation in the index. C(end) is None while it goes on; C(seen) is when that was written."""

    day: str
    gateway: str
    protocol: int
    public: str
    public_port: int
    inside: str
    inside_port: int | None
    begin: int
    end: int | None
    destination: str | None
    destination_port: int | None
    seen: int | None
    run: int | None
    place: tuple | None

    @property
    def key(self):
        """What is the same each time a translation is written."""
        return (
            self.gateway,
            self.protocol,
            self.public,
            self.public_port,
            self.inside,
            self.inside_port,
            self.begin,
            self.destination,
            self.destination_port,
        )


class Translations:
    """Looks translations up.

    :param base: a connection of DuckDB.
    :param list days: of catalogue.Day.
    """

    def __init__(self, base, days):
        self._base = base
        self._days = days

    def asked(self, requests):
        """For each request a list of Found, each translation once."""
        result = [{} for _request in requests]
        four = [number for number, one in enumerate(requests) if one.version == 4]
        exact = [number for number in four if requests[number].port is not None]
        single = set(range(len(requests)))
        if len(exact) > FEW:
            single -= set(exact)
            self._joined(requests, exact, result)
        for number in sorted(single):
            self._single(requests[number], result[number])
        for one, those in zip(requests, result):
            self._end(those, one.span[0])
        return [list(those.values()) for those in result]

    def of_inside(self, inside, since, until, most):
        """What an inside address had in a span, each translation once, and one more than C(most) at the most.

        :param inside: of the module ipaddress.
        :return: list of Found.
        """
        limit = "limit %d" % (most + 1)
        result = {}
        if inside.version == 4:
            files = [(day, path) for day in self._days for path in day.flow_files(None, since, until)]
            for row in self._flows(files, "inside = %d::uinteger" % int(inside), since, until, limit):
                _keep(result, row, None)
        for row in self._others("inside = " + duckdb_engine.quoted(str(inside)), since, until, limit):
            _keep(result, row, None)
        self._end(result, since)
        return list(result.values())

    def _end(self, result, since):
        """Look for the ends of those that go on: one that lies before the span was left out with its row."""
        for one in [one for one in result.values() if one.end is None]:
            where = 'public = %s and "begin" = %d' % (duckdb_engine.quoted(one.public), one.begin)
            rows = list(self._others(where, one.begin, END))
            if ":" not in one.public:
                number = int(ipaddress.IPv4Address(one.public))
                bucket = catalogue.bucket_of(number)
                files = [(day, path) for day in self._days for path in day.flow_files(bucket, one.begin, END)]
                where = 'public = %d::ubigint and "begin" = %d' % (_endpoints(number, one.public_port)[0], one.begin)
                rows += self._flows([file for file in files if not file[0].least], where, one.begin, END)
            for row in rows:
                if row.key == one.key:
                    _keep(result, row, None)
            if result[one.key].end is not None and result[one.key].end < since:
                del result[one.key]

    def _single(self, request, result):
        since, until = request.span
        protocol = "" if request.protocol is None else " and protocol = %d::utinyint" % request.protocol
        if request.version == 4:
            number = int(ipaddress.IPv4Address(request.address))
            files = [
                (day, path) for day in self._days for path in day.flow_files(catalogue.bucket_of(number), since, until)
            ]
            low, high = _endpoints(number, request.port)
            where = "public between %d::ubigint and %d::ubigint" % (low, high) + protocol
            for row in self._flows(files, where, since, until):
                _keep(result, row, request)
        where = "public = " + duckdb_engine.quoted(request.address) + protocol
        if request.port is not None:
            where += " and public_port = %d::usmallint" % request.port
        for row in self._others(where, since, until):
            _keep(result, row, request)

    def _flows(self, files, where, since, until, limit=""):
        """Rows of ended IPv4 translations; files of one form are asked at once."""
        for least in (False, True):
            those = [(day, path) for day, path in files if day.least is least]
            if those:
                rows = self._base.execute(
                    "select filename, %s from read_parquet(%s, filename=true) where %s and %s %s"
                    % (
                        _columns(least),
                        duckdb_engine.listed([path for _day, path in those]),
                        where,
                        _times(str(since), str(until), least),
                        limit,
                    )
                ).fetchall()
                by_path = {path: day for day, path in those}
                for path, *row in rows:
                    yield _found_flow(by_path[path], row)

    def _others(self, where, since, until, limit=""):
        files = {day.path("others.parquet"): day for day in self._days if day.has_others(since, until)}
        if not files:
            return
        rows = self._base.execute(
            'select filename, gateway, protocol, public, public_port, inside, inside_port, "begin", "end", '
            'destination, destination_port, seen, run, line, "offset", length from read_parquet(%s, filename=true) '
            'where %s and "begin" <= %d and ("end" is null or "end" >= %d) %s'
            % (duckdb_engine.listed(files), where, until, since, limit)
        ).fetchall()
        for path, gateway, *row in rows:
            day = files[path]
            yield Found(day.name, day.gateways[gateway], *row[:11], place=tuple(row[11:]))

    def _joined(self, requests, numbers, result):
        """Many requests with a port: one look at each day.

        DuckDB looks for addresses and ports alone, and what else was asked is compared here: so it leaves row groups
        without a match, and takes half the time of a join.
        """
        asked = {}
        for number in numbers:
            one = requests[number]
            asked.setdefault((one.address, one.port), []).append(number)
        for day in self._days:
            for row in self._day_rows(day, requests, asked):
                self._answer(row, requests, asked, result)
        since = min(requests[number].span[0] for number in numbers)
        until = max(requests[number].span[1] for number in numbers)
        where = "(public, public_port) in (%s)" % ", ".join(
            "(%s, %d)" % (duckdb_engine.quoted(address), port) for address, port in asked
        )
        for row in self._others(where, since, until):
            self._answer(row, requests, asked, result)

    def _day_rows(self, day, requests, asked):
        """The ended translations of one day whose address and port some requests ask for."""
        wanted = {}
        files = set()
        for (address, port), numbers in asked.items():
            number = int(ipaddress.IPv4Address(address))
            spans = [requests[one].span for one in numbers]
            span = min(since for since, _until in spans), max(until for _since, until in spans)
            own = day.flow_files(catalogue.bucket_of(number), *span)
            if own:
                wanted[_endpoints(number, port)[0]] = span
                files.update(own)
        if not files:
            return
        for row in self._base.execute(
            "select %s from read_parquet(%s) where public in (%s)"
            % (
                _columns(day.least),
                duckdb_engine.listed(sorted(files)),
                ", ".join("%d::ubigint" % public for public in wanted),
            )
        ).fetchall():
            found = _found_flow(day, row)
            if _within(found, *wanted[row[2]]):
                yield found

    def _answer(self, found, requests, asked, result):
        for number in asked[found.public, found.public_port]:
            one = requests[number]
            if one.protocol in (None, found.protocol) and _within(found, *one.span):
                _keep(result[number], found, one)


def _endpoints(number, port):
    """The smallest and the largest C(public) of an address."""
    return number * 65536 + (port or 0), number * 65536 + (65535 if port is None else port)


def _times(since, until, least):
    """The condition that an ended translation overlaps a span."""
    if least:
        return '"begin" * 1000 <= %s and ("begin" + lasted_s) * 1000 >= %s' % (until, since)
    return '"begin" <= %s and "begin" + lasted_s::bigint * 1000 + lasted_ms >= %s' % (until, since)


def _columns(least):
    if least:
        return 'gateway, protocol, public, inside, null, "begin" * 1000, lasted_s, 0, null, null'
    return 'gateway, protocol, public, inside, inside_port, "begin", lasted_s, lasted_ms, destination, destination_port'


def _found_flow(day, row):
    gateway, protocol, public, inside, inside_port, begin, seconds, rest, destination, destination_port = row
    return Found(
        day=day.name,
        gateway=day.gateways[gateway],
        protocol=protocol,
        public=_dotted(public >> 16),
        public_port=public & 65535,
        inside=_dotted(inside),
        inside_port=inside_port,
        begin=begin,
        end=begin + seconds * 1000 + rest,
        destination=None if destination is None else _dotted(destination),
        destination_port=destination_port,
        seen=None,
        run=None,
        place=None,
    )


def _dotted(number):
    return "%d.%d.%d.%d" % (number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255)


def _within(found, since, until):
    return found.begin <= until and (found.end is None or found.end >= since)


def _keep(result, found, request):
    """Put a translation among the others; of what was written several times the last word counts."""
    if request is not None:
        for asked, has in (
            (request.destination, found.destination),
            (request.destination_port, found.destination_port),
        ):
            if asked is not None and has is not None and asked != has:
                return
    known = result.get(found.key)
    if (
        known is None
        or (known.end is None and found.end is not None)
        or (known.end is None and found.end is None and found.seen > known.seen)
    ):
        result[found.key] = found
