# SPDX-License-Identifier: GPL-3.0-or-later
"""How the observer laid_down looks."""

from __future__ import annotations

import contextlib

from .. import processes
from ..self_check import programs as known_programs
from ..state import files, laying, manifest
from ..state import programs as packaged
from ..state.errors import StateError
from ..state.host import Host
from ._registry import ObservationError, side_by_side

_NOTHING = {"differs": ["it has no manifest here"], "differences": {}, "altered_programs": [], "compared_with": ""}
_WHICH = ("all", "changed")


def laid_down(role, state, programs):
    """Compare one measure."""
    return all_laid_down([{"role": role, "state": state, "programs": programs}])[0]


def all_laid_down(asked):
    """The same of all measures: systemd and dpkg are asked once."""
    if not all(one["programs"] in _WHICH for one in asked):
        raise ObservationError("programs must be one of %s" % ", ".join(_WHICH))
    only_changed = all(one["programs"] == "changed" for one in asked)
    return _with_programs(Host(), [one["state"] or _as_noted(one["role"]) for one in asked], only_changed)


def _with_programs(host, states, only_changed):
    """Compare while dpkg reads the programs."""
    there = [state for state in states if state]

    def compare():
        with contextlib.suppress(StateError):  # each will say so
            host.units([entry["name"] for state in there for entry in state["units"]])
        return [_compared(state, host) if state else dict(_NOTHING) for state in states]

    found, altered = side_by_side(lambda look: look(), [compare, lambda: _altered(there, only_changed)])
    if altered:
        for facts, state in zip(found, states):
            facts["altered_programs"] = _altered([state], only_changed=False) if state else []
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


def _altered(states, only_changed):
    """Programs of their packages that are not as dpkg knows them (dpkg --verify)."""
    packages = sorted({entry["name"] for state in states for entry in state["packages"]})
    if not packages:
        return []
    if not only_changed:
        return _verified(packages)
    now = known_programs.look(packages, packaged.FOLDERS)
    if known_programs.is_known(now):
        return []
    found = _verified(packages)
    if not found:
        known_programs.remember(now)
    return found


def _verified(packages):
    try:
        return packaged.altered(packages)
    except (OSError, processes.subprocess.TimeoutExpired) as error:
        raise ObservationError("dpkg --verify: %s" % error) from error
