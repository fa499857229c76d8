# SPDX-License-Identifier: GPL-3.0-or-later
"""How many different alarms of a host are told: so many an hour, and of the rest their number."""

from __future__ import annotations

_HOUR = 3600
_OPEN_MOST = 200  # of a host


class Floods:
    """Counts, in the memory document (memory.py)."""

    def __init__(self, memory, per_hour):
        self._memory, self._most = memory, per_hour

    def has_room(self, host, now):
        """Whether one more alarm of a host is told."""
        hours, hour = self._memory["hours"], int(now // _HOUR)
        if hours.get(host, {}).get("hour") != hour:
            hours[host] = {"hour": hour, "opened": 0}
        is_open = sum(1 for one in self._memory["incidents"].values() if one["host"] == host)
        if hours[host]["opened"] >= self._most or is_open >= _OPEN_MOST:
            return False
        hours[host]["opened"] += 1
        return True

    def passed(self, now):
        """The hosts that have raised nothing new for a whole hour; they are forgotten."""
        hours = self._memory["hours"]
        found = [host for host, one in hours.items() if now // _HOUR > one["hour"] + 1]
        for host in found:
            del hours[host]
        return found

    def sentence(self, number):
        """What is told of the rest."""
        said = "it raises more than %d different alarms in an hour: of the rest none is told, they were %d by now"
        return said % (self._most, number)
