# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorder on a NAT gateway, C(order82 nat record): writes who got which public address and port, and when.

It runs as long as the gateway does. Its texts go to the journal under a name of their own (docs/nat_records.md); what a
person must know goes to standard error, with the priority that systemd reads. Three things are kept apart: the texts
and when they are due (C(Recorder)), what the kernel is asked (C(capture)), and the loop between them (C(run)).
"""

from __future__ import annotations

import functools
import ipaddress
import json
import math
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from typing import NamedTuple

from .. import chrony, journal, processes
from . import capture as kernel
from . import lines

PATH = "/etc/order82/nat.json"
STATE = "/run/order82-nat/state"
BEAT_SECONDS = 60
FLUSH_SECONDS = 1
CLOCK_SECONDS = 2  # the longest that chronyd may take to answer
DRAIN_SECONDS = 20  # the longest that a stop waits for notices that still come

_DAY = 86400000
_READ_AT_ONCE = 2000  # notices
_PAUSE_SECONDS = 0.02  # notices that come together cost less than one by one
_PLAN_ENTRY = re.compile(
    r"(?:(?:block|overflow|shared),[^,;\s]+,[0-9a-f.:/]+,[0-9a-f.:/]+,\d+,\d+|prefix,[^,;\s]+,[0-9a-f:/]+,[0-9a-f:/]+)",
    re.ASCII,
)


_KINDS = {
    "plan": list,
    "table": str,
    "capture": bool,
    "public": list,
    "snapshot_seconds": int,
    "log_destinations": bool,
    "state": str,
    "buffer_bytes": int,
    "reliable": bool,
}


class SettingsError(ValueError):
    """The settings can't be used: one sentence."""


class Settings(NamedTuple):
    """What the role nat_gateway told this gateway.

    C(buffer_bytes) and C(reliable) are those of the capture, for tests of what happens without them.
    """

    plan: tuple
    table: str = "order82_nat"
    capture: bool = False
    public: tuple = ()
    snapshot_seconds: int = 30
    log_destinations: bool = False
    state: str = STATE
    buffer_bytes: int = kernel.BUFFER_BYTES
    reliable: bool = True


def load(path=PATH):
    """Read the settings and the plan.

    :raises SettingsError: no such file, no JSON, or a value that can't be; says which.
    """
    try:
        with open(path, encoding="utf-8") as file:
            raw = json.load(file)
        if not isinstance(raw, dict):
            raise SettingsError("%s is no JSON object" % path)
        raw = dict(raw)
        plan_file = raw.pop("plan_entries_file", None)
        if (plan_file is None) == ("plan" not in raw):
            raise SettingsError("%s must have either plan or plan_entries_file" % path)
        if plan_file is not None:
            with open(plan_file, encoding="utf-8") as file:
                raw["plan"] = file.read().splitlines()
    except SettingsError:
        raise
    except FileNotFoundError as error:
        raise SettingsError("%s is missing: apply the role nat_gateway to this host" % error.filename) from error
    except (OSError, TypeError, ValueError) as error:
        raise SettingsError("%s can't be read (%s): apply the role nat_gateway again" % (path, error)) from error
    return _settings(path, raw)


def _settings(path, raw):
    _check_kinds(path, raw)
    for entry in raw["plan"]:
        if not (isinstance(entry, str) and _PLAN_ENTRY.fullmatch(entry)):
            raise SettingsError("%s: %r is no entry of a plan (docs/nat_records.md)" % (path, entry))
    for network in raw.get("public", ()):
        try:
            ipaddress.ip_network(network)
        except (TypeError, ValueError) as error:
            raise SettingsError("%s: public: %s" % (path, error)) from error
    settings = Settings(**{name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()})
    if not settings.plan:
        raise SettingsError("%s: the plan has no entries" % path)
    if settings.capture and not settings.public:
        raise SettingsError("%s: with capture, public must name the addresses whose translations are recorded" % path)
    if settings.snapshot_seconds < 1:
        raise SettingsError("%s: snapshot_seconds is %d and must be 1 or more" % (path, settings.snapshot_seconds))
    return settings


def _check_kinds(path, raw):
    for name, value in raw.items():
        kind = _KINDS.get(name)
        if kind is None:
            raise SettingsError("%s: there is no setting '%s'" % (path, name))
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise SettingsError("%s: %s must be %s, not %r" % (path, name, kind.__name__, value))


