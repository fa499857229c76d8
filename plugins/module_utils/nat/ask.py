# SPDX-License-Identifier: GPL-3.0-or-later
"""Who had this public address and port at this time: the question to the index, and its answer.

An answer has all candidates within the time asked, and says whether the records of that time are complete. Its status:

- C(one): all candidates are the same inside address, and the records are complete.
- C(ambiguous): they are several.
- C(nobody): the records are complete, and nobody had it.
- C(unknown): records of that time are missing or broken; what was found is listed, but may not be all.
"""

from __future__ import annotations

import datetime
import functools
import ipaddress
import os
from typing import NamedTuple

from . import catalogue, coverage, engine, evidence

FEW = 16  # up to so many requests are looked up one by one: DuckDB then opens only the row groups it needs
MEMORY = "1GB"
_BEGIN = -(1 << 61)
_END = 1 << 61


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


class Row(NamedTuple):
    """A row of a plan."""

    day: str
    gateway: str
    plan: str
    kind: str
    pool: str
    inside: str
    public: str
    first: int | None
    last: int | None
    place: tuple

    @property
    def text(self):
        """As it stands in the record."""
        fields = [self.kind, self.pool, self.inside, self.public]
        return ",".join(fields + ([] if self.first is None else ["%d" % self.first, "%d" % self.last]))


def trace(store_folder, index_folder, request, **options):
    """Answer one question.

    :param Request request: see L(request.request).
    :return: dict, see L(Tracer.ask).
    """
    return trace_many(store_folder, index_folder, [request], **options)[0]


def trace_many(store_folder, index_folder, requests, **options):
    """Answer many questions at once.

    :param list requests: of Request.
    :return: list of dict, in the order of the requests.
    """
    with Tracer(store_folder, index_folder, **options) as tracer:
        return tracer.ask(requests)


def reverse(store_folder, index_folder, inside_address, since, until, **options):
    """Which public addresses and ports an inside address used: see L(Tracer.uses)."""
    most = options.pop("most", 10000)
    with Tracer(store_folder, index_folder, **options) as tracer:
        return tracer.uses(inside_address, since, until, most=most)


