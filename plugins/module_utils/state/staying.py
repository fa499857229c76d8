# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether systemd's services stay up once they were started, and what they said where they did not."""

from __future__ import annotations

import time

from .errors import StateError
from .host import run

RUNS = ("active", "reloading", "activating", "refreshing")
_RESTARTS = ("auto-restart", "auto-restart-queued")
_STAYS_SECONDS = 3
"""So long is looked at most whether a service that was started comes to rest; what reads for longer goes on to."""
_AGAIN_SECONDS = 15
"""So long after it fell a service has to come back: what it wanted may be there by then."""
_LOOK_SECONDS = 0.05
_RESTING_LOOKS = 3
_WORDS = 10
"""So many of a unit's last lines are said when it does not start."""


def fell(properties):
    """Whether a service's program ended badly and did not come back yet, be it that systemd will start it again."""
    is_down = properties["ActiveState"] == "failed" or properties["SubState"] in _RESTARTS
    return is_down and properties["Result"] != "success"


class Started:
    """What is seen of one service after its start, look by look.

    :ivar bool falls: it fell for good, or a second time.
    :ivar bool fell: it fell.
    :ivar bool rests: its program waits, as one does that has read what it needs.
    """

    def __init__(self):
        self.falls = self.fell = self.rests = False
        self._is_down, self._seen, self._idle = False, None, 0

    def look(self, properties, work):
        """See what it is at now.

        :param properties: as C(Host.units) gives them.
        :param work: of its program, as L(work) gives it.
        """
        is_down = fell(properties)
        self.falls = properties["SubState"] == "failed" or (self.fell and is_down and not self._is_down)
        self.fell, self._is_down = self.fell or is_down, is_down
        self._idle = self._idle + 1 if work is not None and work == self._seen else 0
        idle = properties["MainPID"] in ("", "0") or self._idle >= _RESTING_LOOKS
        self.rests = properties["ActiveState"] in ("active", "reloading", "refreshing") and idle
        self._seen = work


def work(pid):
    """A process and the time of the processors that it has taken; None while it works, or where there is none.

    :param str pid: its number.
    """
    try:
        with open("/proc/%s/stat" % pid, encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return (pid, fields[11], fields[12]) if fields[0] in "SI" else None


def see_that_they_stay(host, names):
    """Look at services that were just started until all have come to rest, or one falls.

    :raises StateError: it fell, was started by systemd once more, and fell again; its last lines are said.
    """
    waiting, until = {name: Started() for name in names}, time.monotonic() + _STAYS_SECONDS
    while waiting:
        host.forget()
        for name, properties in host.units(list(waiting)).items():
            one, had_fallen = waiting[name], waiting[name].fell
            one.look(properties, work(properties["MainPID"]))
            is_late = time.monotonic() > until
            if one.falls or (is_late and fell(properties)):
                raise StateError("%s does not stay (%s):\n%s" % (name, properties["Result"], last_words(name)))
            if one.fell and not had_fallen:
                until = time.monotonic() + _AGAIN_SECONDS
            elif one.rests or is_late:
                del waiting[name]
        if waiting:
            time.sleep(_LOOK_SECONDS)


def refuse_fallen(host, names):
    """Stop with an error where a unit does not run, though systemctl says that all went well.

    A service of the simple kind counts as started before it has read its configuration, and one of which a condition
    does not hold is left out.
    """
    for name, properties in host.units(names).items():
        if properties["ActiveState"] not in RUNS:
            raise StateError("%s does not run:\n%s" % (name, last_words(name)))


def last_words(name):
    """The last lines that a unit wrote, those of systemd about it among them."""
    lines = run(["journalctl", "--unit", name, "--lines", str(_WORDS), "--no-pager", "--output", "cat"], ok=(0, 1))
    return lines.strip() or "(it said nothing)"
