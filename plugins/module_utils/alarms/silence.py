# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts have fallen silent: each forwarder speaks once a minute, so that no record is a sign."""

from __future__ import annotations

from . import kinds


class Silence:
    """Looks at when each host was heard last.

    :param store: records.settings.Settings: this collector, and all that send.
    :param float seconds: a host without a record for so long is silent.
    :param float now: who listens since now can't say what was before.
    """

    def __init__(self, store, seconds, now):
        self._own, self._others = store.host, sorted(set(store.hosts) - {store.host})
        self._seconds, self._listening = seconds, now

    def look(self, heard, now, is_open):
        """What begins and what is over.

        The collector's own records come the same way as the others': where they don't, nobody else is to blame.

        :param dict heard: host to when its last record came.
        :param is_open: function of kinds.DEAF or kinds.SILENCE and a host: whether that is known.
        :return: list of (kind, host, when, whether it begins).
        """
        own = max(heard.get(self._own, 0), self._listening)
        is_deaf = is_open(kinds.DEAF, self._own)
        if now - own > self._seconds:
            return [] if is_deaf else [(kinds.DEAF, self._own, own, True)]
        found = []
        if is_deaf:
            self._listening = now
            found.append((kinds.DEAF, self._own, now, False))
        for host in self._others:
            at = heard.get(host, 0)
            is_silent = now - max(at, self._listening) > self._seconds
            if is_silent and not is_open(kinds.SILENCE, host):
                found.append((kinds.SILENCE, host, at or self._listening, True))
            elif now - at <= self._seconds and is_open(kinds.SILENCE, host):
                found.append((kinds.SILENCE, host, at, False))
        return found

    def sentence(self, kind):
        """What is told of it."""
        if kind is kinds.DEAF:
            return "no record comes in here, not even of this collector itself"
        return "no record of it has come for more than %d s" % self._seconds