class Tracer:
    """Answers questions to one index, with one connection.

    :param str store_folder: of the records.
    :param str index_folder: as C(index.build) made it.
    :param int snapshot_seconds: the gateways' C(nat_gateway_snapshot_seconds).
    :param bool with_evidence: look the record lines up.
    :param int threads: of DuckDB; by default 1 for few requests, else all processors.
    :raises engine.MissingError: there is no duckdb.
    :raises ValueError: the index is of another version.
    """

    def __init__(
        self,
        store_folder,
        index_folder,
        *,
        snapshot_seconds=coverage.SNAPSHOT_SECONDS,
        with_evidence=True,
        threads=None,
    ):
        self.store = store_folder
        self.index = index_folder
        self.snapshot_seconds = snapshot_seconds
        self.with_evidence = with_evidence
        self._threads = threads
        self._base = None
        self._sums = {}
        self._rows = {}
        self._load()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        if self._base is not None:
            self._base.close()

    def _load(self):
        self.days = catalogue.load(self.index)
        self.by_name = {day.name: day for day in self.days}
        self.seals = evidence.Seals(self.store)
        self._sums.clear()
        self._rows.clear()

    def ask(self, requests):
        """Answer questions.

        :param list requests: of Request.
        :return: list of dict: C(status), C(request), C(since) and C(until) (the span asked, None without a time),
            C(candidates), C(ambiguous), C(covered), C(gaps) (why not: gateway, since, until, reason), C(plans) (in
            force then: gateway, plan, since, until, confirmed) and C(notes). A candidate has C(mode) (C(sessions),
            C(deterministic) or C(prefix)), C(inside_address), C(inside_port) (None where the plan answers), C(begin),
            C(end) (None: it goes on, or unknown), C(end_unknown), C(last_seen), C(protocol), C(public_address),
            C(public_port), C(destination_address), C(destination_port), C(gateway), C(pool), C(plan) and C(evidence).
            Times are ISO 8601 in UTC.
        """
        return self._again(self._ask, requests)

    def uses(self, inside_address, since, until, *, most=10000):
        """Which public addresses and ports an inside address used in a span.

        :param str inside_address: IPv4 or IPv6.
        :param int since: Unix milliseconds, as C(until); L(request.span_of) reads them.
        :param int most: translations in the answer.
        :return: dict: C(inside_address), C(since), C(until), C(candidates) as in L(ask), with C(public_port_last)
            where the plan gives a range of ports, C(cut) (there are more than C(most)), C(covered), C(gaps), C(plans)
            and C(notes).
        """
        return self._again(self._uses, inside_address, since, until, most)

    def example(self, at):
        """An owner of ports by a plan that was in force then, for a question whose answer is known.

        :param int at: Unix milliseconds.
        :return: Row, or None where no plan had blocks.
        """
        self._connect(False)
        for _gateway, force in _forces(self._documents(at, at), at, at):
            rows = self._read_plan(force.plan, "kind = 'block'")
            if rows:
                return rows[0]
        return None

    def _again(self, function, *arguments):
        """A build may remove a folder between the look into the catalogue and the question: then look again."""
        try:
            return function(*arguments)
        except Exception as error:
            before = [day.folder for day in self.days]
            self._load()
            if [day.folder for day in self.days] == before or type(error).__module__.startswith("json"):
                raise
            return function(*arguments)

    def _connect(self, many):
        if self._base is None:
            threads = self._threads or ((os.cpu_count() or 1) if many else 1)
            self._base = engine.connect(threads=threads, memory=MEMORY)
        return self._base

    # The question.

    def _ask(self, requests):
        self._connect(len(requests) > FEW)
        found = self._translations(requests)
        drafts = [self._draft(one, those) for one, those in zip(requests, found)]
        if self.with_evidence:
            self._give_evidence([candidate for draft in drafts for candidate in draft["candidates"]])
        for draft in drafts:
            for candidate in draft["candidates"]:
                candidate.pop("found", None)
        return drafts

    def _draft(self, request, found):
        since, until = _span(request)
        notes = []
        if request.port is None:
            notes.append("no port was asked for: these are all who had the address")
        if request.since is None:
            notes.append("no time was asked for: these are all who ever had it, as far as records go")
        documents = self._documents(since, until)
        forces, rows = self._plans_for(documents, since, until, request)
        candidates = self._from_flows(found, since, documents, rows)
        candidates += _from_plans(request, forces, rows)
        named = {row.gateway for row in rows} | {candidate["gateway"] for candidate in candidates}
        only_plans = bool(rows) and all(row.kind != "shared" for row in rows) and not found
        gaps = self._gaps(documents, named, since, until, only_plans)
        gaps += self._incomplete(forces, named)
        insides = {candidate["inside_address"] for candidate in candidates}
        covered = not gaps
        return {
            "status": _status(covered, len(insides)),
            "request": request.asked,
            "since": iso(request.since),
            "until": iso(request.until),
            "candidates": sorted(candidates, key=_order),
            "ambiguous": len(insides) > 1,
            "covered": covered,
            "gaps": gaps,
            "plans": [_in_force(*one) for one in forces if not named or one[0] in named],
            "notes": notes,
        }

    # Translations that were recorded one by one.

    def _translations(self, requests):
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
        return [list(those.values()) for those in result]

    def _single(self, request, result):
        since, until = _span(request)
        protocol = "" if request.protocol is None else " and protocol = %d::utinyint" % request.protocol
        if request.version == 4:
            number = int(ipaddress.IPv4Address(request.address))
            files = [
                (day, path) for day in self.days for path in day.flow_files(catalogue.bucket_of(number), since, until)
            ]
            low, high = _endpoints(number, request.port)
            where = "public between %d::ubigint and %d::ubigint" % (low, high) + protocol
            for row in self._flows(files, where, since, until):
                _keep(result, row, request)
        where = "public = " + engine.quoted(request.address) + protocol
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
                        engine.listed([path for _day, path in those]),
                        where,
                        _times(str(since), str(until), least),
                        limit,
                    )
                ).fetchall()
                by_path = {path: day for day, path in those}
                for path, *row in rows:
                    yield _found_flow(by_path[path], row)

    def _others(self, where, since, until, limit=""):
        files = {day.path("others.parquet"): day for day in self.days if day.has_others(since, until)}
        if not files:
            return
        rows = self._base.execute(
            'select filename, gateway, protocol, public, public_port, inside, inside_port, "begin", "end", '
            'destination, destination_port, seen, run, line, "offset", length from read_parquet(%s, filename=true) '
            'where %s and "begin" <= %d and ("end" is null or "end" >= %d) %s'
            % (engine.listed(files), where, until, since, limit)
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
        for day in self.days:
            for row in self._day_rows(day, requests, asked):
                self._answer(row, requests, asked, result)
        since = min(_span(requests[number])[0] for number in numbers)
        until = max(_span(requests[number])[1] for number in numbers)
        where = "(public, public_port) in (%s)" % ", ".join(
            "(%s, %d)" % (engine.quoted(address), port) for address, port in asked
        )
        for row in self._others(where, since, until):
            self._answer(row, requests, asked, result)

    def _day_rows(self, day, requests, asked):
        """The ended translations of one day whose address and port some requests ask for."""
        wanted = {}
        files = set()
        for (address, port), numbers in asked.items():
            number = int(ipaddress.IPv4Address(address))
            spans = [_span(requests[one]) for one in numbers]
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
                engine.listed(sorted(files)),
                ", ".join("%d::ubigint" % public for public in wanted),
            )
        ).fetchall():
            found = _found_flow(day, row)
            if _within(found, *wanted[row[2]]):
                yield found

    def _answer(self, found, requests, asked, result):
        for number in asked[found.public, found.public_port]:
            one = requests[number]
            if one.protocol in (None, found.protocol) and _within(found, *_span(one)):
                _keep(result[number], found, one)

    # What a plan says, and for which time the records are complete.

    def _documents(self, since, until):
        """The sums of each gateway over the days whose texts can say something of a span."""
        first = max(since, _BEGIN) - coverage.BEAT_MILLISECONDS
        last = (until // catalogue.DAY + 1) * catalogue.DAY + coverage.BEAT_MILLISECONDS
        names = tuple(day.name for day in self.days if day.texts and day.texts[0] <= last and day.texts[1] >= first)
        if names not in self._sums:
            by_gateway = {}
            for name in names:
                for gateway, document in self.by_name[name].coverage().items():
                    by_gateway.setdefault(gateway, []).append(document)
            merged = {gateway: coverage.merged(those) for gateway, those in by_gateway.items()}
            self._sums[names] = {
                gateway: (document, coverage.plans(document), coverage.broken(document, self.snapshot_seconds))
                for gateway, document in merged.items()
            }
        return self._sums[names]

    def _plans_for(self, documents, since, until, request):
        """The plans in force in a span, as (gateway, Force), and their rows that name the address asked."""
        forces = _forces(documents, since, until)
        return forces, [row for gateway, force in forces for row in self._plan_rows(gateway, force.plan, request)]

    def _plan_rows(self, gateway, plan, request):
        """The rows of a plan that name a public address; what one gateway writes of a plan, all mean."""
        key = (plan, request.address)
        if key not in self._rows:
            self._rows[key] = self._read_plan(
                plan, "kind = 'prefix'" if request.version == 6 else "public = " + engine.quoted(request.address)
            )
            if request.version == 6:
                address = ipaddress.IPv6Address(request.address)
                self._rows[key] = [
                    row for row in self._rows[key] if address in ipaddress.IPv6Network(row.public, False)
                ]
        rows = self._rows[key]
        own = [row for row in rows if row.gateway == gateway]
        return own or [row._replace(gateway=gateway) for row in {row.text: row for row in rows}.values()]

    def _read_plan(self, plan, where):
        days = [day for day in self.days if plan in day.plans]
        if not days:
            return []
        day = next((day for day in reversed(days) if day.plans[plan]["complete"]), days[-1])
        rows = self._base.execute(
            'select gateway, plan, kind, pool, inside, public, first, last, line, "offset", length '
            "from read_parquet(%s) where plan = %s and %s"
            % (engine.quoted(day.path("plans.parquet")), engine.quoted(plan), where)
        ).fetchall()
        return [Row(day.name, day.gateways[row[0]], *row[1:8], place=tuple(row[8:])) for row in rows]

    def _incomplete(self, forces, named):
        found = []
        for gateway, force in forces:
            complete = any(day.plans.get(force.plan, {}).get("complete") for day in self.days)
            if not complete and (not named or gateway in named):
                reason = "the plan %s is not complete in the records" % force.plan
                found.append(_gap(gateway, force.since, force.until, reason))
        return found

    def _gaps(self, documents, named, since, until, only_plans):
        """Why the records of a span are not complete."""
        found = []
        wanted = [gateway for gateway in sorted(documents) if not named or gateway in named]
        for gateway in wanted:
            for one in documents[gateway][2]:
                if only_plans and not one.plan:
                    continue
                if since == _BEGIN and coverage.outside(one):
                    continue  # at any time means as far as records go
                if (one.since if only_plans else one.reach) <= until and one.until > since:
                    found.append(_gap(gateway, one.since, one.until, one.reason))
        if not wanted:
            found.append(_gap(None, since, until, "no gateway's records of this time are indexed"))
        return found

    def _from_flows(self, found, since, documents, rows):
        candidates = []
        for one in found:
            candidate = _candidate(one, rows)
            if one.end is None:
                last, seen, candidate["end_unknown"] = self._goes_on(one, documents)
                candidate["last_seen"] = iso(seen)
                if last < since:
                    continue
            candidates.append(candidate)
        return candidates

    def _goes_on(self, one, documents):
        """Until when a translation without an end can have lasted, when it is known to have, and whether it has ended.

        Each recorder writes what is open when it begins, and at the beginning of each day: what is not among that has
        ended, and its end was not recorded.
        """
        document = documents.get(one.gateway, ({"streams": {}},))[0]
        run = document["streams"].get(str(one.run))
        if run is None:
            return _END, one.seen, True
        heard = coverage.last_heard(run)
        midnight = (one.seen // catalogue.DAY + 1) * catalogue.DAY + coverage.BEAT_MILLISECONDS
        if heard is not None and heard > midnight:
            return midnight, one.seen, True
        newer = any(int(number) > one.run for number in document["streams"])
        if run["stop"] is not None or newer:
            last = max([one.seen, *(beat[1] for beat in run["beats"])])
            return last, last, True
        return _END, one.seen, False

    def _give_evidence(self, candidates):
        flows = [one for one in candidates if isinstance(one["found"], Found)]
        proofs = evidence.of_flows(self._base, self.seals, self.by_name, [one["found"] for one in flows])
        for candidate, proof in zip(flows, proofs):
            candidate["evidence"] = proof
        for candidate in candidates:
            if isinstance(candidate["found"], Row):
                candidate["evidence"] = evidence.of_plan(self.seals, candidate["found"])

    # The reverse.

    def _uses(self, inside_address, since, until, most):
        self._connect(True)
        inside = ipaddress.ip_address(inside_address)
        limit = "limit %d" % (most + 1)
        result = {}
        if inside.version == 4:
            files = [(day, path) for day in self.days for path in day.flow_files(None, since, until)]
            for row in self._flows(files, "inside = %d::uinteger" % int(inside), since, until, limit):
                _keep(result, row, None)
        for row in self._others("inside = " + engine.quoted(str(inside)), since, until, limit):
            _keep(result, row, None)
        documents = self._documents(since, until)
        forces = _forces(documents, since, until)
        rows = []
        candidates = []
        for gateway, force in forces:
            those = self._read_plan(
                force.plan,
                "kind in ('shared', 'prefix') or inside = " + engine.quoted(str(inside)),
            )
            own = [row for row in those if row.gateway == gateway] or [row._replace(gateway=gateway) for row in those]
            own = [row for row in own if _holds(row.inside, inside)]
            rows += own
            candidates += [_use(row, force, inside) for row in own if row.kind != "shared"]
        found = list(result.values())
        candidates += self._from_flows(found[:most], since, documents, rows)
        if self.with_evidence:
            self._give_evidence(candidates)
        for candidate in candidates:
            candidate.pop("found")
        named = {row.gateway for row in rows} | {candidate["gateway"] for candidate in candidates}
        only_plans = bool(rows) and all(row.kind != "shared" for row in rows) and not found
        gaps = self._gaps(documents, named, since, until, only_plans) + self._incomplete(forces, named)
        return {
            "inside_address": str(inside),
            "since": iso(since),
            "until": iso(until),
            "candidates": sorted(candidates, key=_order),
            "cut": len(found) > most,
            "covered": not gaps,
            "gaps": gaps,
            "plans": [_in_force(*one) for one in forces],
            "notes": [],
        }


def iso(milliseconds):
    """A time as ISO 8601 in UTC; None where there is none, or it has no bound."""
    if milliseconds is None or not -(10**14) < milliseconds < 10**14:
        return None
    moment = datetime.datetime.fromtimestamp(milliseconds // 1000, datetime.timezone.utc)
    return "%s.%03dZ" % (moment.strftime("%Y-%m-%dT%H:%M:%S"), milliseconds % 1000)


def _status(covered, insides):
    if not covered:
        return "unknown"
    return ("nobody", "one")[insides] if insides < 2 else "ambiguous"


def _span(request):
    return (_BEGIN, _END) if request.since is None else (request.since, request.until)


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


def _candidate(one, rows):
    pool = next(
        (row for row in rows if row.kind == "shared" and _holds(row.inside, ipaddress.ip_address(one.inside))), None
    )
    return {
        "mode": "sessions",
        "inside_address": one.inside,
        "inside_port": one.inside_port,
        "begin": iso(one.begin),
        "end": iso(one.end),
        "end_unknown": False,
        "last_seen": iso(one.seen if one.end is None else one.end),
        "protocol": one.protocol,
        "public_address": one.public,
        "public_port": one.public_port,
        "destination_address": one.destination,
        "destination_port": one.destination_port,
        "gateway": one.gateway,
        "pool": pool.pool if pool else None,
        "plan": pool.plan if pool else None,
        "evidence": None,
        "found": one,
    }


def _from_plans(request, forces, rows):
    found = []
    for gateway, force in forces:
        for row in rows:
            if row.gateway != gateway or row.plan != force.plan or row.kind == "shared":
                continue
            if row.kind == "prefix":
                inside = _moved(request.address, row.public, row.inside)
                found.append(
                    _planned(row, force, inside, request.port, request.address, request.port, request.protocol)
                )
            elif request.port is None or row.first <= request.port <= row.last:
                one = _planned(row, force, row.inside, None, row.public, request.port, request.protocol)
                if request.port is None:
                    one["public_port"], one["public_port_last"] = row.first, row.last
                found.append(one)
    return found


def _use(row, force, inside):
    if row.kind == "prefix":
        return _planned(row, force, str(inside), None, _moved(str(inside), row.inside, row.public), None, None)
    one = _planned(row, force, row.inside, None, row.public, row.first, None)
    return dict(one, public_port_last=row.last)


def _planned(row, force, inside, inside_port, public, public_port, protocol):
    return {
        "mode": "prefix" if row.kind == "prefix" else "deterministic",
        "inside_address": inside,
        "inside_port": inside_port,
        "begin": iso(force.since),
        "end": iso(force.until),
        "end_unknown": False,
        "last_seen": None,
        "protocol": protocol,
        "public_address": public,
        "public_port": public_port,
        "destination_address": None,
        "destination_port": None,
        "gateway": row.gateway,
        "pool": row.pool,
        "plan": row.plan,
        "evidence": None,
        "found": row,
    }


def _moved(address, prefix, other):
    """An IPv6 address with another prefix; the rest of it stays (NPTv6 as nftables does it)."""
    network = ipaddress.IPv6Network(prefix, False)
    rest = int(ipaddress.IPv6Address(address)) & int(network.hostmask)
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Network(other, False).network_address) | rest))


