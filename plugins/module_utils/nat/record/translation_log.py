# SPDX-License-Identifier: GPL-3.0-or-later
"""What one run of the recorder writes: which texts, what is in them, and when they are due."""

from __future__ import annotations

from .. import times
from . import flow_entry, record_text

FLUSH_SECONDS = 1


class TranslationLog:
    """Says what is to be written, and when.

    :param Settings settings: of the run.
    :param write: takes one text.
    :param int at: Unix milliseconds, as in all methods; C(clock) is seconds of a clock that nobody sets.
    """

    def __init__(self, settings, write, at):
        self.settings = settings
        self.stream = record_text.Stream(at)
        self.ended = 0
        self.open = 0
        self._write = write
        self._day = at // times.DAY
        self._entries = []
        self._characters = 0
        self._flush_at = None
        self._written = set()  # the open translations that need not be written again today
        self._seen = set()

    def write_plan(self):
        """All texts of the plan."""
        for text in self.stream.plan(self.settings.plan):
            self._write(text)

    def flows_ended(self, flows, at, clock):
        """Translations ended."""
        self.ended += len(flows)
        for flow in flows:
            self._add(flow, flow.end or at, at, clock)

    def look_begins(self):
        """From now on :meth:`flows_open` tells of all open translations once."""
        self.open = 0
        self._seen = set()

    def flows_open(self, flows, at, clock, everything=False):
        """Some of the translations that are open: write those that are due.

        :param bool everything: also the young ones and those that are written.
        """
        self.open += len(flows)
        youngest = at - self.settings.snapshot_seconds * 1000
        for flow in flows:
            known = flow.key in self._written
            if everything or (flow.begin <= youngest and not known):
                self._add(flow, None, at, clock)
                known = True
            if known:
                self._seen.add(flow.key)

    def look_ends(self):
        """All open translations were told: forget the others."""
        self._written, self._seen = self._seen, set()

    def tick(self, at, clock):
        """Write what is due.

        :return: bool: a new UTC day began, so that the open translations are due again.
        """
        if self._flush_at is not None and clock >= self._flush_at:
            self.flush(at)
        if at // times.DAY == self._day:
            return False
        self.flush(at)
        self._day = at // times.DAY
        self._written, self._seen = set(), set()
        self.write_plan()
        return True

    def due(self):
        """The clock at which :meth:`tick` has something to write; None if there is nothing."""
        return self._flush_at

    def beat(self, at, plan, begun, lost, clock=None):
        """A sign of life; C(clock) is by how many milliseconds the clock may be wrong."""
        counts = {"open": self.open, "begun": begun, "ended": self.ended, "lost": lost}
        self._write(self.stream.beat(at, plan, counts, clock))

    def stop(self, at):
        """The last text."""
        self.flush(at)
        self._write(self.stream.stop(at))

    def flush(self, at):
        """Write the translations that wait."""
        if self._entries:
            self._write(self.stream.flows(at, self._entries))
        self._entries = []
        self._characters = 0
        self._flush_at = None

    def _add(self, flow, end, at, clock):
        # Without a begin it was there before the kernel noted times, so before this run: known since the run began.
        begin = flow.begin or self.stream.run
        entry = flow_entry.write(flow[:5], begin, end, flow[7:9] if self.settings.log_destinations else None)
        if self._characters + len(entry) + 1 > record_text.MOST_CHARACTERS:
            self.flush(at)
        if not self._entries:
            self._flush_at = clock + FLUSH_SECONDS
        self._entries.append(entry)
        self._characters += len(entry) + 1
