# SPDX-License-Identifier: GPL-3.0-or-later
"""What the records of a time are worth: whether any are missing, and how exact the gateways' clocks were."""

from __future__ import annotations

from typing import NamedTuple

from ..index import coverage
from ..record import record_text
from ..times import BEGIN, DAY, END, iso
from . import plans_in_force

SNAPSHOT_SECONDS = 30  # the default of nat_gateway_snapshot_seconds
_MOST_NAMED = 1000
STOPPED = "the recorder was stopped"
NO_RULES = "no ruleset of ours was loaded"


class Broken(NamedTuple):
    """A time for which records are missing.

    C(reach) is from when translations may be missing, because those that were open and young at C(since) were not yet
    written; C(plan) tells whether the plan in force is unknown as well.
    """

    since: int
    until: int
    reach: int
    plan: bool
    reason: str


class Sums(NamedTuple):
    """What is known of one gateway: see L(coverage.merged), L(plans_in_force.forces) and L(broken)."""

    document: dict
    plans: list
    broken: list


class Completeness:
    """Judges spans of time by the sums of the days.

    :param list days: of catalogue.Day.
    :param int snapshot_seconds: the gateways' C(nat_gateway_snapshot_seconds).
    """

    def __init__(self, days, snapshot_seconds):
        self._days = days
        self._snapshot_seconds = snapshot_seconds
        self._known = {}

    def sums(self, since, until):
        """What the days say whose texts can tell something of a span.

        A collector makes the files of all hosts, so a host is no gateway where it wrote nothing and the inventory calls
        it none; one that the inventory calls a gateway is one, though it wrote nothing.

        :return: dict of Sums by gateway.
        """
        first = max(since, BEGIN) - coverage.BEAT_MILLISECONDS
        last = (until // DAY + 1) * DAY + coverage.BEAT_MILLISECONDS
        days = [day for day in self._days if day.texts and day.texts[0] <= last and day.texts[1] >= first]
        names = tuple(day.name for day in days)
        if names not in self._known:
            by_gateway = {}
            for day in days:
                for gateway, document in day.coverage().items():
                    by_gateway.setdefault(gateway, []).append(document)
            for name in set().union(*(day.gateways_by_inventory for day in days)):
                by_gateway.setdefault(name, [])
            merged = {gateway: coverage.merged(those) for gateway, those in by_gateway.items()}
            others = set.intersection(*(day.others_by_inventory for day in days)) if days else set()
            merged = {gateway: one for gateway, one in merged.items() if gateway not in others or any(one.values())}
            self._known[names] = {
                gateway: Sums(document, plans_in_force.forces(document), broken(document, self._snapshot_seconds))
                for gateway, document in merged.items()
            }
        return self._known[names]

    def clock(self, since, until):
        """By how much the gateways' clocks may have been wrong around a span.

        :return: int: milliseconds; None where a gateway does not say. A host without streams has no clock to tell of.
        """
        gateways = [one.document for one in self.sums(since, until).values() if one.document["streams"]]
        found = [_clock(document, since, until) for document in gateways]
        return max(found) if found and None not in found else None


def gaps(sums, named, since, until, only_plans):
    """Why the records of a span are not complete.

    :param dict sums: see L(Completeness.sums).
    :param set named: the gateways that matter; all if empty.
    :param bool only_plans: the plan alone answers, so lost translations don't matter.
    :return: list of dict: gateway, since, until, reason.
    """
    found = []
    wanted = [gateway for gateway in sorted(sums) if not named or gateway in named]
    for gateway in wanted:
        for one in sums[gateway].broken:
            if only_plans and not one.plan:
                continue
            if since == BEGIN and outside(one):
                continue  # at any time means as far as records go
            if (one.since if only_plans else one.reach) <= until and one.until > since:
                found.append(gap(gateway, one.since, one.until, one.reason))
    if not wanted:
        found.append(gap(None, since, until, "no gateway's records of this time are indexed"))
    return found


def gap(gateway, since, until, reason):
    """A gap as an answer shows it."""
    return {"gateway": gateway, "since": iso(since), "until": iso(until), "reason": reason}


def goes_on(one, sums):
    """Until when a translation without an end can have lasted, when it is known to have, and whether it has ended.

    Each recorder writes what is open when it begins, and at the beginning of each day: what is not among that has
    ended, and its end was not recorded.

    :param Found one: see L(translations.Found).
    :return: (int, int, bool): two times in Unix milliseconds.
    """
    run = sums[one.gateway].document["streams"].get(str(one.run)) if one.gateway in sums else None
    if run is None:
        return END, one.seen, True
    heard = last_heard(run)
    midnight = (one.seen // DAY + 1) * DAY + coverage.BEAT_MILLISECONDS
    if heard is not None and heard > midnight:
        return midnight, one.seen, True
    newer = any(int(number) > one.run for number in sums[one.gateway].document["streams"])
    if run["stop"] is not None or newer:
        last = max([one.seen, *(beat[1] for beat in run["beats"])])
        return last, last, True
    return END, one.seen, False


def last_heard(run):
    """When a stream was last heard of; None if none of its texts bears a time."""
    times = [span[3] for span in run["spans"] if span[3] is not None] + [beat[1] for beat in run["beats"]]
    return max(times, default=None)


def broken(document, snapshot_seconds=SNAPSHOT_SECONDS):
    """The times for which records of a gateway are missing, in order of time, with what was seen of it.

    :param dict document: as L(coverage.merged) gives it.
    :param int snapshot_seconds: how young a translation may be that goes on and is not yet written.
    :return: list of Broken; before the first and after the last text everything is missing.
    """
    found = []
    reach = snapshot_seconds * 1000

    def add(since, until, reason, plan=False, back=reach):
        if since < until:
            found.append(Broken(since, until, since - back, plan, reason))

    before = BEGIN
    why = "there is no record of this gateway before"
    back = 0
    for number, run in sorted(document["streams"].items(), key=lambda item: int(item[0])):
        began = int(number)
        add(before, began, why, plan=True, back=back)
        _within(began, run, document["damaged"], add)
        heard = last_heard(run)
        ended = run["stop"] if run["stop"] is not None else (began if heard is None else heard)
        before = max(ended, before)
        if run["stop"] is not None:
            why, back = STOPPED, 0
        else:
            why, back = "the recorder was killed, or its records have not come or are not indexed", reach
    add(before, END, why if before != BEGIN else "there is no record of this gateway", plan=True, back=back)
    return sorted(found)


def outside(one):
    """Whether a time is before the first or after the last record of its gateway."""
    return one.since == BEGIN or one.until == END


def _within(began, run, damaged, add):
    bad = {seq: (line, when) for line, at_run, seq, when in damaged if at_run == began}
    at, number = began, 1
    for first, last, begin, end in run["spans"]:
        if first > number:
            names = [bad[seq] for seq in range(number, min(first, number + _MOST_NAMED)) if seq in bad]
            until = at if begin is None else begin
            if len(names) == first - number and all(when is not None for _line, when in names):
                until = max(when for _line, when in names)  # what was in it had ended by then
            add(at, max(until, at + 1), _missing(began, number, first - 1, [line for line, _when in names]))
        number = last + 1
        at = at if end is None else max(at, end)
    heard = last_heard(run)
    at, lost = began, 0
    follows = [beat[0] for beat in run["beats"][1:]] + [heard]
    for (first, last, plan, count), after in zip(run["beats"], follows):
        if first - at > coverage.BEAT_MILLISECONDS:
            add(at, first, "no beat for %d s" % ((first - at) // 1000), plan=True)
        if count > lost:
            add(at, first, "%d events of the kernel were lost" % (count - lost))
        if plan == record_text.NO_PLAN:
            add(at, max(last, after), NO_RULES, plan=True, back=0)
        at, lost = last, max(lost, count)
    if heard is not None and heard - at > coverage.BEAT_MILLISECONDS:
        add(at, heard, "no beat for %d s" % ((heard - at) // 1000), plan=True)


def _missing(began, first, last, bad):
    text = "text %d is missing" % first if first == last else "texts %d to %d are missing" % (first, last)
    lines = " (damaged: line %s)" % ", ".join(str(line) for line in bad[:5]) if bad else ""
    return "%s in the stream %d%s" % (text, began, lines)


def _clock(document, since, until):
    """By how many milliseconds a gateway's clock may have been wrong in a span and the minutes around it.

    :param dict document: as L(coverage.merged) gives it.
    :return: int; None where no beat of that time says so.
    """
    first, last = (
        at // coverage.CLOCK_MILLISECONDS
        for at in (since - coverage.BEAT_MILLISECONDS, until + coverage.BEAT_MILLISECONDS)
    )
    clocks = [clock for piece, clock in document["clocks"].items() if first <= int(piece) <= last]
    return max(clocks) if clocks and None not in clocks else None