def _holds(network, address):
    return address in _network(network)


@functools.lru_cache(1024)
def _network(text):
    return ipaddress.ip_network(text, False)


def _forces(documents, since, until):
    """The plans in force in a span, as (gateway, Force), each plan once and as long as it was in force around it."""
    forces = []
    for gateway, (_document, every, _broken) in sorted(documents.items()):
        seen = {}
        for force in every:
            if force.since <= until and force.until >= since:
                known = seen.get(force.plan)
                seen[force.plan] = _longer(known, force) if known else force
        for force in every:
            known = seen.get(force.plan)
            if known and force.since <= known.until and force.until >= known.since:
                seen[force.plan] = _longer(known, force)._replace(confirmed=known.confirmed)
        forces += [(gateway, force) for force in seen.values()]
    return forces


def _in_force(gateway, force):
    return {
        "gateway": gateway,
        "plan": force.plan,
        "since": iso(force.since),
        "until": iso(force.until),
        "confirmed": force.confirmed,
    }


def _longer(one, other):
    return one._replace(
        since=min(one.since, other.since),
        until=max(one.until, other.until),
        confirmed=one.confirmed or other.confirmed,
    )


def _gap(gateway, since, until, reason):
    return {"gateway": gateway, "since": iso(since), "until": iso(until), "reason": reason}


def _order(candidate):
    return candidate["begin"] or "", candidate["inside_address"], candidate["public_port"] or 0
