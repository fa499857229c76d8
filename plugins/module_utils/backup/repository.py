# SPDX-License-Identifier: GPL-3.0-or-later
"""The side of a repository: the only one that makes it, that deletes, and that looks whether what lies there is whole.

When a snapshot came is told by the time of its file here. The time that the snapshot itself names is its sender's word:
a sender that is no longer its owner's could name any, and have the true ones deleted for old.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import time
from typing import NamedTuple

from .. import processes
from . import guarding, restic
from .guarding import Guard
from .settings import SettingsError

PATH = "/etc/order82/backup_repository.json"
PASSWORDS = "/etc/order82/backup_repository"
STATE = "/var/lib/order82-backup-repository/state.json"
FLOOR_DAYS = 60  # article 13, for the records that are among what is backed up
KEEP = 3
"""So many of the newest snapshots of a set are kept however old they are: a host that is off loses nothing."""
AT_ONCE = 5000
"""No more are deleted in a day: a command line has an end (execve(2)). The log of PostgreSQL makes some hundreds."""
PRUNE_SECONDS = 12 * 3600
_DAY = 86400
_ID = re.compile(r"[0-9a-f]{64}")


class Settings(NamedTuple):
    """What the role backup_repository wrote."""

    folder: str
    hosts: tuple
    retention_days: int
    free_percent_alarm: int


def load(path=PATH):
    """Read the settings.

    :raises SettingsError: they are missing or not lawful.
    """
    try:
        with open(path, encoding="utf-8") as file:
            raw = json.load(file)
        settings = Settings(
            raw["folder"], tuple(raw["hosts"]), int(raw["retention_days"]), int(raw["free_percent_alarm"])
        )
    except (OSError, json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise SettingsError("%s can't be used (%s): apply the role backup_repository again" % (path, error)) from error
    if settings.retention_days < FLOOR_DAYS:
        raise SettingsError(
            "%s: retention_days is %d; at least %d are asked for" % (path, settings.retention_days, FLOOR_DAYS)
        )
    return settings


def tend(settings, read_data):
    """Look at every repository, delete what is past retention where it is whole, and write what was found.

    What is not whole may be mended from what would go. A host whose repository was not whole the last time comes last,
    and holds up no other.

    :param bool read_data: whether every byte is read, and not only the structure.
    :return: dict: the state.
    :raises SettingsError: another user than the repositories' would leave files that their server can't read.
    """
    if os.stat(settings.folder).st_uid != os.geteuid():
        raise SettingsError(
            "%s belongs to another user than you: run 'systemctl start order82-repository-tend'" % settings.folder
        )
    state = {"at": time.time(), "read_data": read_data, "hosts": {}, "alarms": []}
    guard = Guard(settings, PASSWORDS)
    before = (state_of() or {"hosts": {}})["hosts"]
    for host in sorted(settings.hosts, key=lambda host: (bool(before.get(host, {}).get("wrong")), host)):
        folder = os.path.join(settings.folder, host)
        # Whether a host has what it should is for the host's own check: here only what came can be looked at.
        found = state["hosts"][host] = {"snapshots": 0, "forgotten": 0, "wrong": ""}
        try:
            guard.sift(host)
            _sweep(folder)
            snapshots = json.loads(_restic(folder, host, "snapshots", "--json") or "[]")
            found.update(snapshots=len(snapshots))
            _check(folder, host, read_data)
            gone = past(snapshots, _received(folder), time.time() - settings.retention_days * _DAY)
            if gone:
                _restic(folder, host, "forget", "--prune", *gone)
                found.update(snapshots=len(snapshots) - len(gone), forgotten=len(gone))
                _check(folder, host, read_data=False)  # what is left
        except OSError as error:
            found["wrong"] = str(error)
            state["alarms"].append("the repository of %s: %s" % (host, error))
        if guard.set_aside(host):
            state["alarms"].append(guard.set_aside(host))
    usage = shutil.disk_usage(settings.folder)
    state["free_percent"] = round(100 * usage.free / usage.total, 1)
    if state["free_percent"] < settings.free_percent_alarm:
        state["alarms"].append("%s has %s %% room left" % (settings.folder, state["free_percent"]))
    for sentence in state["alarms"]:
        sys.stderr.write("<2>alarm: %s\n" % sentence)
    _keep(state)
    return state


def past(snapshots, received, before):
    """Which snapshots go now: those that came before a time, but for the newest of each set; AT_ONCE at most.

    :param list snapshots: as restic lists them.
    :param dict received: when each came, by id.
    """
    by_set = {}
    for one in snapshots:
        tags = dict(tag.partition("=")[::2] for tag in one.get("tags") or ())
        by_set.setdefault((tags.get("set"), tags.get("part")), []).append(one["id"])
    gone = []
    for ids in by_set.values():
        ids.sort(key=lambda one: received.get(one, time.time()))
        gone += [one for one in ids[:-KEEP] if received.get(one, time.time()) < before]
    return sorted(gone)[:AT_ONCE]


def _received(folder):
    return {name: when for name, _path, when in _files(os.path.join(folder, "snapshots"))}


def _files(folder):
    """Names, paths and times of the files in a folder; what is set aside or deleted meanwhile is left out."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                yield entry.name, entry.path, entry.stat().st_mtime


