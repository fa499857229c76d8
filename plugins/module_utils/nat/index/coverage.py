# SPDX-License-Identifier: GPL-3.0-or-later
"""What the texts of a gateway tell of themselves, summed up: streams and their numbers, beats, epochs, clocks.

A C(Coverage) sums up the texts of one gateway in one day's file. The sums of several days are put together with
C(merged), since a stream doesn't end at midnight. What follows from them is the answer's to say. All times are
Unix milliseconds.
"""

from __future__ import annotations

CLOCK_MILLISECONDS = 600000  # how exact a clock was is kept for so long together
BEAT_MILLISECONDS = 150000  # a busy gateway is late with a beat; earlier versions had one a minute


class Coverage:
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

    :param list documents: each as C(Coverage.document) gives it.
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


def _worse(one, other):
    return None if None in (one, other) else max(one, other)
