# SPDX-License-Identifier: GPL-3.0-or-later
"""The service: told of something it waits until things are still for a moment, looks, and does what is to be done."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time

from .. import journal, processes, service_manager
from ..state import applying
from ..state.errors import StateError
from . import apart, asked, comparing, excuses, guard, known, senses, status
from .view import Concerned, View

PROGRAM = "order82"
STILL_SECONDS, STILL_MOST = 0.4, 2.0
"""So long nothing more must happen before it is looked; and so long is waited for that at most."""
GLANCE_SECONDS = 2
FULL_SECONDS, FULL_DEAF_SECONDS = 300, 15
"""So often everything is looked at though nobody told anything; and while systemd does not tell."""
LOOK_SECONDS, MEND_SECONDS, VERIFY_SECONDS = 60, 900, 600
_NIGHT_HOURS = (1, 5)
_MANIFESTS = "manifests"
_LONGEST = 4000
"""So many characters of what differs, or was done, go into one record."""


def say(text):
    """Put a sentence on record; where there is no journal, standard error has it."""
    line = " ".join(text.split())[:_LONGEST]
    try:
        journal.write(PROGRAM, line)
    except OSError:
        os.write(2, (line + "\n").encode("utf-8", "backslashreplace"))


class Watch:
    """Everything that goes on while the service runs."""

    def __init__(self):
        self._before = status.read()
        self._manifests = known.Manifests()
        self._view = View(self._manifests.states())
        self._senses = senses.Senses()
        self._guard = guard.Guard(guard.Tools(self._look, self._mend, self._excuse, asked.around, say))
        self._since = time.time()
        self._told, self._first_told, self._last_told = Concerned(), None, 0.0
        self._again, self._ends = {}, False
        self._restarts, self._altered, self._unverified, self._judge_programs = {}, [], set(), False
        self._applied, self._jobs, self._lock = set(), {}, contextlib.ExitStack()
        self._full = self._next_status = self._glance = 0.0
        self._verify = _tonight(time.time())

    def run(self):
        """Watch until systemd says that it is enough (SIGTERM)."""
        signal.signal(signal.SIGTERM, lambda _number, _frame: setattr(self, "_ends", True))
        self._senses.tune(self._view)
        self._senses.listen(time.monotonic())
        self._begin()
        service_manager.ready()
        while not self._ends:
            service_manager.alive()
            self._step()
        while self._jobs:
            service_manager.alive()
            self._hear(GLANCE_SECONDS)
        self._end()

    def _begin(self):
        say("watching %d measures: %d folders, %d units" % self._size())
        before = self._before
        if before is None:
            return
        self._guard.restore(before["alarms"], time.time())
        if not before["ended"] and before["boot"] == status.boot():
            say("noticed: the watch over measures ended without a word, and systemd started it again")
        if not applying.under_way():
            for role in sorted({*before["manifests"], *self._manifests.digests}):
                if before["manifests"].get(role) != self._manifests.digests.get(role):
                    say("noticed: the manifest of %s is another than when the watch ended" % role)

    def _end(self):
        """Say that it is ended, where nobody would be told otherwise."""
        now = time.time()
        self._say_what_was_applied()
        excuse = self._excuse(now)
        if excuse is not None or _is_restarted():
            say("the watch over measures ends: %s" % (excuse.words if excuse else "it is started anew"))
        else:
            about = "%s was changed: %s: is stopped" % status.ITSELF
            self._guard.alarm(status.ITSELF, "%s; %s" % (about, asked.around(now)), now)
        self._write_status(ended=True)

    def _size(self):
        return len(self._view.roles), len(self._senses.folders), len(self._view.units)

    def _step(self):
        now = time.monotonic()
        if self._senses.listen(now):
            self._tell(self._view.everybody())
        if now >= self._full:
            self._tell(self._view.everybody())
            self._full = now + (FULL_SECONDS if self._senses.hears_units else FULL_DEAF_SECONDS)
        if now >= self._glance:
            self._glance = now + GLANCE_SECONDS
            self._see()
        self._tell_again(now)
        if self._told and (now - self._last_told >= STILL_SECONDS or now - self._first_told >= STILL_MOST):
            self._attend()
        if now >= self._next_status:
            self._next_status = now + status.SECONDS
            self._write_status()
        if time.time() >= self._verify:
            self._verify = _tonight(time.time() + 3600 * (_NIGHT_HOURS[1] - _NIGHT_HOURS[0]))
            self._unverified |= set(self._view.packages)
            self._again[comparing.PROGRAMS] = now
        self._hear(self._seconds_left(time.monotonic()))

    def _seconds_left(self, now):
        moments = [self._glance, self._full, self._next_status, *self._again.values()]
        if self._told:
            moments.append(min(self._last_told + STILL_SECONDS, self._first_told + STILL_MOST))
        return min(max(min(moments) - now, 0.01), GLANCE_SECONDS)

    def _hear(self, seconds):
        changes, overflow, units, rules, jobs = self._senses.wait(seconds, list(self._jobs))
        if overflow:
            self._tell(self._view.everybody())
        found = self._view.of_units(units, self._view.concerned(changes))
        if rules:
            found.roles |= {"host_firewall"} & set(self._view.roles)
        if found:
            self._tell(found)
        now = time.monotonic()
        ended = [job for job in jobs if job.hear()]
        for job in [*ended, *(job for job in self._jobs if job.until <= now and job not in ended)]:
            self._mended(job)

    def _see(self):
        if self._applied and not applying.under_way(ours=bool(self._jobs)):
            self._say_what_was_applied()
        roles, units = self._senses.glance(self._view.sysctls)
        found = Concerned()
        # What is known, and could not be mended or counts only later, is looked at in its own time.
        found.roles = {role for role in roles | self._view.of_units(units).roles if role not in self._again}
        if found:
            self._tell(found)

    def _say_what_was_applied(self):
        """What counts from now on; the controller's own records (class maintenance) say what it did."""
        if self._applied:
            say("noticed: an apply changed the manifest of %s" % ", ".join(sorted(self._applied)))
            self._applied = set()

    def _tell(self, found):
        now = time.monotonic()
        self._told.add(found)
        self._last_told = now
        self._first_told = now if self._first_told is None else self._first_told

    def _tell_again(self, now):
        """What was to be looked at again by now."""
        found = Concerned()
        for role in [role for role, at in self._again.items() if at <= now]:
            del self._again[role]
            if role == comparing.ACCOUNTS:
                found.accounts = True
            elif role == _MANIFESTS:
                found.manifests = True
            elif role == comparing.PROGRAMS:
                found.packages |= self._unverified
                self._judge_programs = True
            else:
                found.roles.add(role)
        if found or self._judge_programs:
            self._tell(found)
            self._first_told = now - STILL_MOST

    def _attend(self):
        told, self._told, self._first_told = self._told, Concerned(), None
        now = time.time()
        roles = set(told.roles) & set(self._view.roles) | ({comparing.ACCOUNTS} if told.accounts else set())
        roles -= set(self._guard.mending)  # they are looked at when that is done
        try:
            if told.manifests:
                self._see_to_manifests(now)
            if roles:
                self._later(roles, self._guard.attend(roles, now))
            if told.packages or self._judge_programs:
                self._see_to_programs(told.packages, now)
        except (apart.ApartError, StateError, OSError, processes.subprocess.SubprocessError) as error:
            self._guard.notice("look", "the watch could not look: %s" % error, now)
            self._later(roles, guard.RETRY_SECONDS)
        self._senses.tune(self._view)
        self._next_status = min(self._next_status, time.monotonic() + 1)

    def _later(self, roles, seconds):
        """Look at these again after so long, or when they change."""
        for role in roles:
            self._again.pop(role, None)
            if seconds is not None:
                self._again[role] = time.monotonic() + seconds

    def _see_to_manifests(self, now):
        # Who puts a measure right writes down what is still owed.
        mending = self._guard.mending
        differing = {role: how for role, how in self._manifests.differing().items() if role not in mending}
        for key in [one for one in self._guard.open if one[0] == "manifest" and one[1] not in differing]:
            self._guard.over(key)
        if not differing:
            return
        if applying.under_way(now, bool(self._jobs)):
            self._applied |= set(self._manifests.accept())
            self._view = View(self._manifests.states())
            self._senses.tune(self._view)
            self._tell(self._view.everybody())
            return
        excuse = self._excuse(now)
        if excuse is not None and excuse.kind == "announced":
            self._guard.notice(
                ("manifests", *sorted(differing)), "%s: %s" % (excuse.words, _of_manifests(differing)), now
            )
            return
        asked_by = asked.around(now)
        for role, how in differing.items():
            self._guard.alarm(("manifest", role), "the manifest of %s %s; %s" % (role, how, asked_by), now)
        try:
            with contextlib.nullcontext() if self._jobs else applying.alone():
                done = self._manifests.put_back(differing)
        except (BlockingIOError, StateError) as error:
            self._guard.notice("manifests", "manifests were not put back: %s" % error, now)
            self._later({_MANIFESTS}, guard.EXCUSED_SECONDS)
            return
        say("put right: %s" % "; ".join(done))
        for role in differing:
            self._guard.over(("manifest", role))

    def _look(self, roles):
        everything = comparing.ACCOUNTS in roles
        manifests = self._manifests

        def work():
            seen = comparing.look(manifests.documents(roles), everything)
            return [seen.findings, seen.groups, seen.restarts]

        findings, groups, restarts = apart.run(work, LOOK_SECONDS, service_manager.alive)
        self._senses.groups.update(groups)
        for unit, number in restarts.items():
            if number > self._restarts.get(unit, number):
                self._guard.notice(
                    ("fell", unit), "%s: its program ended, and systemd started it again" % unit, time.time()
                )
        self._restarts.update(restarts)
        return [comparing.Finding(*one) for one in findings]

    def _mend(self, role):
        self._see_to_manifests(time.time())  # by no other is anything laid down
        if not self._jobs:
            self._lock.enter_context(applying.alone())
        self._jobs[apart.Job(lambda: comparing.put_right(role), MEND_SECONDS)] = role

    def _mended(self, job):
        role = self._jobs.pop(job)
        try:
            sentences, failed, found = job.result()
        except apart.ApartError as error:
            sentences, failed, found = [], str(error), []
        self._manifests.refresh([role])
        if not self._jobs:
            self._lock.close()
        done = (sentences, failed, [comparing.Finding(*one) for one in found])
        try:
            self._later({role}, self._guard.mended(role, done, time.time()))
        except apart.ApartError as error:
            self._guard.notice("look", "the watch could not look: %s" % error, time.time())
            self._later({role}, guard.RETRY_SECONDS)

    def _excuse(self, now):
        return excuses.current(now, bool(self._jobs))

    def _see_to_programs(self, packages, now):
        """Compare programs with what dpkg knows, when it is not at work, and alarm those that are otherwise."""
        self._judge_programs = False
        self._unverified |= packages
        if self._unverified and excuses.is_locked(excuses.DPKG_LOCK):
            self._later({comparing.PROGRAMS}, guard.EXCUSED_SECONDS)
            return
        if self._unverified:
            names = sorted(self._unverified)
            found = apart.run(lambda: comparing.of_programs(names), VERIFY_SECONDS, service_manager.alive)
            others = [one for one in self._altered if self._view.programs.get(one.entry) not in self._unverified]
            self._altered = others + [comparing.Finding(*one) for one in found]
            self._unverified = set()
        self._later({comparing.PROGRAMS}, self._guard.judge({comparing.PROGRAMS}, self._altered, now))

    def _write_status(self, ended=False):
        said = {
            "at": time.time(),
            "boot": status.boot(),
            "since": self._since,
            "roles": self._view.roles,
            "folders": len(self._senses.folders),
            "units": len(self._view.units),
            "unwatched": self._senses.lacking,
            "alarms": self._guard.alarms(),
            "ended": ended,
            "manifests": self._manifests.digests,
        }
        try:
            status.write(said)
        except (StateError, OSError) as error:
            self._guard.notice("status", "the watch can't say how it is: %s" % error, said["at"])


def _of_manifests(differing):
    return "; ".join("the manifest of %s %s" % pair for pair in sorted(differing.items()))


def _tonight(now):
    """A time in the next night, by chance: not all hosts at once, and nobody knows when."""
    first, last = _NIGHT_HOURS
    midnight = now - now % 86400
    at = midnight + 3600 * first + random.SystemRandom().random() * 3600 * (last - first)
    return at if at > now else at + 86400


def _is_restarted():
    """Whether systemd ends this service to start it again."""
    try:
        jobs = processes.run(["systemctl", "list-jobs", "--no-legend", "--plain", status.ITSELF[1]]).stdout
    except (OSError, processes.subprocess.SubprocessError):
        return False
    return any(line.split()[2:3] == [b"restart"] for line in jobs.splitlines())
