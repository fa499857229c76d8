# SPDX-License-Identifier: GPL-3.0-or-later
"""Which plan was in force on a gateway at what time, by the epochs and beats of its records (docs/nat_records.md)."""

from __future__ import annotations

from typing import NamedTuple

from ..index.coverage import BEAT_MILLISECONDS
from ..record.record_text import NO_PLAN
from ..times import BEGIN, END, iso


class Force(NamedTuple):
    """A plan was in force; C(confirmed) where beats on both sides say so."""

    plan: str
    since: int
    until: int
    confirmed: bool


def forces(document):
    """Which plans were in force when: list of Force, in order of time.

    Epochs say so to the millisecond; beats say it where an epoch is not at hand. Where a plan changed between two beats
    and no epoch says when, both were in force between them.

    :param dict document: as L(coverage.merged) gives it.
    """
    groups = sorted(beat[:3] for run in document["streams"].values() for beat in run["beats"])
    epochs = document["epochs"]
    found = [Force(plan, at, _end(epochs, groups, plan, at), False) for at, plan, bound in epochs if bound == "begin"]
    found += [
        Force(plan, BEGIN, at, False)
        for at, plan, bound in epochs
        if bound == "end" and not any(o[1] == plan and o[2] == "begin" and o[0] <= at for o in epochs)
    ]
    found += [Force(plan, since, until, True) for since, until, plan in groups]
    for (_since, since, before), (until, _until, after) in zip(groups, groups[1:]):
        near = until - since <= BEAT_MILLISECONDS
        if before == after:
            found.append(Force(before, since, until, near))
            continue
        begin = _first(epochs, after, "begin", since, until)
        end = _first(epochs, before, "end", since, until)
        known = near and (end or begin) is not None
        found.append(Force(before, since, end or begin or until, known))
        found.append(Force(after, begin or end or since, until, known))
    if groups:
        first, last = groups[0], groups[-1]
        if not any(force.plan == first[2] and force.since <= first[0] and not force.confirmed for force in found):
            found.append(Force(first[2], BEGIN, first[0], False))
        found.append(Force(last[2], last[1], _end(epochs, groups, last[2], last[1]), False))
    return _joined([force for force in found if force.plan != NO_PLAN])


def within(sums, since, until):
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


def shown(gateway, force):
    """A plan that was in force, as an answer shows it."""
    return {
        "gateway": gateway,
        "plan": force.plan,
        "since": iso(force.since),
        "until": iso(force.until),
        "confirmed": force.confirmed,
    }


def _end(epochs, groups, plan, at):
    """When a plan that was in force at a time ended, or was seen to have ended."""
    seen = min((first for first, _last, other in groups if first > at and other != plan), default=END)
    for when, other, bound in epochs:
        if when > at and bound == "end" and other == plan:
            return min(when, seen)
        if when > at and bound == "begin" and other != plan:
            ends = [o[0] for o in epochs if o[1] == plan and o[2] == "end" and o[0] >= when]
            return min(ends[0] if ends and ends[0] - when < BEAT_MILLISECONDS else when, seen)
    return seen


def _first(epochs, plan, bound, since, until):
    return next((at for at, other, kind in epochs if other == plan and kind == bound and since <= at <= until), None)


def _joined(those):
    found = []
    for force in sorted(those):
        known = found[-1] if found else None
        if known and known.plan == force.plan and force.since <= known.until and known.confirmed == force.confirmed:
            found[-1] = known._replace(until=max(known.until, force.until))
        else:
            found.append(force)
    return sorted(found, key=lambda force: (force.since, force.until))


def _longer(one, other):
    return one._replace(
        since=min(one.since, other.since),
        until=max(one.until, other.until),
        confirmed=one.confirmed or other.confirmed,
    )
