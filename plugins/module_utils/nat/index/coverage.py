# SPDX-License-Identifier: GPL-3.0-or-later
"""For which time the records of a gateway are complete, and which plan was in force (docs/nat_records.md).

A C(Collector) sums up the texts of one gateway in one day's file. The sums of several days are put together with
C(merged), since a stream doesn't end at midnight, and C(broken) and C(plans) say what follows from them.
All times are Unix milliseconds.
"""

from __future__ import annotations

from typing import NamedTuple

CLOCK_MILLISECONDS = 600000  # how exact a clock was is kept for so long together
BEAT_MILLISECONDS = 150000  # a busy gateway is late with a beat; earlier versions had one a minute
SNAPSHOT_SECONDS = 30  # the default of nat_gateway_snapshot_seconds
NO_PLAN = "none"
_MOST_NAMED = 1000
BEFORE_ALL = -(1 << 62)
AFTER_ALL = 1 << 62


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


class Force(NamedTuple):
    """A plan was in force; C(confirmed) where beats on both sides say so."""

    plan: str
    since: int
    until: int
    confirmed: bool


class Collector:
    """Sums up the texts of one gateway, in whatever order and however often they come."""

    def __init__(self):
        self._runs = {}
        self._epochs = set()
        self._clocks = {}
        self._damaged = []
        self.first = None
        self.last = None

    def text(self, run, seq, at):
        """A text that can be used; C(at) is None in a plan."""
        spans = self._run(run)["spans"]
        if at is not None:
            self._time(at)
        if spans and spans[-1][1] + 1 == seq:
            spans[-1][1] = seq
            spans[-1][3] = spans[-1][3] if at is None else at
            if spans[-1][2] is None:
                spans[-1][2] = at
        else:
            spans.append([seq, seq, at, at])

    def beat(self, run, at, plan, lost, clock):
        """What a beat says.

        :param clock: by how many milliseconds the clock may be wrong; None if that is not known.
        """
        piece = str(at // CLOCK_MILLISECONDS)
        self._clocks[piece] = _worse(clock, self._clocks.get(piece, 0))
        beats = self._run(run)["beats"]
        if beats and beats[-1][2:] == [plan, lost] and 0 <= at - beats[-1][1] <= BEAT_MILLISECONDS:
            beats[-1][1] = at
        else:
            beats.append([at, at, plan, lost])

    def stop(self, run, at):
        """The stream ended in order."""
        self._run(run)["stop"] = at

    def epoch(self, plan, bound, at):
        """:param str bound: C(begin) or C(end)."""
        self._time(at)
        self._epochs.add((at, plan, bound))

    def damaged(self, line, run, seq, at):
        """A text that can't be used as a whole, as far as it can be read; C(at) is None where it can't."""
        self._damaged.append([line, run, seq, at])

    def document(self):
        """The sum, for JSON."""
        for run in self._runs.values():
            run["spans"] = _spans(run["spans"])
            run["beats"] = _beats(run["beats"])
        return {
            "streams": {str(number): run for number, run in self._runs.items()},
            "epochs": sorted(list(epoch) for epoch in self._epochs),
            "clocks": self._clocks,
            "damaged": self._damaged,
        }

    def _run(self, run):
        return self._runs.setdefault(run, {"spans": [], "beats": [], "stop": None})

    def _time(self, at):
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)


def _spans(spans):
    found = []
    for first, last, begin, end in sorted(spans, key=lambda span: span[:2]):
        if found and first <= found[-1][1] + 1:
            found[-1][1] = max(found[-1][1], last)
            found[-1][2] = begin if found[-1][2] is None else found[-1][2]
            found[-1][3] = max((at for at in (found[-1][3], end) if at is not None), default=None)
        else:
            found.append([first, last, begin, end])
    return found


def _beats(beats):
    found = []
    for first, last, plan, lost in sorted(beats):
        if found and found[-1][2:] == [plan, lost] and first - found[-1][1] <= BEAT_MILLISECONDS:
            found[-1][1] = max(found[-1][1], last)
        else:
            found.append([first, last, plan, lost])
    return found


def merged(documents):
    """The sums of one gateway in several days as one.

    :param list documents: each as C(Collector.document) gives it.
    """
    streams = {}
    epochs = set()
    clocks = {}
    damaged = []
    for document in documents:
        for number, run in document["streams"].items():
            known = streams.setdefault(number, {"spans": [], "beats": [], "stop": None})
            known["spans"] += run["spans"]
            known["beats"] += run["beats"]
            known["stop"] = run["stop"] if known["stop"] is None else known["stop"]
        epochs.update(tuple(epoch) for epoch in document["epochs"])
        for piece, clock in document["clocks"].items():
            clocks[piece] = _worse(clock, clocks.get(piece, 0))
        damaged += document["damaged"]
    for run in streams.values():
        run["spans"] = _spans(run["spans"])
        run["beats"] = _beats(run["beats"])
    return {
        "streams": streams,
        "epochs": sorted(list(epoch) for epoch in epochs),
        "clocks": clocks,
        "damaged": damaged,
    }