class Recorder:
    """The texts of one run: what is in them, and when they are due.

    :param Settings settings: of the run.
    :param write: takes one text.
    :param int at: Unix milliseconds, as in all methods; C(clock) is seconds of a clock that nobody sets.
    """

    def __init__(self, settings, write, at):
        self.settings = settings
        self.stream = lines.Stream(at)
        self.ended = 0
        self.open = 0
        self._write = write
        self._day = at // _DAY
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
            self._add(flow, "%d.%03d" % divmod(flow.end or at, 1000), at, clock)

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
                self._add(flow, "", at, clock)
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
        if at // _DAY == self._day:
            return False
        self.flush(at)
        self._day = at // _DAY
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
        begin = divmod(flow.begin or self.stream.run, 1000)
        entry = "%d,%s,%d,%s,%d,%d.%03d,%s" % (*flow[:5], *begin, end)
        if self.settings.log_destinations:
            entry += ",%s,%d" % (flow.destination, flow.destination_port)
        if self._characters + len(entry) + 1 > lines.MOST_CHARACTERS:
            self.flush(at)
        if not self._entries:
            self._flush_at = clock + FLUSH_SECONDS
        self._entries.append(entry)
        self._characters += len(entry) + 1


class Growth:
    """How much the counter of translations grew. It starts from 0 again when a plan is loaded."""

    def __init__(self):
        self.total = 0
        self.plan = None
        self.packets = None

    def see(self, plan, packets):
        """:return: int: how much it grew since the last time."""
        grown = 0 if self.packets is None else _grown(self.plan, self.packets, plan, packets)
        self.total += grown
        self.plan, self.packets = plan, packets
        return grown


def _grown(plan_before, packets_before, plan, packets):
    if plan == plan_before and packets >= packets_before:
        return packets - packets_before
    return packets


class Balance(NamedTuple):
    """What the kernel held at one look, to be compared with the next run's first look.

    C(held) are connections in the kernel, those that ran out but were not collected included; C(slack) is how wrong
    that may be, since translations began during the look, or others ran out beside ours; C(ended) is how many were
    recorded as ended until the look began, and C(ended_now) until the balance was last written.
    """

    plan: str
    packets: int
    slack: int
    held: int
    ended: int
    ended_now: int


def lost_between(before, after):
    """How many translations ended unseen between two runs, at the least.

    What was held, and what began since, is held now, or was recorded as ended, or is lost.

    :param Balance before: as the run before left it.
    :param Balance after: of the first look of this run.
    """
    grown = _grown(before.plan, before.packets, after.plan, after.packets)
    missing = before.held + grown - (before.ended_now - before.ended) - after.held
    return max(0, missing - before.slack - after.slack)


class State:
    """The file in which a run leaves its balance to the next one; a restart of the machine empties its folder."""

    def __init__(self, path):
        self._path = path
        self._file = None

    def load(self):
        """:return: Balance; None if there is none that can be read."""
        try:
            with open(self._path, encoding="ascii") as file:
                return Balance(**json.load(file))
        except (OSError, TypeError, ValueError):
            return None

    def save(self, balance):
        """Write it in place, so that it can be done with every text."""
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        text = json.dumps(balance._asdict()).ljust(200) + "\n"
        os.pwrite(self._file, text.encode("ascii"), 0)


class Clock:
    """By how many milliseconds the clock may be wrong, as chronyd last said; None where it does not know.

    It is asked beside the loop: while it does not answer, notices of the kernel would wait.
    """

    def __init__(self):
        self.uncertainty = None

    def ask(self):
        """Ask for the next time.

        :return: threading.Thread: ends with the answer.
        """
        asking = threading.Thread(target=self._ask, daemon=True)
        asking.start()
        return asking

    def _ask(self):
        try:
            answer = processes.run(list(chrony.TRACKING), seconds=CLOCK_SECONDS)
            said = chrony.tracking(answer.stdout.decode("utf-8", "replace"))
        except (OSError, ValueError, subprocess.TimeoutExpired):
            self.uncertainty = None
        else:
            self.uncertainty = math.ceil(said.uncertainty * 1000) if said.synchronised else None


