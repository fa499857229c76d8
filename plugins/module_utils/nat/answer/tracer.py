# SPDX-License-Identifier: GPL-3.0-or-later
"""Who had this public address and port at this time: the question to the index, and its answer.

An answer has all candidates within the time asked, and says whether the records of that time are complete. Its status:

- C(one): all candidates are the same inside address, and the records are complete.
- C(ambiguous): they are several.
- C(nobody): the records are complete, and nobody had it.
- C(unknown): records of that time are missing or broken; what was found is listed, but may not be all.
"""

from __future__ import annotations

import ipaddress
import os

from ..index import catalogue, location
from ..times import iso
from . import accounts, candidates, completeness, evidence, plans, plans_in_force, translations
from .candidates import holds
from .request import address_of

MEMORY = "1GB"
NOBODY = {"account": None}  # where no record says who held an inside address
UNKNOWN_CLOCK = 1000  # milliseconds of tolerance where no record says how exact the clock was


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

    :param str store_folder: of the records; None on a node that has none, and then there is no evidence.
    :param str index_folder: as C(build.build) made it, or where it was published; see L(location.at).
    :param int snapshot_seconds: the gateways' C(nat_gateway_snapshot_seconds).
    :param bool with_evidence: look the record lines up.
    :param int threads: of DuckDB; by default 1 for few requests, else all processors.
    :raises duckdb_engine.MissingError: there is no duckdb.
    :raises ValueError: the index is of another version.
    """

    def __init__(
        self,
        store_folder,
        index_folder,
        *,
        snapshot_seconds=completeness.SNAPSHOT_SECONDS,
        with_evidence=True,
        threads=None,
    ):
        self.store = store_folder
        self.location = location.at(index_folder)
        self.snapshot_seconds = snapshot_seconds
        self.with_evidence = with_evidence and store_folder is not None and self.location.own
        self._threads = threads
        self._base = None
        self.seals = evidence.Seals(store_folder, catalogue.RECORD_CLASS)
        self.holder_seals = evidence.Seals(store_folder, catalogue.HOLDER_CLASS)
        self._load()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        if self._base is not None:
            self._base.close()
        self.seals.close()
        self.holder_seals.close()
        self.location.close()

    def ask(self, requests):
        """Answer questions.

        :param list requests: of Request.
        :return: list of dict: C(status), C(request), C(since) and C(until) (the span asked with the tolerance; None
            without a time), C(tolerance_seconds), C(candidates), C(ambiguous), C(covered), C(gaps) (why not: gateway,
            since, until, reason), C(plans) (in force then: gateway, plan, since, until, confirmed) and C(notes). A
            candidate has C(mode) (C(sessions), C(deterministic) or C(prefix)), C(inside_address), C(inside_port) (None
            where the plan answers), C(begin), C(end) (None: it goes on, or unknown), C(end_unknown), C(last_seen),
            C(protocol), C(public_address), C(public_port), C(destination_address), C(destination_port), C(gateway),
            C(pool), C(plan), C(evidence) and C(accounts): who held the inside address then (account, station, source,
            since, until, last_heard, evidence; account is None where the record of it was not understood). Times are
            ISO 8601 in UTC.
        """
        with self.location.in_one_sentence():
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
        with self.location.in_one_sentence():
            return self._again(self._uses, inside_address, since, until, most)

    def example(self, at):
        """An owner of ports by a plan that was in force then, for a question whose answer is known.

        :param int at: Unix milliseconds.
        :return: Row, or None where no plan had blocks.
        """
        with self.location.in_one_sentence():
            return self._again(self._example, at)

    def shared(self, at):
        """Who shares an address by the plans that were in force then, so that each translation is recorded.

        :param int at: Unix milliseconds.
        :return: list of Row.
        """
        with self.location.in_one_sentence():
            return self._again(self._shared, at)

    def _shared(self, at):
        self._connect(False)
        forces = plans_in_force.within(self.completeness.sums(at, at), at, at)
        return [
            row
            for gateway, force in forces
            for row in self.plans.read(force.plan, "kind = 'shared'")
            if row.gateway == gateway
        ]

    def _example(self, at):
        self._connect(False)
        for _gateway, force in plans_in_force.within(self.completeness.sums(at, at), at, at):
            rows = self.plans.read(force.plan, "kind = 'block'")
            if rows:
                return rows[0]
        return None

    def _load(self):
        days = catalogue.load(self.location)
        self.days = days
        self.seals.close()
        self.holder_seals.close()
        self.completeness = completeness.Completeness(days, self.snapshot_seconds)
        self.plans = self.translations = self.accounts = None  # until there is a connection

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
            self._base = self.location.connect(threads=threads, memory=MEMORY)
        if self.plans is None:
            self.plans = plans.Plans(self._base, self.days)
            self.translations = translations.Translations(self._base, self.days)
            self.accounts = accounts.Accounts(self._base, self.days)

    def _ask(self, requests):
        self._connect(len(requests) > translations.FEW)
        settled = [self._settled(one) for one in requests]
        self.plans.expect(requests)
        found = self.translations.asked([request for request, _notes in settled])
        drafts = [self._draft(*one, those) for one, those in zip(settled, found)]
        spans = [request.span for request, _notes in settled]
        those = [(one, span) for draft, span in zip(drafts, spans) for one in draft["candidates"]]
        self._give_accounts(those)
        self._give_evidence([one for one, _span in those])
        for draft in drafts:
            people = _people(draft["candidates"])
            draft["notes"] += _not_understood(draft["candidates"])
            draft.update(status=_status(draft["covered"], people), ambiguous=people > 1)
        return drafts

    def _settled(self, request):
        """A question whose tolerance is known, and what is to be said of it."""
        if request.tolerance is not None or request.since is None:
            return request, []
        clock = self.completeness.clock(request.since, request.until)
        if clock is not None:
            return request._replace(tolerance=clock), []
        note = "how exact the gateway's clock was is not on record for that time: a tolerance of %g s was taken"
        return request._replace(tolerance=UNKNOWN_CLOCK), [note % (UNKNOWN_CLOCK / 1000)]

    def _draft(self, request, notes, found):
        since, until = request.span
        if request.port is None:
            notes.append("no port was asked for: these are all who had the address")
        if request.since is None:
            notes.append("no time was asked for: these are all who ever had it, as far as records go")
        sums = self.completeness.sums(since, until)
        forces = plans_in_force.within(sums, since, until)
        rows = [row for gateway, force in forces for row in self.plans.naming(gateway, force.plan, request)]
        those = self._from_flows(found, since, sums, rows) + candidates.from_plans(request, forces, rows)
        gaps, named = self._gaps(sums, forces, rows, those, (since, until))
        return {
            "status": None,
            "request": request.asked,
            "since": iso(None if request.since is None else since),
            "until": iso(None if request.since is None else until),
            "tolerance_seconds": None if request.since is None else request.tolerance / 1000,
            "candidates": sorted(those, key=candidates.order),
            "ambiguous": None,
            "covered": not gaps,
            "gaps": gaps,
            "plans": [plans_in_force.shown(*one) for one in forces if not named or one[0] in named],
            "notes": notes,
        }

    def _uses(self, inside_address, since, until, most):
        self._connect(True)
        inside = ipaddress.ip_address(address_of("inside_address", inside_address))
        found = self.translations.of_inside(inside, since, until, most)
        sums = self.completeness.sums(since, until)
        forces = plans_in_force.within(sums, since, until)
        rows, those = [], []
        for gateway, force in forces:
            own = [row for row in self.plans.of_inside(gateway, force.plan, inside) if holds(row.inside, inside)]
            rows += own
            those += [candidates.use(row, force, inside) for row in own if row.kind != "shared"]
        those += self._from_flows(found[:most], since, sums, rows)
        self._give_accounts([(one, (since, until)) for one in those])
        self._give_evidence(those)
        gaps, _named = self._gaps(sums, forces, rows, those, (since, until))
        return {
            "inside_address": str(inside),
            "since": iso(since),
            "until": iso(until),
            "candidates": sorted(those, key=candidates.order),
            "cut": len(found) > most,
            "covered": not gaps,
            "gaps": gaps,
            "plans": [plans_in_force.shown(*one) for one in forces],
            "notes": _not_understood(those),
        }

    def _gaps(self, sums, forces, rows, those, span):
        """Why the records that matter for an answer are not complete, and the gateways whose they are."""
        named = {row.gateway for row in rows} | {one["gateway"] for one in those}
        only_plans = bool(rows) and all(row.kind != "shared" for row in rows)
        only_plans = only_plans and all(one["mode"] != "sessions" for one in those)
        gaps = completeness.gaps(sums, named, *span, only_plans)
        for gateway, force in forces:
            if not self.plans.complete(force.plan) and (not named or gateway in named):
                reason = "the plan %s is not complete in the records" % force.plan
                gaps.append(completeness.gap(gateway, force.since, force.until, reason))
        return gaps, named

    def _from_flows(self, found, since, sums, rows):
        those = []
        for one in found:
            candidate = candidates.candidate(one, rows)
            if one.end is None:
                last, seen, candidate["end_unknown"] = completeness.goes_on(one, sums)
                candidate["last_seen"] = iso(seen)
                if last < since:
                    continue
            those.append(candidate)
        return those

    def _give_accounts(self, those):
        """Who held the inside address then.

        :param list those: (candidate, span).
        """
        if not any(day.holders for day in self.days):
            return
        spans = [_span_of(one["found"], *span) for one, span in those]
        addresses = {one["inside_address"] for one, _span in those}
        told = self.accounts.of(addresses, *(pick(at) for pick, at in zip((min, max), zip(*spans)))) if spans else {}
        for (one, _asked), span in zip(those, spans):
            held = accounts.within(told.get(one["inside_address"], ()), *span)
            one["accounts"] = [candidates.account(tenure) for tenure in held]
            if self.with_evidence:
                for account, tenure in zip(one["accounts"], held):
                    account["evidence"] = evidence.of_tenure(self.holder_seals, tenure)

    def _give_evidence(self, those):
        sources = [one.pop("found") for one in those]
        if not self.with_evidence:
            return
        flows = [number for number, source in enumerate(sources) if isinstance(source, translations.Found)]
        by_name = {day.name: day for day in self.days}
        proofs = evidence.of_flows(self._base, self.seals, by_name, [sources[number] for number in flows])
        for number, proof in zip(flows, proofs):
            those[number]["evidence"] = proof
        for one, source in zip(those, sources):
            if isinstance(source, plans.Row):
                one["evidence"] = evidence.of_plan(self.seals, source)


def _span_of(found, since, until):
    """The part of a span in which a translation lasted; of a plan it is the whole."""
    if not isinstance(found, translations.Found):
        return since, until
    return max(found.begin, since), until if found.end is None else min(found.end, until)


def _people(those):
    """How many different holders candidates have: the inside address alone does not tell two accounts apart."""
    return len({(one["inside_address"], held["account"]) for one in those for held in one["accounts"] or [NOBODY]})


def _not_understood(those):
    """From when on who held an inside address is not known, because a record of it was not understood."""
    found = {}
    for one in those:
        for held in one["accounts"]:
            if held["account"] is None:
                where = " (%(file)s line %(line)s)" % held["evidence"] if held["evidence"] else ""
                found[one["inside_address"], held["since"]] = where
    return [
        "who held %s since %s is not known: the record of it was not understood%s / 记录无法理解，此后持有人不明"
        % (address, since, where)
        for (address, since), where in sorted(found.items())
    ]


def _status(covered, people):
    if not covered:
        return "unknown"
    return ("nobody", "one")[people] if people < 2 else "ambiguous"
