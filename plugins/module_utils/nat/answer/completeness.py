# SPDX-License-Identifier: GPL-3.0-or-later
"""What the records of a time are worth: which plans were in force, what is missing, how exact the clocks were."""

from __future__ import annotations

from typing import NamedTuple

from ..index import catalogue, coverage
from ..times import BEGIN, END, iso


class Sums(NamedTuple):
    """What is known of one gateway: see L(coverage.merged), L(coverage.plans) and L(coverage.broken)."""

    document: dict
    plans: list
    broken: list


class Standing:
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

        :return: dict of Sums by gateway.
        """
        first = max(since, BEGIN) - coverage.BEAT_MILLISECONDS
        last = (until // catalogue.DAY + 1) * catalogue.DAY + coverage.BEAT_MILLISECONDS
        days = [day for day in self._days if day.texts and day.texts[0] <= last and day.texts[1] >= first]
        names = tuple(day.name for day in days)
        if names not in self._known:
            by_gateway = {}
            for day in days:
                for gateway, document in day.coverage().items():
                    by_gateway.setdefault(gateway, []).append(document)
            merged = {gateway: coverage.merged(those) for gateway, those in by_gateway.items()}
            self._known[names] = {
                gateway: Sums(document, coverage.plans(document), coverage.broken(document, self._snapshot_seconds))
                for gateway, document in merged.items()
            }
        return self._known[names]

    def clock(self, since, until):
        """By how much the gateways' clocks may have been wrong around a span.

        :return: int: milliseconds; None where a gateway does not say. A host without streams is no gateway: a collector
            makes the files of all hosts.
        """
        gateways = [one.document for one in self.sums(since, until).values() if one.document["streams"]]
        found = [coverage.clock(document, since, until) for document in gateways]
        return max(found) if found and None not in found else None


def gaps(sums, named, since, until, only_plans):
    """Why the records of a span are not complete.

    :param dict sums: see L(Standing.sums).
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
            if since == BEGIN and coverage.outside(one):
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
    heard = coverage.last_heard(run)
    midnight = (one.seen // catalogue.DAY + 1) * catalogue.DAY + coverage.BEAT_MILLISECONDS
    if heard is not None and heard > midnight:
        return midnight, one.seen, True
    newer = any(int(number) > one.run for number in sums[one.gateway].document["streams"])
    if run["stop"] is not None or newer:
        last = max([one.seen, *(beat[1] for beat in run["beats"])])
        return last, last, True
    return END, one.seen, False


def forces(sums, since, until):
    """The plans in force in a span, as (gateway, Force), each plan once and as long as it was in force around it."""
    found = []
    for gateway, one in sorted(sums.items()):
        seen = {}
        for force in one.plans:
            if force.since <= until and force.until >= since:
                known = seen.get(force.plan)
                seen[force.plan] = _longer(known, force) if known else force
        for force in one.plans:
            known = seen.get(force.plan)
            if known and force.since <= known.until and force.until >= known.since:
                seen[force.plan] = _longer(known, force)._replace(confirmed=known.confirmed)
        found += [(gateway, force) for force in seen.values()]
    return found


def in_force(gateway, force):
    """A plan that was in force, as an answer shows it."""
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
