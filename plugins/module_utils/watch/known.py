# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifests as they were when an apply ended: kept in memory, since everything is put right by them.

One that changes while nobody applies is put back from here. Who is root may pretend an apply: then it is on record that
one was under way, and the controller, which renders anew, sees what it made of the manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zlib
from typing import NamedTuple

from ..state import manifest, paths
from ..state.errors import StateError


class _Kept(NamedTuple):
    stamp: tuple
    digest: str
    text: bytes  # compressed


class Manifests:
    """Those of all measures of this host."""

    def __init__(self):
        self._kept = {}
        self.accept()

    @property
    def digests(self):
        """Role to SHA-256."""
        return {role: one.digest for role, one in self._kept.items()}

    def accept(self):
        """Take what lies there for what was laid down.

        :return: list of roles whose manifests are others than before, or gone.
        """
        found = {role: _read(role) for role in manifest.roles()}
        found = {role: one for role, one in found.items() if one is not None}
        changed = [role for role in {*found, *self._kept} if _digest(found, role) != _digest(self._kept, role)]
        self._kept = found
        return sorted(changed)

    def refresh(self, roles):
        """Take these as they are now, where they tell of the same state: who puts right writes down what is owed."""
        for role in roles:
            found = _read(role)
            if found is not None and role in self._kept and _state(found) == _state(self._kept[role]):
                self._kept[role] = found

    def states(self):
        """What was laid down, one measure after the other, without texts: who watches stays small."""
        for role in sorted(self._kept):
            for document in self.documents([role]):
                state = document["state"]
                for entry in state["files"]:
                    entry.pop("content", None)
                yield state

    def documents(self, roles=None):
        """The manifests, as the code that lays down reads them; one that has another form is left out."""
        found = []
        for role in sorted(self._kept):
            if roles is None or role in roles:
                try:
                    found.append(manifest.of(json.loads(zlib.decompress(self._kept[role].text))))
                except (ValueError, KeyError, TypeError):
                    continue
        return found

    def differing(self):
        """How those on the disk are others: dict of role to a sentence's end."""
        found = {}
        there = manifest.roles()
        for role, kept in self._kept.items():
            if role not in there:
                found[role] = "is gone"
            elif manifest.stamp(role) != kept.stamp:
                now = _read(role)
                if now is None or now.digest != kept.digest:
                    found[role] = "was changed"
                else:
                    self._kept[role] = now
        found.update({role: "is of no measure that was applied" for role in there if role not in self._kept})
        return found

    def put_back(self, roles):
        """Put manifests back; one that nobody applied is set aside.

        :return: sentences on what was done.
        :raises StateError: it can't be written.
        """
        done = []
        for role in roles:
            path = manifest.place(role)
            aside = os.path.join(manifest.SET_ASIDE, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
            if os.path.lexists(path):
                done.append("set %s aside, to %s" % (path, paths.set_aside(path, aside)))
            if role in self._kept:
                os.makedirs(manifest.FOLDER, 0o700, exist_ok=True)
                paths.write(path, zlib.decompress(self._kept[role].text))
                self._kept[role] = self._kept[role]._replace(stamp=manifest.stamp(role))
                done.append("wrote %s as it was" % path)
        return done


def _digest(kept, role):
    return kept[role].digest if role in kept else None


def _state(kept):
    """What it tells of; what stays when the measure goes is in no order."""
    try:
        state = json.loads(zlib.decompress(kept.text))["state"]
        return dict(state, keep=sorted(state["keep"]))
    except (ValueError, KeyError, TypeError):
        return None


def _read(role):
    """A manifest as it lies there; None where it can't be read."""
    path = manifest.place(role)
    stamp = manifest.stamp(role)
    try:
        with paths.parent(path) as (descriptor, name):
            found = paths.read(descriptor, name, path)
    except (StateError, OSError):
        return None
    if found is None:
        return None
    return _Kept(stamp, hashlib.sha256(found[0]).hexdigest(), zlib.compress(found[0], 1))
