# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be restored: snapshots with their manifests."""

from __future__ import annotations

import datetime
import os
from typing import NamedTuple

from . import kinds, running


class NothingError(OSError):
    """There is no such backup: one sentence."""


class Backup(NamedTuple):
    """A set as a repository has it: the snapshots of its data and of its manifest. C(at) is in UTC."""

    set: str
    at: datetime.datetime
    data: str
    manifest: str


def backups(place):
    """All whole backups in a repository, the newest last."""
    runs = {}
    for one in place.snapshots():
        part, run = one.tags.get("part"), one.tags.get("run")
        if part in ("data", "manifest") and run:
            runs.setdefault((one.tags.get("set"), run), {})[part] = one
    return sorted(
        (
            Backup(name, moment(parts["data"].at), parts["data"].id, parts["manifest"].id)
            for (name, _run), parts in runs.items()
            if len(parts) == 2
        ),
        key=lambda one: one.at,
    )


def latest(place, name, at=None):
    """The newest backup of a set; with a time, the newest that is not younger.

    :raises NothingError: there is none.
    """
    found = [one for one in backups(place) if one.set == name and (at is None or one.at <= at)]
    if not found:
        when = " that is not younger than %s" % at.isoformat() if at else ""
        raise NothingError("the repository %s has no backup of the set '%s'%s" % (place.name, name, when))
    return found[-1]


def manifest(place, backup, folder):
    """The manifest of a backup; it is put below a folder for that."""
    place.restore(backup.manifest, folder)
    return kinds.read(os.path.join(folder, running.MANIFESTS.lstrip("/"), backup.set + ".json"))


def moment(text):
    """A time with its offset (RFC 3339), in UTC; restic writes nine digits, and Python up to 3.10 reads at most six.

    :raises ValueError: it is none, or has no offset.
    """
    whole, dot, rest = text.partition(".")
    if dot:
        digits = rest.rstrip("Z").partition("+")[0].partition("-")[0]
        text = "%s.%s%s" % (whole, digits[:6].ljust(6, "0"), rest[len(digits) :])
    try:
        found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise ValueError("'%s' is no time; write it as 2026-11-27T12:00:00+08:00" % text) from error
    if found.tzinfo is None:
        raise ValueError("'%s' has no offset; write it as 2026-11-27T12:00:00+08:00" % text)
    return found.astimezone(datetime.timezone.utc)
