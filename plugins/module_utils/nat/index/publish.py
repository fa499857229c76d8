# SPDX-License-Identifier: GPL-3.0-or-later
"""Publish the index of a collector in an S3-compatible object store (object_store.py reads it there).

What is there is compared with what should be, so whatever one run could not do the next one does. Of each day the
files go first, then the catalogue that names them: a reader never finds a catalogue without its files. The newest day
goes first. rclone talks to the store; it gets the keys in its environment, where other accounts don't see them.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import subprocess
import time

from ... import processes
from . import build, catalogue, object_store

BUDGET_SECONDS = 120  # after so long no further day is begun: the next build of the index must not wait
GRACE_SECONDS = 600  # how long files that were replaced stay, for who reads them
_DAY_SECONDS = 3600  # at the most, for the files of one day
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.json|\.[0-9a-f]{8}/.*)")
_BRIEF = ("--retries=1", "--low-level-retries=3", "--contimeout=10s", "--timeout=60s", "--fast-list", "--quiet")
_AS_LISTED = ("--hash", "--no-mimetype", "--use-server-modtime")  # nothing that takes a request for each file
_NOISE = re.compile(r"\s*status code: \d+, request id: .*|caused by: ")


class PublishError(RuntimeError):
    """The index can't be published now: one sentence. The local one is in use as before."""


def publish(index_folder, settings, kept_since, now=None):
    """Bring the object store to where the index is.

    :param str index_folder: as C(build.build) made it.
    :param object_store.Settings settings: of the store.
    :param datetime.date kept_since: what the store has of days before, and this index has not, is removed: their
        records are past retention. Younger days stay, so that a collector that lost its disk takes nothing away.
    :param float now: Unix seconds; the clock's if left out.
    :return: dict: C(published), the days; C(removed), what is gone from the store; C(left), how many days still wait.
    :raises PublishError: rclone is missing, or the store can't be reached, refuses or is full.
    :raises build.BuildError: a build is at work.
    """
    now = time.time() if now is None else now
    began = time.monotonic()
    with build.alone(index_folder):
        there = _Store(settings)
        files = there.list()
        wanted = _wanted(index_folder)
        missing = _missing(index_folder, wanted, files)
        done = []
        for day in missing:
            if done and time.monotonic() - began > BUDGET_SECONDS:
                break
            folder = wanted[day]
            there.copy(os.path.join(index_folder, folder), folder)
            there.replace(os.path.join(index_folder, day + ".json"), day + ".json")
            done.append(day)
        waiting = set(missing[len(done) :])
        removed = _superfluous(files, wanted, waiting, kept_since, now)
        for name in removed:
            there.remove(name)
    return {"published": done, "removed": removed, "left": len(waiting)}


def _wanted(index_folder):
    """The folder that is in use, by day."""
    return {day.name: os.path.basename(day.folder) for day in catalogue.load(index_folder)}


def _missing(index_folder, wanted, files):
    """The days that the store has not, or not as they are now; newest first."""
    found = []
    for day, folder in sorted(wanted.items(), reverse=True):
        with open(os.path.join(index_folder, day + ".json"), "rb") as file:
            sum_here = hashlib.md5(file.read(), usedforsecurity=False).hexdigest()
        known = files.get(day + ".json")
        same = known is not None and known["Hashes"].get("md5") == sum_here
        if not same or any(
            files.get(folder + "/" + entry.name, {}).get("Size") != entry.stat().st_size
            for entry in os.scandir(os.path.join(index_folder, folder))
        ):
            found.append(day)
    return found


