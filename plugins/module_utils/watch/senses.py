# SPDX-License-Identifier: GPL-3.0-or-later
"""What tells that something happened: the kernel of folders and rules, systemd of units, and looks of our own.

Each may fail, and is tried again later; what it would have told is looked for at shorter intervals meanwhile.
"""

from __future__ import annotations

import select
import time

from ..state import kernel
from . import netfilter, standstill
from .bus import Bus, BusError
from .folders import Folders

AGAIN_SECONDS = 30
_FLOOD, _FLOOD_SECONDS = 1000, 1
"""After so many events at once others come first: who writes without end costs no more than that."""


class Senses:
    """C(lacking): what can't be heard of, in words."""

    def __init__(self):
        self.folders = Folders()
        self._bus = self._rules = None
        self._units, self._again, self._deaf_until = [], 0, 0
        self.groups = {}
        self._troubles = {}

    @property
    def hears_units(self):
        """Whether systemd tells."""
        return self._bus is not None

    @property
    def lacking(self):
        """What is not watched, as sentences."""
        said = ["%s: %s" % pair for pair in sorted(self.folders.unwatched.items())]
        return said + sorted(self._troubles.values())

    def tune(self, view):
        """Watch what a view asks for."""
        wanted = view.folders()
        self.folders.keep(wanted)
        for folder in sorted(wanted):
            self.folders.add(folder)
        if sorted(view.heard) != self._units:
            self._units, self._again = sorted(view.heard), 0
            if self._bus is not None:
                self._bus.close()
                self._bus = None

    def listen(self, now):
        """Connect what is not connected.

        :param float now: of the clock that only goes forward.
        :return: bool: a sense came back, so that everything is to be looked at once.
        """
        if now < self._again or (self._bus is not None and self._rules is not None):
            return False
        self._again = now + AGAIN_SECONDS
        came = False
        if self._bus is None:
            try:
                self._bus = Bus(self._units)
                came = True
                self._troubles.pop("bus", None)
            except BusError as error:
                self._troubles["bus"] = str(error)
        if self._rules is None:
            try:
                self._rules = netfilter.Rules()
                came = True
                self._troubles.pop("rules", None)
            except OSError as error:
                self._troubles["rules"] = "the kernel does not tell of its rules: %s" % error
        return came

    def wait(self, seconds, jobs=()):
        """Wait until something is told, and give it back.

        :param jobs: what else to wait for.
        :return: tuple: changes in folders, bool that more of them happened, units that systemd told of, bool that rules
            changed, and list of the jobs of which there is something to hear.
        """
        now = time.monotonic()
        hears_folders = now >= self._deaf_until
        waiting = [one for one in (self._bus, self._rules, self.folders if hears_folders else None) if one is not None]
        if not hears_folders:
            seconds = min(seconds, self._deaf_until - now)
        ready, _w, _x = select.select([*waiting, *jobs], [], [], max(0, seconds))
        changes, overflow, units, rules = set(), False, set(), False
        if self.folders in ready:
            changes, overflow = self.folders.read()
            if overflow or self.folders.last >= _FLOOD:
                self._deaf_until = now + _FLOOD_SECONDS
        if self._bus in ready:
            try:
                units = self._bus.read()
            except (BusError, ValueError) as error:
                self._bus.close()
                self._bus, self._again = None, now + 1
                self._troubles["bus"] = str(error)
                units = {""}
        if self._rules in ready:
            rules = self._rules.read()
        return changes, overflow, units, rules, [job for job in jobs if job in ready]

    def glance(self, sysctls):
        """Look at what nobody tells of.

        :param dict sysctls: setting to its value and the measure.
        :return: tuple: measures whose settings are otherwise, and units whose programs stand still.
        """
        roles = {role for key, (value, role) in sysctls.items() if kernel.value_of(key) != value.split()}
        folders = {name: standstill.place(group) for name, group in self.groups.items()}
        return roles, {name for name, folder in folders.items() if folder and standstill.of(folder)}
