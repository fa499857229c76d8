# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of several collectors tells, so that one of them does and not all.

The first one tells at once. What another one may be telling, too, since it was to tell it first or could not be told
before, is told by turns of the clock: each has as many seconds as the next one waits for it, and in the last of them it
begins nothing more, so that its word has come before the next one's turn.
"""

from __future__ import annotations

_OF_TURN = 0.75


class Turns:
    """The order of the collectors.

    :param store: records.settings.Settings: this collector, and all of them in their order.
    :param float second: seconds.
    """

    def __init__(self, store, second):
        self._own, self._second = store.host, second
        self.all = [*store.collectors, *([] if store.host in store.collectors else [store.host])]

    def place(self, host, number):
        """How many collectors tell of a host before this one; a collector itself is the last to tell of itself.

        :param int number: of the reminder, since each begins with another collector; 0 is none.
        """
        order = [one for one in self.all if one != host]
        number %= max(1, len(order))
        order = order[number:] + order[:number] + ([host] if host in self.all else [])
        return order.index(self._own)

    def is_own(self, now):
        """Whether it is this collector's turn."""
        is_own = self.all[int(now // self._second) % len(self.all)] == self._own
        return len(self.all) == 1 or (is_own and now % self._second <= _OF_TURN * self._second)
