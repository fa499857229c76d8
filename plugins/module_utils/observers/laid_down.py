# SPDX-License-Identifier: GPL-3.0-or-later
"""How the observer laid_down looks."""

from __future__ import annotations

import contextlib

from .. import processes
from ..state import files, laying, manifest, programs
from ..state.errors import StateError
from ..state.host import Host
from ._registry import ObservationError, side_by_side

_NOTHING = {"differs": ["it has no manifest here"], "differences": {}, "altered_programs": [], "compared_with": ""}


def laid_down(role, state):
    """Compare one measure."""
    return _with_programs(Host(), [state or _as_noted(role)])[0]


def all_laid_down(asked):
    """The same of all measures: systemd and dpkg are asked once."""
    return _with_programs(Host(), [one["state"] or _as_noted(one["role"]) for one in asked])


def _with_programs(host, states):
    """Compare while dpkg reads all programs."""
    there = [state for state in states if state]

    def compare():
        with contextlib.suppress(StateError):  # each will say so
            host.units([entry["name"] for state in there for entry in state["units"]])
        return [_compared(state, host) if state else dict(_NOTHING) for state in states]

    found, altered = side_by_side(lambda look: look(), [compare, lambda: _altered(there)])
    if altered:
        for facts, state in zip(found, states):
            facts["altered_programs"] = _altered([state]) if state else []
    return found


def _as_noted(role):
    """What this host says that the measure is; None where it says nothing that can be used."""
    try:
        known = manifest.read(role)
    except (StateError, OSError):
        return None
    return known and known["state"]


def _compared(state, host):
    differs = laying.look(state, host, inspecting=True)["differs"]
    try:
        found = files.differences(host, state)
        differs += _of_the_manifest(state)
    except (StateError, OSError) as error:
        found, differs = [], [*differs, str(error)]
    shown = {one.entry["path"]: files.shown(one) for one in found}
    return {
        "differs": list(dict.fromkeys(differs)),
        "differences": {path: text for path, text in shown.items() if text},
        "altered_programs": [],
        "compared_with": manifest.digest(state),
    }


def _of_the_manifest(state):
    """What a measure would be put back from must be what it was laid down as."""
    known = manifest.read(state["role"])
    if known is None:
        return []  # said already
    noted = {entry["path"]: entry["sha256"] for entry in known["state"]["files"]}
    wanted = {entry["path"]: entry["sha256"] for entry in state["files"]}
    false = [
        entry["path"]
        for entry in known["state"]["files"]
        if noted.get(entry["path"]) != wanted.get(entry["path"]) or not files.is_whole(entry)
    ]
    return ["its manifest says otherwise of %s" % path for path in sorted({*false, *(set(wanted) - set(noted))})]


def _altered(states):
    """Programs of their packages that are not as dpkg knows them."""
    try:
        return programs.altered({entry["name"] for state in states for entry in state["packages"]})
    except (OSError, processes.subprocess.TimeoutExpired) as error:
        raise ObservationError("dpkg --verify: %s" % error) from error
