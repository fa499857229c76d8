# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host can put into its repository: backups, and nothing that keeps them from going on.

restic's server takes any file from who has the account. One that is no key of the repository, or is too many of them,
and nobody opens the repository any more; one index, snapshot or lock that its key did not make, and restic stops there.
So the repository is made here and not by the host, nobody can add a key, and what else came that is not its own is set
aside as soon as it is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import stat
import sys
import time

from .. import processes, service_manager
from . import envelope

LOCK = "/var/lib/order82-backup-repository/lock"
ASIDE = ".set-aside"
"""Below the folder of the repositories, where no account of the server leads."""
KEPT = 1000
"""So many files of a host are kept when they are set aside; of a flood the rest is deleted."""
SIFTED = ("index", "snapshots", "locks")
PAUSE_SECONDS = 1
ALARM_SECONDS = 60
INIT_SECONDS = 120
SEARCH_SECONDS = 600
_MOST_BYTES = 32 << 20
"""restic writes an index of 50,000 parts at most, which takes some 8 MB; snapshots and locks are smaller."""
_ID = re.compile(r"[0-9a-f]{64}")
_CLOSED = {"": 0o500, "keys": 0o500, "data": 0o500, "config": 0o400}
"""The server can add nothing there: its user has no right to. In C(data) it adds to folders that are there."""
_TICK_NS = 2 * 10**9
"""A folder that changed so lately may change again and have the same time."""


class GuardError(OSError):
    """A host's repository can't be used or made: one sentence."""