class _Run:
    """One run: the kernel on one side, the recorder on the other."""

    def __init__(self, settings, write):
        self.settings = settings
        self.plan = lines.plan_id(settings.plan)
        self.at = int(time.time() * 1000)
        self.recorder = Recorder(settings, write, self.at)
        self.growth = Growth()
        self.state = State(settings.state)
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
        self.clock = Clock()

    def start(self):
        """Listen first, then look at what is open: so nothing falls between."""
        if self.settings.capture:
            faults = kernel.settings_faults()
            if faults:
                raise kernel.CaptureError("; ".join(faults) + " (the role nat_gateway sets it)")
            self.decoder = kernel.Decoder(self.settings.public)
            self.notices = kernel.Ended(self.decoder, self.settings.buffer_bytes, self.settings.reliable)
        before = self.state.load()
        self.clock.ask().join(CLOCK_SECONDS)
        clock = time.monotonic()
        self.next_look = clock + self.settings.snapshot_seconds
        self.next_beat = clock + BEAT_SECONDS
        self.recorder.write_plan()
        self.look_at_all()
        if before and self.settings.capture:
            self.lost_before = lost_between(before, self.balance)
        self.beat()

    def step(self):
        """Wait for the next thing, and do it."""
        clock = time.monotonic()
        if not (self.more or self.look):
            due = min(self.next_look if self.notices else self.next_beat, self.next_beat, clock + 0.5)
            if self.recorder.due() is not None:
                due = min(due, self.recorder.due())
            self._wait(max(0.0, due - clock))
        self._read(_READ_AT_ONCE)
        clock = time.monotonic()
        new_day = self.recorder.tick(self.at, clock)
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
        self.recorder.flush(self.at)
        self.beat()
        self.recorder.stop(self.at)

    def reload(self, settings):
        """New plan, addresses or times; what concerns the capture itself needs a restart."""
        self.settings = settings._replace(
            capture=self.settings.capture,
            state=self.settings.state,
            buffer_bytes=self.settings.buffer_bytes,
            reliable=self.settings.reliable,
        )
        before, self.plan = self.plan, lines.plan_id(settings.plan)
        self.recorder.settings = self.settings
        if self.notices:
            self.decoder = kernel.Decoder(self.settings.public)
            self.notices.decoder = self.decoder
        if self.plan != before:
            self.recorder.write_plan()

    def look_at_all(self):
        """Write all open translations, and wait for the end of it."""
        self._begin_look()
        while self.look is not None:
            self._look_on(64, True)

    def beat(self):
        """Say how things stand, and raise an alarm where something is wrong."""
        lost = self.lost_before + (self.notices.lost() if self.notices else 0)
        self.recorder.beat(self.at, self.growth.plan, self.growth.total, lost, self.clock.uncertainty)
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
        held = self.growth.plan or "none"
        if held != self.plan:
            self._tell(
                "plan",
                (held, self.plan),
                "<4>warning: the kernel holds plan %s, the recorder was told of %s: load the ruleset, or reload the "
                "recorder" % (held, self.plan),
            )
        if self.notices:
            faults = kernel.settings_faults()
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
            seq = self.recorder.stream.seq
            self.recorder.flows_ended(flows, self.at, time.monotonic())
            if self.recorder.stream.seq != seq:
                self._save()

    def _drain(self):
        until = time.monotonic() + DRAIN_SECONDS
        while True:
            self._read(_READ_AT_ONCE)
            if not self.more or time.monotonic() > until:
                break

    def _begin_look(self):
        self.at = int(time.time() * 1000)
        plan, packets = kernel.begun(self.settings.table)
        self.growth.see(plan, packets)
        self.recorder.look_begins()
        self.ended_at_look = self.recorder.ended
        self.look = kernel.Open(self.decoder) if self.notices else None
        if self.look is None:
            self.recorder.open = kernel.connections()

    def _look_on(self, pieces, everything):
        clock = time.monotonic()
        for _piece in range(pieces):
            self.recorder.flows_open(self.look.read(), self.at, clock, everything)
            if self.look.done:
                break
        else:
            return
        self.recorder.look_ends()
        # Those that ran out and wait for their end are in the kernel's count and not in its list. Whose they are is not
        # known: as many of them as of the others are taken for ours, and the rest is how wrong that may be.
        waiting = max(0, kernel.connections() - self.look.total)
        ours = waiting * self.recorder.open // self.look.total if self.look.total else waiting
        self.recorder.open += ours
        self.look = None
        packets = self.growth.packets
        slack = waiting - ours + self.growth.see(*kernel.begun(self.settings.table))
        self.balance = Balance(
            self.growth.plan, packets, slack, self.recorder.open, self.ended_at_look, self.recorder.ended
        )

    def _save(self):
        if self.balance:
            self.balance = self.balance._replace(ended_now=self.recorder.ended)
            self.state.save(self.balance)


def _next(due, period, clock):
    """The first of the times due, due + period, ... that is yet to come; those that were missed are left out."""
    return due + period * max(0, 1 + (clock - due) // period)


def run(path=PATH, write=None):
    """Record until SIGTERM or SIGINT; SIGHUP reads the settings again.

    :param str path: of the settings.
    :param write: takes one text; writes a line to standard output if left out.
    """
    asked = set()

    def note(number, _frame):
        asked.add(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, note)
    one = _Run(load(path), write or _print)
    one.start()
    while not asked & {signal.SIGTERM, signal.SIGINT}:
        if signal.SIGHUP in asked:
            asked.discard(signal.SIGHUP)
            try:
                one.reload(load(path))
            except SettingsError as error:
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
    run(arguments.settings, functools.partial(journal.write, lines.PROGRAM))
    return {}, "", 0
