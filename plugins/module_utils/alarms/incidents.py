# SPDX-License-Identifier: GPL-3.0-or-later
"""From words to incidents, and from incidents to what is to be told, to whom and when.

An incident is a host and what is wrong with it. It is told when it is opened, again while it stays open, and when it is
over. Each collector knows all of them; the first one tells at once, and the next one only what the first one has not
said to have told (C(told KEY EVENT SINCE to RECEIVER), a record of C(measure_state)) by then.

An alarm of a collector itself is told first by another one, and that it told of its own nobody takes its word for. And
who tells of an incident first changes with each reminder, so that one that only says so is noticed within a day.
"""

from __future__ import annotations

import hashlib
import re

from . import floods, following, kinds, silence, turns

OPENED, OVER, REMINDER, TEST = "opened", "over", "reminder", "test"
_HOUR = 3600
_SAME = 120
"""Seconds by which two collectors may see the same thing begin at other times."""
_TOLD = re.compile(r"([0-9a-f]{16}) ([a-z]+-?\d*) (\d{1,12}) to ([A-Za-z0-9-]{1,40})")
_TOLD_DAYS, _TOLD_MOST = 8, 20000
_FAR = 3600
_DOUBT = 300


class Book:
    """All incidents, and what is still to be told of them: in the memory document (memory.py), which it changes.

    :ivar bool changed: something is to be saved.
    """

    def __init__(self, memory, settings, store, now):
        """
        :param settings: settings.Settings.
        :param store: records.settings.Settings: this collector, all of them in their order, and all that send.
        """
        self.memory, self._settings, self._host = memory, settings, store.host
        self._turns = turns.Turns(store, settings.second)
        self._floods = floods.Floods(memory, settings.per_hour)
        self._hosts, self._silence = frozenset(store.hosts), silence.Silence(store, settings.silence, now)
        self._names = {one.name for one in settings.receivers}
        self.changed = False
        for key in [key for key, one in memory["incidents"].items() if one["host"] not in self._hosts]:
            del memory["incidents"][key]
        for one in memory["notices"]:
            one["to"] = {name: due for name, due in one["to"].items() if name in self._names}
        self._drop_told_notices()

    def hear(self, heard, now):
        """Take a word of a host."""
        if heard.word == following.TOLD:
            self._hear_told(heard, now)
            return
        self.changed = True
        kind, subject = kinds.of(heard.text)
        host, key = heard.host, _key(heard.host, kind.name, subject)
        if kind.about and host in self._turns.all and subject.split(" ")[0] in self._hosts:
            host, key = subject.split(" ")[0], _key("", kind.name, subject)
        if heard.word == following.OVER:
            self._close(key, heard.at, now)
            return
        known = self.memory["incidents"].get(key)
        if known:
            known.update(what=kinds.clean(heard.text), last=max(known["last"], heard.stored), count=known["count"] + 1)
            known.update(by=heard.host)
        elif self._floods.has_room(heard.host, now):
            what = kinds.clean(heard.text)
            self._open(key, host, kind, what, since=heard.at, stored=heard.stored, now=now, by=heard.host)
        else:
            self._count(heard.host, now)

    def sweep(self, heard, now):
        """What time brings: silence, what is not said any more, reminders, tests.

        :param dict heard: host to when its last record came.
        """
        self._watch_silence(heard, now)
        for key, one in list(self.memory["incidents"].items()):
            kind = kinds.named(one["kind"])
            # A host that is silent has not stopped saying it.
            if heard.get(one["by"], 0) - one["last"] > kind.quiet and kind not in (kinds.SILENCE, kinds.DEAF):
                self._close(key, one["last"], now, tells=kind.ends == kinds.REPEATS or kind is kinds.FLOOD)
            elif kind.ends != kinds.EVENT and now - one["reminded"] >= self._settings.remind:
                one.update(reminded=now, reminders=one["reminders"] + 1)
                self._tell(key, one, "%s-%d" % (REMINDER, one["reminders"]), now, turn=one["reminders"])
        for host in self._floods.passed(now):
            self._close(_key(host, kinds.FLOOD.name, ""), now, now)
        self._test(now)

    def close(self, key, now):
        """A person says that it is over.

        :raises ValueError: no such incident is open.
        """
        if key not in self.memory["incidents"]:
            raise ValueError("no incident %s is open here: order82 alarms list" % kinds.clean(key, 40))
        self._close(key, now, now)

    def took(self, notice, receiver):
        """A receiver has taken it."""
        notice["to"].pop(receiver, None)
        self.changed = True
        self._drop_told_notices()

    def pending(self, receiver):
        """The notices that this receiver has not taken, the oldest first."""
        return [one for one in self.memory["notices"] if receiver in one["to"]]

    def due(self, receiver, now, is_failing):
        """Those of them whose time has come, and which no other collector tells just now (turns.py).

        A clock that was set back holds nothing up.
        """
        is_turn = self._turns.is_own(now)
        return [
            one
            for one in self.pending(receiver)
            if not 0 < one["to"][receiver] - now <= _FAR
            and (is_turn or one["event"] == TEST or (one["place"] == 0 and not is_failing))
        ]

    def _open(self, key, host, kind, what, *, since, stored, now, by=""):
        one = {"host": host, "kind": kind.name, "what": what, "since": int(since), "last": stored, "count": 1}
        one.update(by=by or self._host, reminded=now, reminders=0)
        self.memory["incidents"][key] = one
        # What comes long after it was said, another collector may have told; what is seen here and now, none.
        self._tell(key, one, OPENED, now, is_late=bool(by) and now - since > 2 * self._settings.second + _SAME)
        self.changed = True

    def _close(self, key, at, now, tells=True):
        one = self.memory["incidents"].pop(key, None)
        self.changed = True
        if one is None:
            return
        waiting = [notice for notice in self.memory["notices"] if notice["key"] == key and notice["event"] != OVER]
        if tells:
            self._tell(key, one, OVER, now, until=max(int(at), one["since"]))
            # Who has not been told that it began need only be told that it was.
            self.memory["notices"] = [notice for notice in self.memory["notices"] if notice not in waiting]

    def _tell(self, key, one, event, now, *, until=None, turn=0, is_late=False):
        kind = kinds.named(one["kind"])
        place = self._turns.place(one["host"], turn) + is_late * (len(self._turns.all) - 1)
        due = now + self._settings.second * place
        rank = kinds.SEVERITIES.index(kind.severity)
        notice = {name: one[name] for name in ("host", "kind", "what", "since", "count", "by")}
        notice.update(key=key, event=event, until=until, at=now, place=place, pause={}, to={})
        for receiver in self._settings.receivers:
            if kinds.SEVERITIES.index(receiver.minimum) <= rank and not self._was_told(notice, receiver.name):
                notice["to"][receiver.name] = due
        if notice["to"]:
            self.memory["notices"].append(notice)

    def _count(self, host, now):
        """One alarm more of a host than are told."""
        key = _key(host, kinds.FLOOD.name, "")
        known = self.memory["incidents"].get(key)
        if known is None:
            self._open(key, host, kinds.FLOOD, self._floods.sentence(1), since=now, stored=now, now=now)
            return
        known.update(what=self._floods.sentence(known["count"] + 1), last=now, count=known["count"] + 1)
        for notice in self.memory["notices"]:
            if notice["key"] == key:
                notice["what"] = known["what"]

    def _watch_silence(self, heard, now):
        def is_open(kind, host):
            return _key(host, kind.name, "") in self.memory["incidents"]

        for kind, host, at, begins in self._silence.look(heard, now, is_open):
            key = _key(host, kind.name, "")
            if begins:
                self._open(key, host, kind, self._silence.sentence(kind), since=at, stored=now, now=now)
            else:
                self._close(key, at, now)

    def _test(self, now):
        """Who is new, or took nothing for long, gets a test: who hears nothing can't tell quiet from deaf."""
        for receiver in self._settings.receivers:
            known = self.memory["receivers"].get(receiver.name, {})
            waits = any(one["event"] == TEST for one in self.pending(receiver.name))
            is_long_ago = now - known.get("accepted", 0) >= self._settings.test
            # Where another collector told what this one could not, it does not know yet whether it can again.
            is_doubtful = 0 < known.get("failing", 0) <= now - _DOUBT
            if (not self.pending(receiver.name) and is_doubtful) or (not waits and is_long_ago):
                self.memory["notices"].append(self.test_notice(now, {receiver.name: now}))
                self.changed = True

    def test_notice(self, now, to):
        """A notice that is a test.

        :param dict to: receiver to when.
        """
        what = "a test of the alarms of the collector %s: nothing is wrong" % self._host
        key = _key(self._host, kinds.TEST.name, str(now))
        one = {"host": self._host, "kind": kinds.TEST.name, "what": what, "since": int(now), "count": 1}
        return {
            **one,
            "by": self._host,
            "key": key,
            "event": TEST,
            "until": None,
            "at": now,
            "place": 0,
            "pause": {},
            "to": to,
        }

    def _hear_told(self, heard, now):
        said = _TOLD.fullmatch(heard.text)
        if not said or heard.host == self._host or heard.host not in self._turns.all:
            return
        self.changed = True
        key, event, since, receiver = said.groups()
        told = self.memory["told"]
        told["%s %s %s" % (key, event, receiver)] = [int(since), heard.host, now]
        for name in [name for name, one in told.items() if now - one[2] > _TOLD_DAYS * 24 * _HOUR]:
            del told[name]
        while len(told) > _TOLD_MOST:
            del told[next(iter(told))]
        for notice in self.memory["notices"]:
            if notice["key"] == key and receiver in notice["to"] and self._was_told(notice, receiver):
                del notice["to"][receiver]
        self._drop_told_notices()

    def _was_told(self, notice, receiver):
        told = self.memory["told"].get("%s %s %s" % (notice["key"], notice["event"], receiver))
        return told is not None and abs(told[0] - notice["since"]) <= _SAME and told[1] != notice["host"]

    def _drop_told_notices(self):
        self.memory["notices"] = [one for one in self.memory["notices"] if one["to"]]


def told(notice, receiver):
    """The record that says so; none of a test."""
    if notice["event"] == TEST:
        return ""
    return "told %s %s %d to %s" % (notice["key"], notice["event"], notice["since"], receiver)


def _key(host, kind, subject):
    said = "\0".join((host, kind, subject)).encode("utf-8", "surrogateescape")
    return hashlib.sha256(said).hexdigest()[:16]
