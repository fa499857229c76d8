# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be watched of the measures of a host, and whom a change concerns: by their manifests."""

from __future__ import annotations

import fnmatch
import os

from ..state import manifest, programs

UNITS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
)
"""Where units and what is added to them may lie (systemd.unit(5)), each with its folders (C(.d), C(.wants))."""
_ACCOUNTS = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")


class Concerned:
    """Whom changes concern.

    :ivar set roles: measures to compare.
    :ivar set packages: packages whose programs are to be compared with what dpkg knows.
    :ivar bool accounts: the host's accounts changed.
    :ivar bool manifests: what says what was laid down changed.
    """

    def __init__(self):
        self.roles, self.packages, self.accounts, self.manifests = set(), set(), False, False

    def add(self, other):
        """Concern those of another one, too."""
        self.roles |= other.roles
        self.packages |= other.packages
        self.accounts, self.manifests = self.accounts or other.accounts, self.manifests or other.manifests

    def __bool__(self):
        return bool(self.roles or self.packages or self.accounts or self.manifests)


class View:
    """What the manifests say that must be watched.

    :ivar dict units: unit to the measures that have it.
    :ivar list heard: those of them that are to run, or not to run; what a timer starts comes and goes.
    :ivar dict sysctls: setting to its value and the measure.
    :ivar list roles: all measures.
    :ivar list packages: what they installed; C(programs): path to the one of these that brought it.
    """

    def __init__(self, states):
        """:param states: of the measures that are laid down here."""
        states = list(states)
        self.roles = sorted(state["role"] for state in states)
        self.units, self.heard, self.sysctls = {}, [], {}
        self._paths, self._patterns, self._above = {}, [], {}
        self._with_accounts = {state["role"] for state in states if state["accounts"] or state["groups"]}
        for state in states:
            role = state["role"]
            for entry in state["units"]:
                self.units.setdefault(entry["name"], set()).add(role)
                self.heard += (
                    [entry["name"]] if entry["running"] is not None and entry["name"] not in self.heard else []
                )
            for key, value in state["sysctls"].items():
                self.sysctls[key] = (value, role)
            for entry in [*state["files"], *state["folders"]]:
                self._add(entry["path"], role)
            self._patterns += [(pattern, role) for pattern in state["nothing_else_in"]]
        self._with_units = {role for roles in self.units.values() for role in roles}
        self.packages = sorted({entry["name"] for state in states for entry in state["packages"]})
        self.programs = programs.brought_by(self.packages)

    def _add(self, path, role):
        self._paths.setdefault(path, set()).add(role)
        above = os.path.dirname(path)
        while len(above) > 1:
            self._above.setdefault(above, set()).add(role)
            above = os.path.dirname(above)

    def folders(self):
        """The folders in which something may happen that matters: those that are there are to be watched."""
        found = {os.path.dirname(path) for path in [*self._paths, *self.programs, *_ACCOUNTS]}
        found |= {os.path.dirname(pattern) for pattern, _role in self._patterns}
        found |= {manifest.FOLDER, os.path.dirname(manifest.FOLDER)}
        # Where a folder may yet come: its parent tells of it.
        found |= {os.path.dirname(path) for path in [*UNITS, *found] if not os.path.isdir(path)}
        for folder in UNITS:
            found |= {folder, *_within(folder)}
        return {path for path in found if path not in ("", "/")}

    def concerned(self, changes, found=None):
        """Whom they concern.

        :param changes: pairs of folder and name, the name being empty for the folder itself.
        :param Concerned found: what was found before, to which it is added.
        """
        found = found or Concerned()
        for folder, name in changes:
            path = os.path.join(folder, name) if name else folder
            found.roles |= self._paths.get(path, set()) | self._above.get(path, set())
            if not name:
                found.roles |= {role for one, role in self._patterns if os.path.dirname(one) == folder}
            found.roles |= {role for one, role in self._patterns if name and fnmatch.fnmatchcase(path, one)}
            if folder in UNITS or os.path.dirname(folder) in UNITS:
                found.roles |= self._with_units
            if path in self.programs:
                found.packages.add(self.programs[path])
            if path in _ACCOUNTS:
                found.accounts = True
                found.roles |= self._with_accounts
            if folder == manifest.FOLDER or path in (manifest.FOLDER, os.path.dirname(manifest.FOLDER)):
                found.manifests = found.manifests or not name.startswith(".")
        return found

    def of_units(self, told, found=None):
        """Whom it concerns what systemd told: units, or an empty text for all."""
        found = found or Concerned()
        for unit in told:
            found.roles |= self.units.get(unit, set()) if unit else self._with_units
        return found

    def everybody(self):
        """All of it."""
        found = Concerned()
        found.roles, found.accounts, found.manifests = set(self.roles), True, True
        return found


def _within(folder):
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
