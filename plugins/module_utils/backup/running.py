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
from .manifest import Hashes, shown

RECORD = "order82-backup"
LOCK = "/run/order82-backup.lock"
MANIFESTS = "/var/lib/order82-backup/manifests"
HASHES = "/var/cache/order82-backup/hashes/%s.json"
FAILED = "/var/lib/order82-backup/failed-%s.json"
"""What the last run could not do, by what ran: C(run) or C(log). An inspection is not to wait until a backup is old."""
MADE = "/var/lib/order82-backup/made.json"
"""The newest backup of each set in each repository: an inspection asks whether it is still there."""

SIZES = "/var/lib/order82-backup/sizes.json"
"""What each set held when that was last taken for right: C(files) and C(bytes) by set."""
_NAMES = 5  # of files that could not be read, in a sentence; the rest is counted


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


def run(settings, sets, smaller_is_right=False):
    """Back up, and record what came of it.

    :param bool smaller_is_right: somebody says that the sets lost nothing that should be there.
    :return: list of dict, one for each set and repository: C(set), C(repository), and either C(snapshot), C(manifest)
        and C(at) or C(error). It has all of them where some files could not be read. C(doubt): a sentence, where the
        set has lost more than it may, or is empty.
    """
    places, gone = _usable(restic.repositories(settings))
    results = []
    for one in sets:
        try:
            least = 0 if smaller_is_right else 100 - settings.max_loss_percent
            found = _back_up(one, places, least) if places else []
        except kinds.TROUBLES as error:
            found = [{"set": one.name, "repository": name, "error": str(error)} for name in places]
        finally:
            kinds.clear(one)
        found += [{"set": one.name, "repository": name, "error": error} for name, error in gone.items()]
        for result in found:
            result.update({"smaller_is_right": True} if smaller_is_right else {})
            journal.write(RECORD, "backup %s" % json.dumps(result, sort_keys=True))
            if "error" in result:
                said = "no whole backup" if "manifest" in result else "no backup"
                sys.stderr.write("<2>alarm: %s of %s\n" % (said, "%(set)s to %(repository)s: %(error)s" % result))
        for doubt in {result["doubt"] for result in found if "doubt" in result}:
            sys.stderr.write("<2>alarm: %s\n" % doubt)
        results += found
    return results


def remember(what, results):
    """Keep what failed for an inspection; a set that did not run this time stays as it was.

    :param str what: C(run) or C(log).
    """
    seen = {(one["set"], one["repository"]) for one in results}
    failed = [one for one in failures(what) if (one["set"], one["repository"]) not in seen]
    failed += [one for one in results if "error" in one or "doubt" in one]
    _write(FAILED % what, failed)
    new = [one for one in results if "manifest" in one]
    if new:
        replaced = {(one["set"], one["repository"]) for one in new}
        _write(MADE, [one for one in made() if (one["set"], one["repository"]) not in replaced] + new)


def failures(what):
    """:return: list of dict: C(set), C(repository), and C(error) or C(doubt), of what was wrong when it last ran."""
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


def _back_up(one, places, least_percent):
    began = datetime.datetime.now(datetime.timezone.utc)
    tags = {"set": one.name, "run": secrets.token_hex(8)}
    taken = kinds.take(one)
    hashes = Hashes(HASHES % one.name)
    results, manifests = [], {}
    for name, place in places.items():
        result = {"set": one.name, "repository": name, "run": tags["run"]}
        try:
            snapshot, summary, unread = place.backup(taken.paths, {**tags, "part": "data"}, taken.exclude)
            files = kinds.describe(one, place.nodes(snapshot), hashes)
        except restic.ResticError as error:
            result["error"] = str(error)
        else:
            manifests[name] = {"snapshot": snapshot, "files": files}
            result.update(snapshot=snapshot, bytes=summary["total_bytes_processed"], added=summary["data_added"])
            if unread:
                result["error"] = not_read(unread)
        results.append(result)
    doubt = _doubt(one, next(iter(manifests.values()))["files"], least_percent) if manifests else ""
    counts = kinds.count(one) if manifests else {}
    shared = {
        "set": one.name,
        "kind": one.kind,
        "paths": list(one.paths),
        "at": began.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "programs": kinds.programs_of(one),
        "counts": counts,
        "doubt": doubt,
    }
    for result in results:
        if result["repository"] in manifests:
            _keep(places[result["repository"]], {**shared, **manifests[result["repository"]]}, tags, result)
            result.update({"doubt": doubt} if doubt else {})
    if manifests:
        hashes.keep()
    return results


def not_read(unread):
    """Which files are missing in a backup, in a sentence."""
    named = ["%s (%s)" % (shown(path), why) if path else why for path, why in sorted(unread.items())]
    more = " and %d more" % (len(named) - _NAMES) if len(named) > _NAMES else ""
    return "%d could not be read and are missing in it: %s%s" % (len(named), ", ".join(named[:_NAMES]), more)


def _doubt(one, files, least_percent):
    """Whether a set is what it was: a volume that is not mounted is an empty folder, and no error.

    :param list files: of the backup that was just made, as its manifest has them.
    :param int least_percent: so much of its files and bytes must be left; then the next one is compared with it.
    :return: str, a sentence; empty where all is well.
    """
    sizes = [entry["size"] for entry in files if entry["type"] == "file"]
    now, known = {"files": len(sizes), "bytes": sum(sizes)}, dict(_read(SIZES))
    before = known.get(one.name)
    says = "; if that is right, say so: order82 backup run --smaller-is-right %s" % one.name
    if before is None and least_percent and not sizes:
        return "the set %s has no file at all%s" % (one.name, says)
    for key in before or ():
        if now[key] * 100 < before[key] * least_percent:
            return "the set %s had %d %s, and has %d%s" % (one.name, before[key], key, now[key], says)
    _write(SIZES, {**known, one.name: now})
    return ""


def _keep(place, manifest, tags, result):
    """Put the manifest beside what it describes: without it a snapshot is not taken for a backup."""
    path = os.path.join(MANIFESTS, manifest["set"] + ".json")
    os.makedirs(MANIFESTS, mode=0o700, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(manifest, file)
    try:
        result["manifest"], _summary, unread = place.backup([path], {**tags, "part": "manifest"})
        result["at"] = manifest["at"]
        if unread:
            result["error"] = not_read(unread)
    except restic.ResticError as error:
        result["error"] = str(error)
