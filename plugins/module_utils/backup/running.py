# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup: each set into every repository, and beside it the manifest of what must come back.

One repository that is gone keeps nothing from the others. A run that is killed leaves a copy in the staging folder,
which the next run removes, and a lock in the repository, which restic removes when it is stale (restic-unlock(1)).
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import secrets
import sys

from .. import journal
from . import kinds, restic
from .manifest import Hashes

RECORD = "order82-backup"
LOCK = "/run/order82-backup.lock"
MANIFESTS = "/var/lib/order82-backup/manifests"
HASHES = "/var/cache/order82-backup/hashes/%s.json"
FAILED = "/var/lib/order82-backup/failed-%s.json"
"""What the last run could not do, by what ran: C(run) or C(log). An inspection is not to wait until a backup is old."""
MADE = "/var/lib/order82-backup/made.json"
"""The newest backup of each set in each repository: an inspection asks whether it is still there."""


class BusyError(OSError):
    """Another run goes on."""


@contextlib.contextmanager
def alone():
    """Only one run at a time works with the staging and scratch folders."""
    with open(LOCK, "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError("another backup, drill or restore is going on; try again when it has ended") from error
        yield


def run(settings, sets):
    """Back up, and record what came of it.

    :return: list of dict, one for each set and repository: C(set), C(repository), and either C(snapshot), C(manifest)
        and C(at) or C(error).
    """
    places, gone = _usable(restic.repositories(settings))
    results = []
    for one in sets:
        try:
            found = _back_up(one, places) if places else []
        except kinds.TROUBLES as error:
            found = [{"set": one.name, "repository": name, "error": str(error)} for name in places]
        finally:
            kinds.clear(one)
        found += [{"set": one.name, "repository": name, "error": error} for name, error in gone.items()]
        for result in found:
            journal.write(RECORD, "backup %s" % json.dumps(result, sort_keys=True))
            if "error" in result:
                sys.stderr.write("<2>alarm: no backup of %(set)s to %(repository)s: %(error)s\n" % result)
        results += found
    return results


def remember(what, results):
    """Keep what failed for an inspection; a set that did not run this time stays as it was.

    :param str what: C(run) or C(log).
    """
    seen = {(one["set"], one["repository"]) for one in results}
    failed = [one for one in failures(what) if (one["set"], one["repository"]) not in seen]
    failed += [one for one in results if "error" in one]
    _write(FAILED % what, failed)
    new = [one for one in results if "manifest" in one]
    if new:
        replaced = {(one["set"], one["repository"]) for one in new}
        _write(MADE, [one for one in made() if (one["set"], one["repository"]) not in replaced] + new)


def failures(what):
    """:return: list of dict: C(set), C(repository) and C(error) of what failed when it last ran."""
    return _read(FAILED % what)


def made():
    """:return: list of dict: C(set), C(repository), C(at), and the snapshots C(snapshot) and C(manifest)."""
    return _read(MADE)


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return []


def _write(path, document):
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(document, file)
    os.replace(path + ".new", path)


def _usable(places):
    """Which repositories can be used, with the error of each other one; locks that a killed run left are removed.

    Asked once, so that no set waits for a repository that is gone or locked. To list locks asks for none; where there
    are any, to list snapshots does, and waits for it.
    """
    gone = {}
    for name, place in places.items():
        try:
            if place.run("list", "locks").strip():
                place.run("unlock")
                place.run("list", "snapshots")
        except restic.ResticError as error:
            gone[name] = str(error)
    return {name: place for name, place in places.items() if name not in gone}, gone


def _back_up(one, places):
    began = datetime.datetime.now(datetime.timezone.utc)
    tags = {"set": one.name, "run": secrets.token_hex(8)}
    taken = kinds.take(one)
    hashes = Hashes(HASHES % one.name)
    results, manifests = [], {}
    for name, place in places.items():
        result = {"set": one.name, "repository": name, "run": tags["run"]}
        try:
            snapshot, summary = place.backup(taken.paths, {**tags, "part": "data"}, taken.exclude)
            files = kinds.describe(one, place.nodes(snapshot), hashes)
        except restic.ResticError as error:
            result["error"] = str(error)
        else:
            manifests[name] = {"snapshot": snapshot, "files": files}
            result.update(snapshot=snapshot, bytes=summary["total_bytes_processed"], added=summary["data_added"])
        results.append(result)
    counts = kinds.count(one) if manifests else {}
    shared = {
        "set": one.name,
        "kind": one.kind,
        "paths": list(one.paths),
        "at": began.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "programs": kinds.programs_of(one),
        "counts": counts,
    }
    for result in results:
        if result["repository"] in manifests:
            _keep(places[result["repository"]], {**shared, **manifests[result["repository"]]}, tags, result)
    if manifests:
        hashes.keep()
    return results


def _keep(place, manifest, tags, result):
    """Put the manifest beside what it describes: without it a snapshot is not taken for a backup."""
    path = os.path.join(MANIFESTS, manifest["set"] + ".json")
    os.makedirs(MANIFESTS, mode=0o700, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(manifest, file)
    try:
        result["manifest"], _summary = place.backup([path], {**tags, "part": "manifest"})
        result["at"] = manifest["at"]
    except restic.ResticError as error:
        result["error"] = str(error)