class Guard:
    """Looks at the repositories, again and again; it remembers what it has looked at."""

    def __init__(self, settings, passwords):
        """:param str passwords: the folder of what the repositories are encrypted with, a file for each host."""
        self._folder, self._hosts, self._passwords = settings.folder, settings.hosts, passwords
        self._keys, self._failed, self._known, self._times = {}, {}, {}, {}
        self._aside, self._counted, self._errors, self._said = {}, {}, {}, {}

    def make_all(self):
        """Make what is not there, and close what is.

        :return: dict: a sentence by host whose repository can't be used.
        """
        wrong = {}
        for host in self._hosts:
            try:
                with _alone():
                    self._key(host)
            except OSError as error:
                wrong[host] = str(error)
        return wrong

    def sift_all(self):
        """Set aside what is no file of the repositories; alarms go to standard error, as systemd takes them."""
        for host in self._hosts:
            try:
                self.sift(host)
                self._errors.pop(host, None)
            except OSError as error:
                # Once: it stays so until somebody does something.
                if str(error) != self._errors.get(host) and self._say(host, "the repository of %s: %s" % (host, error)):
                    self._errors[host] = str(error)
            found = self.set_aside(host)
            if found and self._say(host, found):
                self._counted[host] = {}

    def set_aside(self, host):
        """A sentence on what was set aside of a repository; an empty text where nothing was."""
        counted = self._counted.get(host)
        if not counted:
            return ""
        kinds = ", ".join("%d of %s" % (number, kind) for kind, number in sorted(counted.items()))
        return (
            "the repository of %s: files that its key did not make were set aside (%s): somebody else has its account, "
            "or the host is in other hands" % (host, kinds)
        )

    def _say(self, host, sentence):
        """Raise an alarm, but no more than one a minute for a host."""
        if time.monotonic() - self._said.get(host, -ALARM_SECONDS) < ALARM_SECONDS:
            return False
        self._said[host] = time.monotonic()
        sys.stderr.write("<2>alarm: %s\n" % sentence)
        return True

    def _key(self, host):
        """The key with which a repository's files are made; the repository is made where there is none, and closed.

        :raises GuardError: nobody can tell.
        """
        folder = os.path.join(self._folder, host)
        password = _read(os.path.join(self._passwords, host), envelope.MOST_KEY).strip()
        if not os.path.lexists(os.path.join(folder, "config")):
            self._make(folder, host)
        config = os.lstat(os.path.join(folder, "config"))
        same = (config.st_ino, config.st_mtime_ns, password)
        names = os.listdir(os.path.join(folder, "keys"))
        if len(names) != 1 or not _is_closed(folder) or self._keys.get(host, (None,))[0] != same:
            if self._failed.get(host, (None, None))[0] == (same, sorted(names)):
                raise GuardError(self._failed[host][1])
            try:
                self._keys[host] = (same, self._close(folder, host, password))
            except GuardError as error:
                self._failed[host] = ((same, sorted(names)), str(error))
                raise
            for kind in SIFTED:
                self._known.pop((host, kind), None)
                self._times.pop((host, kind), None)
        return self._keys[host][1]

    def _make(self, folder, host):
        if os.path.lexists(folder):
            if _holds_backups(folder):
                raise GuardError("%s/config is gone: bring it back from your own copy of the repository" % folder)
            os.chmod(folder, 0o700)
            self._put_aside(folder, host, "empty-%d" % time.time_ns())
        new = os.path.join(self._folder, ".new-" + host)
        shutil.rmtree(new, ignore_errors=True)  # what a run that was killed left; else restic says that it is there
        words = ["restic", "--quiet", "--no-cache", "init"]
        environment = {"RESTIC_REPOSITORY": new, "RESTIC_PASSWORD_FILE": os.path.join(self._passwords, host)}
        done = processes.run(words, INIT_SECONDS, environment)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["exit code %d" % done.returncode]
            raise GuardError("it can't be made: %s" % said[-1][:300])
        os.rename(new, folder)

    def _close(self, folder, host, password):
        """Find the key that opens the repository, set all others aside, and let nobody add any."""
        below = os.path.join(folder, "keys")
        config = _read(os.path.join(folder, "config"), _MOST_BYTES)
        # The oldest is most likely the one with which it was made: when each came its sender can't say.
        names = sorted(os.listdir(below), key=lambda name: os.lstat(os.path.join(below, name)).st_mtime_ns)
        end = time.monotonic() + SEARCH_SECONDS
        for name in names:
            key = _ID.fullmatch(name) and envelope.open_key(
                _read(os.path.join(below, name), envelope.MOST_KEY), password
            )
            if key and envelope.is_made_with(key, config):
                break
            if time.monotonic() > end:
                raise GuardError("none of the first of its %d keys opens it: remove those of others" % len(names))
        else:
            raise GuardError("none of its %d keys opens it with the password that is here" % len(names))
        others = [other for other in names if other != name]
        if others:
            os.chmod(folder, 0o700)
            os.chmod(below, 0o700)
        for other in others:
            self._set_aside(host, "keys", other)
        os.chmod(os.path.join(below, name), 0o400)
        for path, mode in reversed(_CLOSED.items()):
            os.chmod(os.path.join(folder, path), mode)
        return key

    def sift(self, host):
        """Set aside what is no file of one repository."""
        with _alone():
            key = self._key(host)
            for kind in SIFTED:
                self._sift(host, kind, key)

    def _sift(self, host, kind, key):
        below = os.path.join(self._folder, host, kind)
        changed = os.stat(below).st_mtime_ns
        if changed == self._times.get((host, kind)):
            return
        names = {name for name in os.listdir(below) if _ID.fullmatch(name)}
        known = self._known.setdefault((host, kind), set())
        known &= names
        for name in sorted(names - known):
            with contextlib.suppress(FileNotFoundError):  # whose lock it is takes it away
                if self._is_own(os.path.join(below, name), name, key):
                    known.add(name)
                else:
                    self._set_aside(host, kind, name)
        if time.time_ns() - changed > _TICK_NS:
            self._times[host, kind] = changed

    def _is_own(self, path, name, key):
        """Whether the repository's key made a file. One that was damaged here is for who looks whether all is whole.

        What a sender brought has its own hash for a name, as the server sees to.
        """
        if os.stat(path).st_size > _MOST_BYTES:
            return False
        content = _read(path, _MOST_BYTES)
        return envelope.is_made_with(key, content) or hashlib.sha256(content).hexdigest() != name

    def _set_aside(self, host, kind, name):
        counted = self._counted.setdefault(host, {})
        counted[kind] = counted.get(kind, 0) + 1
        self._put_aside(os.path.join(self._folder, host, kind, name), host, "%s-%s" % (kind, name))

    def _put_aside(self, path, host, name):
        aside = os.path.join(self._folder, ASIDE, host)
        os.makedirs(aside, mode=0o700, exist_ok=True)
        if host not in self._aside:
            self._aside[host] = len(os.listdir(aside))
        if self._aside[host] < KEPT:
            os.rename(path, os.path.join(aside, name))
            self._aside[host] += 1
        elif os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def run(guard):
    """Guard for ever; the service is there when every repository is made and closed."""
    guard.make_all()
    service_manager.ready()
    while True:
        guard.sift_all()
        time.sleep(PAUSE_SECONDS)


@contextlib.contextmanager
def _alone():
    """The daily look sifts, too."""
    with open(LOCK, "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_closed(folder):
    return all(stat.S_IMODE(os.lstat(os.path.join(folder, path)).st_mode) == mode for path, mode in _CLOSED.items())


def _holds_backups(folder):
    return any(
        files and os.path.relpath(path, folder).split("/")[0] not in ("keys", "locks")
        for path, _folders, files in os.walk(folder)
    )


def _read(path, most):
    """:raises OSError: it can't be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most)
