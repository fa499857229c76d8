# SPDX-License-Identifier: GPL-3.0-or-later
"""What a measure laid down on this host, and which restarts it still owes: one file a role, which only root can read.

A secret's text is not in it, only its hash. All else is, so that it can be put back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os

from . import paths
from .errors import StateError

FOLDER = "/var/lib/order82/manifest"
SET_ASIDE = "/var/lib/order82/set_aside"
"""What lay where only the measure may lay something. Kept as evidence."""

KEYS = {"state": dict, "made": list, "owed": list}
"""C(made): folders that were not there; they go when empty. C(owed): what systemd is still to be asked for."""
_ENTRIES = {
    "files": ("path", "secret", "sha256"),
    "folders": ("path", "owner"),
    "units": ("name", "package", "masked"),
    "packages": ("name",),
    "accounts": ("name",),
}
_TEXTS = ("groups", "diversions", "leftovers", "keep")


def place(role):
    """Where a role's manifest lies."""
    return os.path.join(FOLDER, role + ".json")


def read(role):
    """The manifest of a role, or None where there is none.

    :raises StateError: it is not what this code wrote.
    """
    path = place(role)
    try:
        with paths.parent(path) as (descriptor, name):
            found = paths.read(descriptor, name, path)
    except FileNotFoundError:
        return None
    if found is None:
        return None
    try:
        return of(json.loads(found[0]))
    except (ValueError, TypeError, KeyError) as error:
        raise StateError("%s is damaged (%s): remove it, then apply the measure" % (path, error)) from error


def of(document):
    """The same document, if it is a manifest.

    :raises ValueError, TypeError, KeyError: it is none.
    """
    if not all(isinstance(document[key], kind) for key, kind in KEYS.items()) or not _is_ours(document):
        raise ValueError("another form")
    return document


def _is_ours(document):
    """Whether all of it has the form that the rest of the code counts on."""
    state = document["state"]
    pairs = all(isinstance(one, list) and len(one) == 2 and _texts(one) for one in document["owed"])
    entries = all(
        isinstance(state[key], list) and all(key in one for one in state[key] for key in keys)
        for key, keys in _ENTRIES.items()
    )
    return pairs and entries and _texts(document["made"]) and all(_texts(state[key]) for key in _TEXTS)


def _texts(value):
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def digest(state):
    """One number for all of a state but the texts of its files, of which it has the hashes.

    :return: SHA-256, hexadecimal.
    """
    files = [{key: value for key, value in entry.items() if key != "content"} for entry in state["files"]]
    return hashlib.sha256(json.dumps(dict(state, files=files), sort_keys=True).encode()).hexdigest()


def what_counts(state):
    """What a later apply or removal goes by, to be compared: without texts, and in no order."""
    return {
        key: sorted(
            json.dumps(
                {one: entry[one] for one in entry if one != "content"} if isinstance(entry, dict) else entry,
                sort_keys=True,
            )
            for entry in state[key]
        )
        for key in (*_ENTRIES, *_TEXTS)
    }


def write(role, state, made, owed):
    """Write what is there now. Files that are secret leave only their hash."""
    files = [
        {key: value for key, value in entry.items() if key != "content" or not entry["secret"]}
        for entry in state["files"]
    ]
    os.makedirs(FOLDER, 0o700, exist_ok=True)
    document = {"state": dict(state, files=files), "made": sorted(made), "owed": owed}
    paths.write(place(role), json.dumps(document, sort_keys=True).encode())


def remove(role):
    """Forget a measure that is gone."""
    paths.remove(os.path.join(FOLDER, paths.staged(role + ".json")))
    paths.remove(place(role))
    tidy()


def tidy():
    """Remove the folders in which there is nothing any more."""
    for folder in (FOLDER, os.path.dirname(FOLDER)):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def stamp(role):
    """What is another as soon as the manifest was written anew; None where there is none."""
    try:
        found = os.lstat(place(role))
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def roles():
    """The roles that have a manifest here."""
    try:
        return sorted(name[: -len(".json")] for name in os.listdir(FOLDER) if name.endswith(".json") and name[0] != ".")
    except FileNotFoundError:
        return []
