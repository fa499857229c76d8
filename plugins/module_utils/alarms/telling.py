# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the notices to the receivers: what is not taken is sent again, with pauses that grow, until it is.

One message has the notices of one host. What a server refuses to take, for what a host said in it, holds up nothing of
the others.
"""

from __future__ import annotations

import hashlib
import sys

from . import incidents, kinds, ways

PAUSES = (5, 10, 20, 40, 80, 160, 300)
"""Seconds."""
SAID_AFTER = 600
"""Seconds after which it is an alarm of its own that a receiver takes nothing."""


class Teller:
    """Tells, and keeps in the memory document what came of it.

    :param save: function that saves the memory: nothing is sent again after a kill but what was under way.
    :param send: ways.send.
    """

    def __init__(self, book, settings, collector, save, send=ways.send):
        self._book, self._settings, self._collector = book, settings, collector
        self._save, self._send = save, send
        self._known = book.memory["receivers"]
        for receiver in settings.receivers:
            self._ready(receiver)
        names = {one.name for one in settings.receivers}
        for name in [name for name in self._known if name not in names]:
            del self._known[name]

    def tell(self, now):
        """Send what is due, to those that took the last one first."""
        for receiver in sorted(self._settings.receivers, key=lambda one: self._known[one.name]["failing"] > 0):
            known = self._known[receiver.name]
            due = self._book.due(receiver.name, now, known["failing"] > 0)
            # A clock that was set back holds nothing up.
            if due and not 0 < known["next"] - now <= PAUSES[-1]:
                self._tell(receiver, known, _groups(due), now)
            self._say(receiver, known, now)

    def test(self, now):
        """Send a test to each receiver at once, whatever waits.

        :return: dict: receiver to a sentence why it was not taken; empty where it was.
        """
        said = {}
        for receiver in self._settings.receivers:
            notice = self._book.test_notice(now, {})
            try:
                said[receiver.name] = self._send(receiver, self._message([notice]))
            except (ways.RefusedError, ways.UnreachableError) as error:
                said[receiver.name] = str(error)
                self._known[receiver.name]["failed"] += 1
            else:
                self._accepted(self._known[receiver.name], said[receiver.name], now)
        self._save()
        return said

    def _tell(self, receiver, known, groups, now):
        for notices in groups:
            try:
                partly = self._send(receiver, self._message(notices))
            except ways.UnreachableError as error:
                self._failed(known, str(error), now)
                self._save()
                return
            except ways.RefusedError as error:
                self._failed(known, str(error), now, waits=False)
                for one in notices:
                    pause = one["pause"].get(receiver.name, 0)
                    one["pause"][receiver.name] = min(pause + 1, len(PAUSES) - 1)
                    one["to"][receiver.name] = now + PAUSES[pause]
                self._save()
                continue
            self._accepted(known, partly, now)
            for one in notices:
                self._book.took(one, receiver.name)
            self._save()
            for one in notices:
                said = incidents.told(one, receiver.name)
                if said:
                    _say("<5>" + said)

    def _message(self, notices):
        names = "".join("%(key)s %(event)s %(since)s " % one for one in notices)
        identity = hashlib.sha256(names.encode("utf-8")).hexdigest()[:16]
        return ways.Message(identity, self._settings.unit, self._collector, notices)

    def _accepted(self, known, partly, now):
        known.update(accepted=now, delivered=known["delivered"] + 1, pauses=0, next=0)
        # Where a notice was refused for itself, it is still to be taken.
        if partly:
            known.update(error=partly, failing=known["failing"] or now)
        else:
            known.update(error="", failing=0)

    def _failed(self, known, error, now, waits=True):
        pause = PAUSES[min(known["pauses"], len(PAUSES) - 1)]
        known.update(failed=known["failed"] + 1, error=error, failing=known["failing"] or now)
        if waits:
            known.update(pauses=known["pauses"] + 1, next=now + pause)

    def _say(self, receiver, known, now):
        """That somebody is not reached is an alarm, once, which the other collector hears."""
        if known["failing"] and not known["said"] and now - known["failing"] >= SAID_AFTER:
            known["said"] = True
            _say("<2>alarm: alarms do not reach %s: %s" % (receiver.name, known["error"]))
        elif known["said"] and not known["failing"]:
            known["said"] = False
            _say("<5>alarm over: alarms reach %s again" % receiver.name)

    def _ready(self, receiver):
        """What is known of a receiver; nothing, where it is another one of the same name now."""
        try:
            digest = receiver.digest()
        except OSError:
            digest = ""  # sending says so
        known = self._known.get(receiver.name, {})
        if known.get("digest") != digest:
            self._known[receiver.name] = {"digest": digest, "accepted": 0, "delivered": 0, "failed": 0, "error": "",
                                          "failing": 0, "pauses": 0, "next": 0, "said": False}  # fmt: skip
        else:
            known["next"] = 0  # a start is a reason to try


def _groups(notices):
    """By host; what this collector says of silent hosts is one."""
    found = {}
    for one in notices:
        is_silence = one["kind"] == kinds.SILENCE.name
        found.setdefault("" if is_silence else one["host"], []).append(one)
    return list(found.values())


def _say(line):
    # systemd reads the priority (sd-daemon(3)); the journal takes it to both collectors.
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
