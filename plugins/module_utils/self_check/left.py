# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks that the apply left on this host (C(plugin_utils/left_checks.py) on the controller writes them)."""

from __future__ import annotations

import hashlib
import json
import re
from typing import NamedTuple

from ..state import paths
from ..state.errors import StateError

FILE = "/var/lib/order82/checks.json"
WAIVERS = "/var/lib/order82/waivers.json"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class LeftError(Exception):
    """They can't be used: one sentence."""


class Entry(NamedTuple):
    """A check. C(observe) is None where it is not asked, and C(left_out) or C(problem) says why."""

    id: str
    observe: dict | None
    expect: dict
    severity: str
    left_out: str
    problem: str


class Left(NamedTuple):
    """C(entries): all checks of this host; C(digest): SHA-256 of the file."""

    entries: tuple
    digest: str

    def asked(self):
        """Those that a self-check asks for."""
        return [one for one in self.entries if one.observe is not None]


def read():
    """Read them.

    :raises LeftError: there is no such file, or somebody else than root could write it, or it is not what an apply
        leaves there. Nothing to ask is not well: 0 of 0 checks would all be passed.
    """
    try:
        with paths.parent(FILE) as (descriptor, name):
            found = paths.read(descriptor, name, FILE)
    except (StateError, OSError) as error:
        raise LeftError("%s can't be read: %s" % (FILE, error)) from error
    if found is None:
        raise LeftError("%s is missing: apply the role measure_watch" % FILE)
    text, about = found
    if about.st_uid or about.st_mode & 0o022:
        raise LeftError("%s can be written by others than root: apply the role measure_watch" % FILE)
    try:
        document = json.loads(text)
        entries = tuple(_entry(one) for one in document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LeftError("%s is damaged (%s): apply the role measure_watch" % (FILE, error)) from error
    left = Left(entries, hashlib.sha256(text).hexdigest())
    if not left.asked():
        raise LeftError("%s asks for nothing: apply the role measure_watch" % FILE)
    names = [one.id for one in entries]
    if len(set(names)) != len(names):
        raise LeftError("%s has a check twice: apply the role measure_watch" % FILE)
    return left


def waived():
    """The checks of which the site accepts that they fail here, each with the last day (UTC) of that.

    Where the file is not what an apply leaves nothing is accepted, and there are more alarms, not fewer.
    """
    try:
        with paths.parent(WAIVERS) as (descriptor, name):
            found = paths.read(descriptor, name, WAIVERS)
        if found is None or found[1].st_uid or found[1].st_mode & 0o022:
            return {}
        return {check: day for check, day in json.loads(found[0]).items() if _DAY.fullmatch(str(day))}
    except (StateError, OSError, ValueError, AttributeError, RecursionError):
        return {}


def _entry(one):
    entry = Entry(
        str(one["id"]),
        one.get("observe"),
        one.get("expect") or {},
        str(one.get("severity", "")),
        str(one.get("left_out", "")),
        str(one.get("problem", "")),
    )
    if entry.observe is None:
        if not entry.left_out and not entry.problem:
            raise ValueError("%s is neither asked for nor left out" % entry.id)
    elif (
        not isinstance(entry.observe, dict)
        or not isinstance(entry.expect, dict)
        or not entry.expect
        or not all(isinstance(one, dict) and one for one in entry.expect.values())
    ):
        raise ValueError("%s expects nothing" % entry.id)
    return entry
