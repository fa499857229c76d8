# SPDX-License-Identifier: GPL-3.0-or-later
"""For how much of the past the records of gateways are missing, and whether anybody knows why.

Between a gateway's first record and the last that could be here by now, each time counts that L(completeness.broken)
finds, but for three that are accounted for:

- no plan was in force, by the epochs: nothing was translated (a gateway that was stopped, or shut down, in order);
- the recorder was restarted in order, and was back within a minute;
- people have explained it, with gateway, times and reason (C(nat_log_explained_gaps)).
"""

from __future__ import annotations

from typing import NamedTuple

from ..index import coverage
from ..record import record_text
from ..times import BEGIN, END, iso
from . import completeness, request

RESTART_MILLISECONDS = 60000
ON_THE_WAY_MILLISECONDS = 1800000
"""What is younger may not have come yet, or not be in the index: nobody misses it. Whether it runs now others ask."""


class Explained(NamedTuple):
    """A time that people have explained: Unix milliseconds."""

    gateway: str
    since: int
    until: int
    reason: str


class History(NamedTuple):
    """What is missing of all gateways.

    :ivar int missing: milliseconds for which nobody knows.
    :ivar list gaps: (gateway, since, until, reason) of these.
    :ivar list explained: the same of what people have explained, with their reason.
    :ivar int restarts: milliseconds of restarts in order.
    """

    missing: int
    gaps: list
    explained: list
    restarts: int


def explanations(given):
    """Read what people have explained.

    :param list given: dicts with gateway, since, until and reason.
    :raises ValueError: one of them says no reason, or a time that is none.
    """
    found = []
    for one in given:
        if not str(one["reason"]).strip():
            raise ValueError("a gap of %s has no reason" % one["gateway"])
        since, until = request.span_of(str(one["since"]))[0], request.span_of(str(one["until"]))[1]
        found.append(Explained(one["gateway"], since, until + 1, str(one["reason"])))
    return found


def missing(sums, working, since, until, given=()):
    """What is missing of a span.

    :param dict sums: see L(completeness.Completeness.sums).
    :param working: the gateways that the inventory has now; of others the last record may have been their last.
    :param int since: Unix milliseconds, as C(until): now.
    :param given: of Explained.
    """
    total = restarts = 0
    gaps, explained = [], []
    for gateway, one in sorted(sums.items()):
        idle = _idle(one.document)
        why = [(each.since, each.until, each.reason) for each in given if each.gateway == gateway]
        unknown = []
        for broken in one.broken:
            span = _span(broken, gateway in working, since, until)
            if span is None:
                continue
            left = _without([span], idle + (_loaded(one.document) if broken.reason == completeness.NO_RULES else []))
            for begin, end, reason in why:
                parts = [part for part in (_common(each, (begin, end)) for each in left) if part]
                explained += [(gateway, *part, reason) for part in parts]
                left = _without(left, [(begin, end)])
            if broken.reason == completeness.STOPPED and span[1] - span[0] <= RESTART_MILLISECONDS:
                restarts += _length(left)
                continue
            gaps += [(gateway, *part, broken.reason) for part in left]
            unknown += left
        total += _length(unknown)
    return History(total, gaps, explained, restarts)


def sentence(gap):
    """A gap in words."""
    gateway, since, until, reason = gap
    return "%s from %s to %s (%d s): %s" % (gateway, iso(since), iso(until), -((since - until) // 1000), reason)


def _span(broken, works, since, until):
    """The part of a broken time that counts, or None."""
    if broken.since == BEGIN:
        return None  # nothing says that there was a gateway
    if broken.until == END:
        last = until - ON_THE_WAY_MILLISECONDS
        if not works or last - broken.since <= coverage.BEAT_MILLISECONDS:
            return None
        return _common((broken.since, last), (since, until))
    return _common((broken.since, broken.until), (since, until))


def _idle(document):
    """When no plan was in force, by epochs that say so: from the end of the newest one to the next begin.

    Before the first begin nothing was in force either, where no beat says otherwise: the gateway was new.
    """
    found, newest, since = [], None, None
    epochs = sorted(document["epochs"])
    first = next((at for at, _plan, bound in epochs if bound == "begin"), None)
    beats = [beat for run in document["streams"].values() for beat in run["beats"]]
    if first is not None and not any(beat[0] < first and beat[2] != record_text.NO_PLAN for beat in beats):
        found.append((BEGIN, first))
    for at, plan, bound in epochs:
        if bound == "begin":
            found += [(since, at)] if since is not None else []
            newest, since = plan, None
        elif newest in (None, plan) and since is None:  # else that plan was replaced before
            since = at
    return found + ([(since, END)] if since is not None else [])


def _loaded(document):
    """From each begin of a plan to the first beat that knows of it."""
    beats = [beat for run in document["streams"].values() for beat in run["beats"]]
    knowing = sorted(beat[0] for beat in beats if beat[2] != record_text.NO_PLAN)
    begins = [at for at, _plan, bound in document["epochs"] if bound == "begin"]
    return [(at, next((beat for beat in knowing if beat >= at), END)) for at in begins]


def _common(one, other):
    begin, end = max(one[0], other[0]), min(one[1], other[1])
    return (begin, end) if begin < end else None


def _without(spans, holes):
    for begin, end in holes:
        spans = [
            part
            for since, until in spans
            for part in ((since, min(until, begin)), (max(since, end), until))
            if part[0] < part[1]
        ]
    return spans


def _length(spans):
    total, reached = 0, BEGIN
    for since, until in sorted(spans):
        total += max(0, until - max(since, reached))
        reached = max(reached, until)
    return total
