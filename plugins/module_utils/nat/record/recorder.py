# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorder on a NAT gateway, C(order82 nat record): writes who got which public address and port, and when.

It runs as long as the gateway does. Its texts go to the journal under a name of their own (docs/nat_records.md); what a
person must know goes to standard error, with the priority that systemd reads. The texts and when they are due are kept
apart (C(translation_log)), and so is what the kernel is asked (C(conntrack), C(nftables)); the loop is here.
"""

from __future__ import annotations

import functools
import select
import signal
import sys
import time

from ... import chrony, journal, service_manager
from ..plan import plan_id
from . import conntrack, netlink, nftables, record_text, settings
from .loss_accounting import Balance, Growth, State, lost_between
from .translation_log import TranslationLog

BEAT_SECONDS = 30  # an answer about the last moments waits for the next beat
DRAIN_SECONDS = 20  # the longest that a stop waits for notices that still come
_READ_AT_ONCE = 2000  # notices
_SOCKET = "ended"  # its name in systemd's keeping
_PAUSE_SECONDS = 0.02  # notices that come together cost less than one by one


class _Run:
    """One run: the kernel on one side, the log on the other."""

    def __init__(self, given, write):
        self.settings = given
        self.plan = plan_id(given.plan)
        self.at = int(time.time() * 1000)
        self.log = TranslationLog(given, write, self.at)
        self.growth = Growth()
        self.state = State(given.state)
        self.notices = None
        self.decoder = None
        self.look = None
        self.balance = None
        self.ended_at_look = 0
        self.lost_before = 0
        self.told = {}
        self.more = False
        self.next_look = self.next_beat = 0.0
        self.beat_waits = False
        self.clock = chrony.Clock()

    def start(self):
        """Listen first, then look at what is open: so nothing falls between.

        The socket outlives this run in systemd's keeping: what ends while the next one starts, waits in it.
        """
        if self.settings.capture:
            faults = conntrack.settings_faults()
            if faults:
                raise netlink.KernelError("; ".join(faults) + " (the role nat_gateway sets it)")
            self.decoder = conntrack.Decoder(self.settings.public)
            kept = service_manager.kept(_SOCKET)
            self.notices = conntrack.Ended(self.decoder, self.settings.buffer_bytes, self.settings.reliable, kept)
            if kept is None:
                service_manager.keep(_SOCKET, self.notices.fileno())
        before = self.state.load()
        self.clock.ask().join(chrony.SECONDS)
        clock = time.monotonic()
        self.next_look = clock + self.settings.snapshot_seconds
        self.next_beat = clock + BEAT_SECONDS
        self.log.write_plan()
        self._drain()
        self.look_at_all()
        if before and self.settings.capture:
            self.lost_before = lost_between(before, self.balance)
        self.beat()

    def step(self):
        """Wait for the next thing, and do it."""
        clock = time.monotonic()
        if not (self.more or self.look):
            due = min(self.next_look if self.notices else self.next_beat, self.next_beat, clock + 0.5)
            if self.log.due() is not None:
                due = min(due, self.log.due())
            self._wait(max(0.0, due - clock))
        self._read(_READ_AT_ONCE)
        clock = time.monotonic()
        new_day = self.log.tick(self.at, clock)
        if clock >= self.next_beat:
            self.next_beat = _next(self.next_beat, BEAT_SECONDS, clock)
            self.beat_waits = True
        if new_day or clock >= self.next_look or self.beat_waits:
            self.next_look = _next(self.next_look, self.settings.snapshot_seconds, clock)
            if self.look is None:
                self._begin_look()
        if self.look is not None:
            self._look_on(4, False)
        if self.beat_waits and self.look is None:
            self.beat_waits = False
            self.beat()

    def stop(self):
        """In order: what waits, all that is open, what ended meanwhile."""
        self._drain()
        self.look_at_all()
        self._drain()
        self.log.flush(self.at)
        self.beat()
        self.log.stop(self.at)

    def reload(self, given):
        """New plan, addresses or times; what concerns the capture itself needs a restart."""
        self.settings = given._replace(
            capture=self.settings.capture,
            state=self.settings.state,
            buffer_bytes=self.settings.buffer_bytes,
            reliable=self.settings.reliable,
        )
        before, self.plan = self.plan, plan_id(given.plan)
        self.log.settings = self.settings
        if self.notices:
            self.decoder = conntrack.Decoder(self.settings.public)
            self.notices.decoder = self.decoder
        if self.plan != before:
            self.log.write_plan()

    def look_at_all(self):
        """Write all open translations, and wait for the end of it."""
        self._begin_look()
        while self.look is not None:
            self._look_on(64, True)

    def beat(self):
        """Say how things stand, and raise an alarm where something is wrong."""
        lost = self.lost_before + (self.notices.lost() if self.notices else 0)
        self.log.beat(self.at, self.growth.plan, self.growth.total, lost, self.clock.uncertainty)
        self.clock.ask()
        self._save()
        if lost:
            self._tell(
                "lost",
                lost,
                "<2>alarm: %d translations ended unrecorded, %d of them while no recorder ran: a trace of this time "
                "may miss them. Keep the recorder running, in the settings of the role, and give it more of a processor"
                % (lost, self.lost_before),
            )
        held = self.growth.plan or record_text.NO_PLAN
        if held != self.plan:
            self._tell(
                "plan",
                (held, self.plan),
                "<4>warning: the kernel holds plan %s, the recorder was told of %s: load the ruleset, or reload the "
                "recorder" % (held, self.plan),
            )
        if self.notices:
            faults = conntrack.settings_faults()
            if faults:
                self._tell("settings", faults, "<2>alarm: " + "; ".join(faults))

    def _tell(self, subject, value, sentence):
        """Say it, unless it was said of this value."""
        if self.told.get(subject) != value:
            _say(sentence)
        self.told[subject] = value

    def _wait(self, seconds):
        if self.notices is None:
            time.sleep(seconds)
            return
        poll = select.poll()
        poll.register(self.notices, select.POLLIN)
        if poll.poll(seconds * 1000):
            time.sleep(_PAUSE_SECONDS)

    def _read(self, most):
        self.at = int(time.time() * 1000)
        if self.notices is None:
            return
        flows, self.more = self.notices.read(most)
        if flows:
            seq = self.log.stream.seq
            self.log.flows_ended(flows, self.at, time.monotonic())
            if self.log.stream.seq != seq:
                self._save()

    def _drain(self):
        until = time.monotonic() + DRAIN_SECONDS
        while True:
            self._read(_READ_AT_ONCE)
            if not self.more or time.monotonic() > until:
                break

    def _begin_look(self):
        self.at = int(time.time() * 1000)
        plan, packets = nftables.begun(self.settings.table)
        self.growth.see(plan, packets)
        self.log.look_begins()
        self.ended_at_look = self.log.ended
        self.look = conntrack.Open(self.decoder) if self.notices else None
        if self.look is None:
            self.log.open = conntrack.connections()

    def _look_on(self, pieces, everything):
        clock = time.monotonic()
        for _piece in range(pieces):
            self.log.flows_open(self.look.read(), self.at, clock, everything)
            if self.look.done:
                break
        else:
            return
        self.log.look_ends()
        # Those that ran out and wait for their end are in the kernel's count and not in its list. Whose they are is not
        # known: as many of them as of the others are taken for ours, and the rest is how wrong that may be.
        waiting = max(0, conntrack.connections() - self.look.total)
        ours = waiting * self.log.open // self.look.total if self.look.total else waiting
        self.log.open += ours
        self.look = None
        packets = self.growth.packets
        slack = waiting - ours + self.growth.see(*nftables.begun(self.settings.table))
        self.balance = Balance(self.growth.plan, packets, slack, self.log.open, self.ended_at_look, self.log.ended)

    def _save(self):
        if self.balance:
            self.balance = self.balance._replace(ended_now=self.log.ended)
            self.state.save(self.balance)


def _next(due, period, clock):
    """The first of the times due, due + period, ... that is yet to come; those that were missed are left out."""
    return due + period * max(0, 1 + (clock - due) // period)


def run(path=settings.PATH, write=None):
    """Record until SIGTERM or SIGINT; SIGHUP reads the settings again.

    :param str path: of the settings.
    :param write: takes one text; writes a line to standard output if left out.
    """
    asked = set()

    def note(number, _frame):
        asked.add(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, note)
    one = _Run(settings.load(path), write or _print)
    one.start()
    service_manager.ready()
    while not asked & {signal.SIGTERM, signal.SIGINT}:
        if signal.SIGHUP in asked:
            asked.discard(signal.SIGHUP)
            try:
                one.reload(settings.load(path))
            except settings.SettingsError as error:
                _say("<2>alarm: the old settings stay in use: %s" % error)
        one.step()
    one.stop()


def _say(sentence):
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()


def _print(text):
    sys.stdout.buffer.write(text.encode("utf-8") + b"\n")
    sys.stdout.buffer.flush()


def command(arguments):
    """order82 nat record"""
    run(arguments.settings, functools.partial(journal.write, record_text.PROGRAM))
    return {}, "", 0
