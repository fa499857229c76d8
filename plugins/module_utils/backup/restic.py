# SPDX-License-Identifier: GPL-3.0-or-later
"""restic, for one repository of this host. Addresses and passwords are in files: neither is ever on a command line."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import time
from typing import NamedTuple

from .. import processes
from .manifest import NO_TEXT
from .settings import refuse_open

CACHE = "/var/cache/order82-backup"
BACKUP_SECONDS = 12 * 3600
RESTORE_SECONDS = 12 * 3600
LOOK_SECONDS = 120
RETRY_SECONDS = 30
LOCKED_SECONDS = 3600
LOCKED_STEP_SECONDS = 10
INCOMPLETE = 3
"""restic-backup(1): a snapshot was made, but some files could not be read."""

_ANY_BYTE = b"(?:%s|[\x80-\xff])" % NO_TEXT.encode("utf-8")


class ResticError(OSError):
    """A repository could not be used: one sentence, which names it."""


class Snapshot(NamedTuple):
    """C(at) is when it was made, in UTC, as restic writes it; C(tags) are name=value."""

    id: str
    at: str
    tags: dict
    paths: tuple


class Repository(NamedTuple):
    """One of the places where this host's backups lie."""

    name: str
    address_file: str
    password_file: str
    ca_file: str
    host: str

    def run(self, *words, seconds=LOOK_SECONDS, ok=(0,)):
        """Run restic and give back what it printed.

        :raises ResticError: it ended with a code that is not in C(ok), took too long, or is not installed.
        """
        return self._done(words, seconds, ok).stdout.decode("utf-8", "replace")

    def _done(self, words, seconds, ok=(0,)):
        environment = {
            "RESTIC_REPOSITORY_FILE": self.address_file,
            "RESTIC_PASSWORD_FILE": self.password_file,
            "RESTIC_CACHE_DIR": CACHE,
            "TZ": "UTC",  # times of files come in it
        }

        def run(*words):
            argv = ["restic", "--quiet", "--cleanup-cache", "--cacert", self.ca_file, *words]
            return processes.watched(argv, seconds, environment, Impatience())

        try:
            done = when_free(run, *words)
        except FileNotFoundError as error:
            raise ResticError("restic is not installed: apply the role backup again") from error
        except subprocess.TimeoutExpired as error:
            raise ResticError("the repository %s did not answer within %d s" % (self.name, seconds)) from error
        if done.returncode not in ok:
            raise ResticError(
                "the repository %s can't be used for 'restic %s': %s" % (self.name, words[0], reason(done)[:300])
            )
        return done

    def snapshots(self, **tags):
        """Those of this host with these tags, the newest last."""
        words = ["--tag=%s" % ",".join("%s=%s" % pair for pair in sorted(tags.items()))] if tags else []
        listed = json.loads(self.run("snapshots", "--json", "--no-lock", "--host=" + self.host, *words) or "[]")
        found = [
            Snapshot(
                one["id"],
                one["time"],
                dict(tag.partition("=")[::2] for tag in one.get("tags") or ()),
                tuple(one["paths"]),
            )
            for one in listed or ()
        ]
        return sorted(found, key=lambda one: one.at)

    def backup(self, paths, tags, exclude=()):
        """Back up; what can't be read is missing in the snapshot.

        :return: tuple: the snapshot's id, restic's summary, and dict: each path that could not be read, and why.
        """
        words = ["backup", "--json", "--host=" + self.host]
        words += ["--tag=" + ",".join("%s=%s" % pair for pair in sorted(tags.items()))]
        words += ["--exclude=" + pattern for pattern in exclude]
        done = self._done([*words, "--", *paths], BACKUP_SECONDS, ok=(0, INCOMPLETE))
        for row in reversed(done.stdout.decode("utf-8", "replace").splitlines()):
            message = json.loads(row)
            if message.get("message_type") == "summary":
                return message["snapshot_id"], message, unread(done.stderr) if done.returncode else {}
        raise ResticError("the repository %s: restic ended without telling its snapshot" % self.name)

    def nodes(self, snapshot):
        """What is in a snapshot: list of dict, each with path, type, uid, gid and mtime, and mode and size unless 0.

        A path has the bytes that it has in the snapshot: those that are no UTF-8 are surrogates (PEP 383).
        """
        words = ["ls", "--no-lock", snapshot]
        listed = self._done([*words, "--json"], BACKUP_SECONDS).stdout.decode("utf-8", "replace")
        rows = map(json.loads, listed.splitlines())
        found = [row for row in rows if row.get("struct_type", row.get("message_type")) == "node"]
        if any(NO_TEXT in node["path"] for node in found):
            for node, path in zip(found, true_names(found, self._done(words, BACKUP_SECONDS).stdout)):
                node["path"] = path
        return found

    def restore(self, snapshot, target):
        """Put a whole snapshot below a folder."""
        self.run("restore", "--no-lock", snapshot, "--target", target, seconds=RESTORE_SECONDS)