def clock(document, since, until):
    """By how many milliseconds a gateway's clock may have been wrong in a span and the minutes around it.

    :param dict document: as L(merged) gives it.
    :return: int; None where no beat of that time says so.
    """
    first, last = (at // CLOCK_MILLISECONDS for at in (since - BEAT_MILLISECONDS, until + BEAT_MILLISECONDS))
    clocks = [clock for piece, clock in document["clocks"].items() if first <= int(piece) <= last]
    return max(clocks) if clocks and None not in clocks else None


def _worse(one, other):
    return None if None in (one, other) else max(one, other)


def last_heard(run):
    """When a stream was last heard of; None if none of its texts bears a time."""
    times = [span[3] for span in run["spans"] if span[3] is not None] + [beat[1] for beat in run["beats"]]
    return max(times, default=None)


def broken(document, snapshot_seconds=SNAPSHOT_SECONDS):
    """The times for which records of a gateway are missing, in order of time, with what was seen of it.

    :param dict document: as C(merged) gives it.
    :param int snapshot_seconds: how young a translation may be that goes on and is not yet written.
    :return: list of Broken; before the first and after the last text everything is missing.
    """
    found = []
    reach = snapshot_seconds * 1000

    def add(since, until, reason, plan=False, back=reach):
        if since < until:
            found.append(Broken(since, until, since - back, plan, reason))

    before = BEFORE_ALL
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
            why, back = "the recorder was stopped", 0
        else:
            why, back = "the recorder was killed, or its records have not come or are not indexed", reach
    add(before, AFTER_ALL, why if before != BEFORE_ALL else "there is no record of this gateway", plan=True, back=back)
    return sorted(found)


def outside(one):
    """Whether a time is before the first or after the last record of its gateway."""
    return one.since == BEFORE_ALL or one.until == AFTER_ALL


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
        if first - at > BEAT_MILLISECONDS:
            add(at, first, "no beat for %d s" % ((first - at) // 1000), plan=True)
        if count > lost:
            add(at, first, "%d events of the kernel were lost" % (count - lost))
        if plan == NO_PLAN:
            add(at, max(last, after), "no ruleset of ours was loaded", plan=True, back=0)
        at, lost = last, max(lost, count)
    if heard is not None and heard - at > BEAT_MILLISECONDS:
        add(at, heard, "no beat for %d s" % ((heard - at) // 1000), plan=True)


def _missing(began, first, last, bad):
    text = "text %d is missing" % first if first == last else "texts %d to %d are missing" % (first, last)
    lines = " (damaged: line %s)" % ", ".join(str(line) for line in bad[:5]) if bad else ""
    return "%s in the stream %d%s" % (text, began, lines)


def plans(document):
    """Which plans were in force when: list of Force, in order of time.

    Epochs say so to the millisecond; beats say it where an epoch is not at hand. Where a plan changed between two beats
    and no epoch says when, both were in force between them.

    :param dict document: as C(merged) gives it.
    """
    groups = sorted(beat[:3] for run in document["streams"].values() for beat in run["beats"])
    epochs = document["epochs"]
    found = [Force(plan, at, _end(epochs, groups, plan, at), False) for at, plan, bound in epochs if bound == "begin"]
    found += [
        Force(plan, BEFORE_ALL, at, False)
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
            found.append(Force(first[2], BEFORE_ALL, first[0], False))
        found.append(Force(last[2], last[1], _end(epochs, groups, last[2], last[1]), False))
    return _joined([force for force in found if force.plan != NO_PLAN])


def _end(epochs, groups, plan, at):
    """When a plan that was in force at a time ended, or was seen to have ended."""
    seen = min((first for first, _last, other in groups if first > at and other != plan), default=AFTER_ALL)
    for when, other, bound in epochs:
        if when > at and bound == "end" and other == plan:
            return min(when, seen)
        if when > at and bound == "begin" and other != plan:
            ends = [o[0] for o in epochs if o[1] == plan and o[2] == "end" and o[0] >= when]
            return min(ends[0] if ends and ends[0] - when < BEAT_MILLISECONDS else when, seen)
    return seen


def _first(epochs, plan, bound, since, until):
    return next((at for at, other, kind in epochs if other == plan and kind == bound and since <= at <= until), None)


def _joined(forces):
    found = []
    for force in sorted(forces):
        known = found[-1] if found else None
        if known and known.plan == force.plan and force.since <= known.until and known.confirmed == force.confirmed:
            found[-1] = known._replace(until=max(known.until, force.until))
        else:
            found.append(force)
    return sorted(found, key=lambda force: (force.since, force.until))