def _sweep(folder):
    """Remove what is left of what did not come in whole: the server leaves an empty file of each that it refuses."""
    for inside in ("index", "snapshots", "locks", *("data/%02x" % number for number in range(256))):
        for name, path, when in _files(os.path.join(folder, inside)):
            if not _ID.fullmatch(name) and time.time() - when > _DAY:
                os.unlink(path)


def _check(folder, host, read_data):
    """Look whether all is there and whole. Nobody is locked out: to read every byte takes hours.

    A snapshot may come after the index was read that does not have it yet: what is wrong must be so twice.

    :raises OSError: it is not whole; one sentence.
    """
    words = ["check", "--no-lock", *(["--read-data"] if read_data else [])]
    try:
        _restic(folder, host, *words)
    except OSError:
        _restic(folder, host, *words)


def _restic(folder, host, *words):
    """Run restic on the folder itself: its server lets nobody delete."""
    environment = {
        "RESTIC_REPOSITORY": folder,
        "RESTIC_PASSWORD_FILE": os.path.join(PASSWORDS, host),
        "TZ": "UTC",
    }

    def run(*words):
        return processes.run(["restic", "--quiet", "--no-cache", *words], PRUNE_SECONDS, environment)

    done = restic.when_free(run, *words)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise OSError("'restic %s': %s" % (words[0], (said or ["exit code %d" % done.returncode])[-1][:300]))
    return done.stdout.decode("utf-8", "replace")


def _keep(state):
    with open(STATE + ".new", "w", encoding="utf-8") as file:
        json.dump(state, file)
    os.replace(STATE + ".new", STATE)


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    one = verbs.add_parser("tend", help="delete what is past retention, and look whether the rest is whole (a timer)")
    one.add_argument("--read-data", action="store_true", help="read every byte / 全量校验")
    one.set_defaults(run=command_tend)
    two = verbs.add_parser("guard", help="make the repositories, and let nothing but backups into them (a service)")
    two.set_defaults(run=command_guard)
    return [one, two]


def command_guard(_arguments):
    """order82 repository guard"""
    guarding.run(Guard(load(), PASSWORDS))
    return {}, "", 0


def command_tend(arguments):
    """order82 repository tend"""
    state = tend(load(), arguments.read_data)
    rows = [
        "%s: %s" % (host, found["wrong"] or "%(snapshots)d snapshots, whole" % found)
        for host, found in sorted(state["hosts"].items())
    ]
    return state, "\n".join([*rows, "%s %% free" % state["free_percent"]]), 1 if state["alarms"] else 0


def state_of(path=STATE):
    """What the last look found; None where there was none."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None
