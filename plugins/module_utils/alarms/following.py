# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow the records of class C(measure_state) of a collector, and hear what in them is an alarm, or was told.

An alarm is only what the journal vouches for as the program C(order82) (sources.py). So a host raises alarms under its
own name alone, which its certificate gave, and an account on it raises none.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
from typing import NamedTuple

from ..records import line as record_line
from ..records import reading, sources
from ..records import store as record_store

CLASS = "measure_state"
PROGRAM = "order82"
ALARM, OVER, TOLD = "alarm", "over", "told"
_SIGN = re.compile(rb"\] (?:alarm: |alarm over: |told [0-9a-f]{16} )")
_BEGINS = ((OVER, "alarm over: "), (ALARM, "alarm: "), (TOLD, "told "))
_AT_ONCE = 4 << 20
"""Bytes of a host in one pass: who writes without end holds up nobody else."""
_SETTLED = 15 * 60
"""Seconds after a day's end after which nothing comes into it any more."""
_KEPT = 300
"""Records of a host that are known again when a forwarder sends them twice, as it does after a restart."""
_DAY_SECONDS = 86400


class Heard(NamedTuple):
    """A word in a record.

    :ivar str host: under whose name it is filed.
    :ivar float at: when it was said, by the host's clock; seconds since 1970.
    :ivar float stored: when it came, by the collector's.
    :ivar str word: ALARM, OVER or TOLD.
    :ivar str text: what follows it.
    """

    host: str
    at: float
    stored: float
    word: str
    text: str


class Follower:
    """Reads on from where it was.

    :ivar dict heard: host to when its last record came, as far as it was seen; seconds since 1970.
    :ivar bool behind: there is more to read at once.
    """

    def __init__(self, settings, memory):
        """
        :param settings: records.settings.Settings.
        :param dict memory: see memory.py; places and what was seen are kept in it.
        """
        self._store, self._hosts, self._memory = settings.store, frozenset(settings.hosts), memory
        self._read_whole = set()  # sealed files, which do not change
        self.heard, self.behind = {}, False

    def read(self, now):
        """What was said since the last time, in the order of days and hosts.

        :param float now: seconds since 1970. At the very beginning it begins with the day.
        :return: list of Heard.
        """
        places = self._memory["places"]
        today = record_store.today(now)
        first = _day(places["first"]) or today
        found, self.behind = [], False
        for day in record_store.days(self._store, CLASS):
            if day >= first:
                whole = self._read_day(day, found)
                if whole and now > _end(day) + _SETTLED:
                    first = max(first, day + datetime.timedelta(days=1))
                self.behind |= not whole
        places["first"] = first.isoformat()
        places["at"] = {name: at for name, at in places["at"].items() if name[:10] >= places["first"]}
        self._read_whole = {name for name in self._read_whole if name[:10] >= places["first"]}
        self._memory["seen"] = {host: kept for host, kept in self._memory["seen"].items() if host in self._hosts}
        return found

    def _read_day(self, day, found):
        """Read on in the files of a day; whether all that is there was read."""
        whole = True
        try:
            paths = record_store.files(record_store.folder(self._store, CLASS, day))
        except OSError:
            return True  # purged, or nobody's to read: the inspection says so
        for path in paths:
            host = record_store.host_of(path)
            if host in self._hosts:
                whole &= self._read_file("%s/%s" % (day, host), path, host, found)
        return whole

    def _read_file(self, name, path, host, found):
        at = self._memory["places"]["at"]
        begin = at.get(name, 0)
        try:
            seen = os.lstat(path)
            size, moment = seen.st_size, seen.st_mtime
        except FileNotFoundError:
            if name in self._read_whole:
                return True
            size, moment = reading.size(path), 0
        if size and moment > self.heard.get(host, 0):
            self.heard[host] = moment
        if size <= begin:
            if not moment:
                self._read_whole.add(name)
            return True
        end = min(size, begin + _AT_ONCE)
        try:
            with reading.DayFile(path) as file:
                for one in file.lines(begin, end):
                    begin += len(one) + 1
                    if _SIGN.search(one):
                        self._hear(host, one.decode("utf-8", "surrogateescape"), found)
        except OSError:
            begin = end  # damaged: whoever verifies the day says so
        if begin == at.get(name, 0) and end - begin >= _AT_ONCE:
            begin = end  # a line without end is none
        at[name] = begin
        self._memory["read"] = max(self._memory["read"], moment)
        return begin >= size or end == size

    def _hear(self, host, text, found):
        record = record_line.parse(text)
        if record is None or record.app != PROGRAM or record.sent.get("claims") or "unit" not in record.sent:
            return
        if not sources.vouched(CLASS, PROGRAM, record.sent):
            return
        for word, begins in _BEGINS:
            if record.message.startswith(begins):
                if word != TOLD and self._known(host, text):
                    return
                stored = _seconds(record.stored.get("at", "")) or self.heard.get(host, 0)
                at = _seconds(record.time)
                # A clock in 1970 or 2090 says nothing.
                at = at if abs(at - stored) < _DAY_SECONDS else stored
                found.append(Heard(host, at, stored, word, record.message[len(begins) :]))
                return

    def _known(self, host, text):
        identity = record_line.identity(text).encode("utf-8", "surrogateescape")
        name = hashlib.sha256(identity).hexdigest()[:16]
        kept = self._memory["seen"].setdefault(host, [])
        if name in kept:
            return True
        kept.append(name)
        del kept[:-_KEPT]
        return False


def _day(text):
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None


def _end(day):
    end = datetime.datetime.combine(day, datetime.time(), datetime.timezone.utc) + datetime.timedelta(days=1)
    return end.timestamp()


def _seconds(text):
    """Seconds since 1970 of a time of RFC 3339; 0 where it is none."""
    try:
        at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return 0.0
    return at.timestamp() if at.tzinfo else 0.0