def _superfluous(files, wanted, waiting, kept_since, now):
    """What can go: catalogues of expired days, then folders that were replaced a while ago.

    :param dict files: what was there before anything was published.
    :param dict wanted: the folder by day.
    :param set waiting: the days of these that are not published yet.
    :return: list of str: catalogues end in C(.json), the others are folders.
    """
    days = {}
    for name, file in files.items():
        match = _NAME.fullmatch(name)
        if match:
            head = name.partition("/")[0]
            times = days.setdefault(match.group(1), {})
            times[head] = max(times.get(head, 0), _seconds(file["ModTime"]))
    found = []
    for day, times in sorted(days.items()):
        # The one in use is the last one, also where two came within the second that stores count in.
        order = sorted((head == wanted.get(day), at, head) for head, at in times.items())
        folders = [head for _used, _at, head in order if not head.endswith(".json")]
        if day in waiting:
            continue
        if day in wanted:
            # Each was in use until the one after it came.
            found += [
                one
                for one, after in zip(folders, folders[1:])
                if one != wanted[day] and times[after] < now - GRACE_SECONDS
            ]
        elif day < kept_since.isoformat():
            found += sorted(set(times) - set(folders)) + folders
    return found


def _seconds(text):
    """The Unix seconds of a time as rclone writes it, with up to nine decimals and Z or an offset."""
    whole, zone = re.fullmatch(r"(.{19})(?:\.\d+)?(.*)", text).groups()
    return datetime.datetime.fromisoformat(whole + zone.replace("Z", "+00:00")).timestamp()


class _Store:
    """The host's own place in the store, by rclone."""

    def __init__(self, settings):
        self.settings = settings
        self.root = settings.url(settings.host).replace("s3://", "store:", 1)
        self.environment = {
            "RCLONE_CONFIG_STORE_TYPE": "s3",
            "RCLONE_CONFIG_STORE_PROVIDER": "Other",
            "RCLONE_CONFIG_STORE_ENDPOINT": "%s://%s" % ("https" if settings.tls else "http", settings.endpoint),
            "RCLONE_CONFIG_STORE_REGION": settings.region,
            "RCLONE_CONFIG_STORE_FORCE_PATH_STYLE": "true",
            "RCLONE_CONFIG_STORE_NO_CHECK_BUCKET": "true",  # the key need not be allowed to make buckets
            "RCLONE_CONFIG_STORE_ACCESS_KEY_ID": settings.key_id,
            "RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY": settings.secret,
            "RCLONE_CA_CERT": settings.ca_file or object_store.AUTHORITIES,
        }

    def list(self):
        """All files by name: C(Size), C(ModTime) of the store, C(Hashes)."""
        text = self._run(
            ["lsjson", "--recursive", "--files-only", "--hash-type=md5", *_AS_LISTED, self.root],
            empty="[]",
        )
        return {one["Path"]: one for one in json.loads(text)}

    def copy(self, folder, name):
        """The files of a folder, of which the same name never has another content."""
        self._run(["copy", "--size-only", folder, self.root + "/" + name], seconds=_DAY_SECONDS)

    def replace(self, path, name):
        """One file, whatever is there."""
        self._run(["copyto", "--ignore-times", path, self.root + "/" + name])

    def remove(self, name):
        """A file, or a folder with all in it."""
        self._run(["deletefile" if name.endswith(".json") else "delete", self.root + "/" + name])

    def _run(self, words, seconds=300, empty=None):
        try:
            done = processes.run(
                ["rclone", "--config=", *_BRIEF, *words], seconds=seconds, environment=self.environment
            )
        except FileNotFoundError as error:
            raise PublishError("rclone is missing on this host: apply the role nat_log") from error
        except subprocess.TimeoutExpired as error:
            raise PublishError(
                "the index is not published: %s did not take it within %d s" % (self.settings.endpoint, seconds)
            ) from error
        if done.returncode == 3 and empty is not None:  # rclone's code for a folder that is not there
            return empty
        if done.returncode:
            said = _said(done.stderr.decode("utf-8", "replace"))
            raise PublishError(
                "the index is not published in %s at %s, and stays in use here: %s"
                % (self.settings.bucket, self.settings.endpoint, said)
            )
        return done.stdout.decode("utf-8")


def _said(text):
    """The reason in what rclone prints: what follows the last C(Failed to ...:)."""
    lines = [_NOISE.sub("", line).strip() for line in text.splitlines()]
    starts = [number for number, line in enumerate(lines) if " Failed to " in line or " ERROR : " in line]
    if starts:
        lines = lines[starts[-1] :]
        lines[0] = lines[0].split("Failed to ", 1)[-1].split(" ERROR : ", 1)[-1]
    return " ".join(filter(None, lines))[:400]