def unread(said):
    """What a backup could not read; a file that was removed meanwhile is no loss.

    :param bytes said: restic's messages; one of them has another form from 0.17 on.
    :return: dict: each path, and why. Where restic does not say it, there is one without a name.
    """
    found, gone = {}, False
    for line in said.splitlines():
        try:
            message = json.loads(line)
            if message["message_type"] != "error":
                continue
            error, path = message["error"], message["item"]
            reason = error.get("message") or os.strerror(error["Err"])
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        if reason.endswith(os.strerror(errno.ENOENT).lower()) or error.get("Err") == errno.ENOENT:
            gone = True
            if not os.path.lexists(path):
                continue
        found[path] = reason
    return found or ({} if gone else {"": "restic does not say which"})


def true_names(nodes, listed):
    """The paths of a snapshot's nodes with the bytes that they have.

    restic's list in JSON has NO_TEXT for each byte that is no text. Its list for people has all bytes, and a path a
    line; but a path may have a line feed of its own, so each is looked for as the other list has it.

    :param bytes listed: the list for people.
    :return: list of str.
    :raises ResticError: the lists are not of the same.
    """
    found, position = [], 0
    for node in nodes:
        parts = [re.escape(part.encode("utf-8")) for part in node["path"].split(NO_TEXT)]
        match = re.compile(_ANY_BYTE.join(parts) + b"\n").match(listed, position)
        if not match:
            raise ResticError("restic lists the snapshot in two ways that differ at %s" % ascii(node["path"]))
        found.append(match[0][:-1].decode("utf-8", "surrogateescape"))
        position = match.end()
    return found


def when_free(run, *words):
    """Run restic as soon as nobody else works on the repository in a way that excludes it.

    A backup waits while its repository deletes, and the repository deletes when no backup goes on. A lock that somebody
    left who was killed is removed when it is stale (after half an hour, or at once on the machine that set it). restic
    waits by itself only from 0.16 on.

    :param run: runs it with the words that it is given, to its end.
    :return: subprocess.CompletedProcess: its last; still locked out after LOCKED_SECONDS.
    """
    end = time.monotonic() + LOCKED_SECONDS
    while True:
        done = run(*words)
        if b"already locked" not in done.stderr or time.monotonic() > end:
            return done
        time.sleep(LOCKED_STEP_SECONDS)
        run("unlock")


class Impatience:
    """Says when restic has tried again for long enough; by itself it does so for a quarter of an hour at each step."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._since = None

    def __call__(self, line):
        """:param bytes line: what restic said."""
        if b"retrying after" not in line:
            self._since = None if b"successful after" in line else self._since
            return False
        self._since = self._clock() if self._since is None else self._since
        return self._clock() - self._since > RETRY_SECONDS


def reason(done):
    """Why restic ended: the line that says it is fatal, which with C(--json) newer ones wrap."""
    said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["exit code %d" % done.returncode]
    fatal = [_message(line) for line in said if "Fatal:" in line]
    return (fatal or said)[0]


def _message(line):
    try:
        return json.loads(line)["message"]
    except (ValueError, KeyError, TypeError):
        return line


def repositories(settings):
    """All repositories of this host, by name.

    :raises SettingsError: somebody else can read what opens them.
    """
    for secret in (settings.password_file, *settings.repositories.values()):
        refuse_open(secret)
    return {
        name: Repository(name, file, settings.password_file, settings.ca_file, settings.host)
        for name, file in sorted(settings.repositories.items())
    }
