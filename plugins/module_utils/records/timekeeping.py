# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the clock can be right, asked before a day is sealed, and more sternly before one is purged.

A clock that is ahead closes the day that is going on, and makes all of them old enough to be deleted. So each minute
the clock is held to what the kernel has counted meanwhile (proc_uptime(5), which no setting of the clock moves); over
a start of the machine, to the last moment that was known. Where it is further, it has jumped, and nothing is sealed
until somebody who knows the time says that it is right: chronyd, when it has measured since, or another collector, by
the times in the records that it sends. What a collector says can only hold up a purge: where nothing has jumped, or
for more than a day, its word alone stops no seal.
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import time
from typing import NamedTuple

from .. import chrony, processes
from . import line as record_line
from . import reading
from . import store as record_store
from . import words as said_words

MEMORY = "/var/lib/order82-records/clock.json"
"""Of the last minute: it outlives a start of the machine."""
JUMP_SECONDS = 300
"""What is sealed early by so much has lost nothing: a day is sealed five minutes after its end."""
LONGEST_SECONDS = 86400
"""A jump that nobody says is wrong but another collector, or that nobody knows anything of, holds up seals so long."""
STEP_SECONDS = 1
_FRESH_SECONDS = 300  # each host speaks every 60 s
_MEASURED_SECONDS = 3900  # chronyd asks its sources every 1024 s at the latest (maxpoll 10): three in a row may fail
_TAIL_BYTES = 256 << 10
_BOOT = "/proc/sys/kernel/random/boot_id"


class Word(NamedTuple):
    """What somebody says of the clock: that it is right, that it is wrong, or nothing (None); C(what) in words."""

    who: str
    right: bool | None
    what: str


class Timekeeping:
    """One look at the clock.

    :ivar list said: what is to be on record: steps of the clock, and that one is believed.
    """

    def __init__(self, settings, now, memory):
        """Go on from the memory of the last look.

        :param float now: seconds since 1970.
        :param dict memory: see L(look); empty where there is none.
        """
        self._settings, self._now, self.said = settings, now, []
        self._words = {}
        boot, self._offset = running()
        self._trusted, self._last, self._began, self._stepped = self._go_on(memory, boot)
        self.memory = {"store": settings.store, "boot": boot}
        if self._last is not None and abs(self._offset - self._last) >= STEP_SECONDS:
            self.said.append("the clock stepped by %+.1f s" % (self._offset - self._last))
            self._stepped = self._counted
        # Back is believed at once: it seals and deletes less.
        self._trusted = min(self._trusted, self._offset)
        self._jump()
        self.memory.update(
            trusted=self._trusted,
            last=self._offset,
            real=self._trusted + self._counted,
            began=self._began,
            stepped=self._stepped,
        )

    @property
    def _counted(self):
        """What the kernel has counted since the machine was started."""
        return self._now - self._offset

    @property
    def ahead(self):
        """By how many seconds it is further than it may be by what was counted; 0 where that has been explained."""
        return self._offset - self._trusted

    def against_sealing(self):
        """Why no day may be sealed now; empty where one may."""
        if self.ahead > JUMP_SECONDS:
            return "the clock is %.0f s further than this machine has counted: %s" % (self.ahead, self._in_words())
        word = self._chronyd()
        return "the clock is wrong: chronyd %s" % word.what if word.right is False else ""

    def against_purging(self):
        """Why no day may be purged now; empty where one may."""
        against = self.against_sealing()
        if against:
            return against
        heard = self._others()
        if not self._chronyd().right or any(word.right is False for word in heard):
            return "not everybody says that the clock is right: " + self._in_words()
        if heard and not any(word.right for word in heard):
            return "no other collector says that the clock is right: " + self._in_words()
        return ""

    def words(self):
        """What is said of the clock by all who can be asked.

        :return: list of Word, chronyd's first.
        """
        return [self._chronyd(), *self._others()]

    def _go_on(self, memory, boot):
        """The offset of clock and counter that is believed, the last one, since when one is not, and the last step."""
        if memory.get("store") != self._settings.store:
            return self._offset - _unheard_of(self._settings, self._now), None, None, 0.0
        if memory["boot"] == boot:
            return memory["trusted"], memory["last"], memory["began"], memory["stepped"]
        return memory["real"] - self._counted, None, None, 0.0

    def _jump(self):
        if self.ahead <= JUMP_SECONDS:
            self._began = None
            return
        self._began = self._counted if self._began is None else self._began
        heard = self.words()
        wrong = [word for word in heard if word.right is False]
        if any(word.right for word in heard) and not wrong:
            how = "is right by %s" % ", ".join(word.who for word in heard if word.right)
        elif self._counted - self._began > LONGEST_SECONDS and heard[0].right is not False:
            how = "is taken as it is after a day: " + self._in_words()
        else:
            return
        self.said.append("the clock, %.0f s further than this machine had counted, %s" % (self.ahead, how))
        self._trusted, self._began = self._offset, None

    def _in_words(self):
        return "; ".join("%s %s" % (word.who, word.what) for word in self.words())

    def _chronyd(self):
        return self._asked("chronyd", lambda: _chronyd(self._now, self._offset + self._stepped))

    def _others(self):
        others = sorted(set(self._settings.collectors) - {self._settings.host})
        return [self._asked(one, lambda one=one: _collector(self._settings, one, self._now)) for one in others]

    def _asked(self, who, ask):
        if who not in self._words:
            self._words[who] = Word(who, *ask())
        return self._words[who]


def look(settings, now, path=None):
    """Look at the clock, and remember it.

    :param float now: seconds since 1970.
    :param str path: of the memory.
    :return: Timekeeping
    :raises OSError: it can't be remembered.
    """
    path = path or MEMORY
    found = Timekeeping(settings, now, remembered(path))
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(found.memory, file)
    os.replace(path + ".new", path)
    return found


def remembered(path=None):
    """The memory of the last look; empty where there is none."""
    try:
        with open(path or MEMORY, encoding="utf-8") as file:
            found = json.load(file)
        numbers = [found[key] for key in ("trusted", "last", "real", "stepped")]
        whole = isinstance(found["store"], str) and isinstance(found["boot"], str)
        return found if whole and all(isinstance(one, float) for one in [*numbers, found["began"] or 0.0]) else {}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def running():
    """The start of this machine (random(4)), and when it was by the clock of now: seconds since 1970, less the counted.

    :raises OSError: the kernel says neither.
    """
    with open(_BOOT, encoding="ascii") as file:
        boot = file.read().strip()
    while True:
        begin = time.time()
        with open("/proc/uptime", encoding="ascii") as file:
            counted = float(file.read().split()[0])
        if abs(time.time() - begin) < STEP_SECONDS / 10:  # nothing else ran, and nobody set the clock, in between
            return boot, begin - counted


def _unheard_of(settings, now):
    """For how many seconds the store knows nothing of the time that it is: whole days without a folder."""
    today = record_store.today(now)
    days = [day for one in settings.classes for day in record_store.days(settings.store, one) if day <= today]
    return max((today - max(days)).days - 1, 0) * 86400.0 if days else 0.0


def _chronyd(now, since):
    try:
        answer = processes.run(list(chrony.TRACKING), seconds=chrony.SECONDS)
        said = chrony.tracking(answer.stdout.decode("utf-8", "replace"))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None, "does not answer"
    if not said.synchronised:
        return None, "is not synchronised"
    if said.offset > JUMP_SECONDS:
        return False, "says that it is wrong by %.0f s" % said.offset
    if not max(since, now - _MEASURED_SECONDS) <= said.measured <= now + JUMP_SECONDS:
        return None, "has not measured since"
    return True, "says that it is right"


def _collector(settings, collector, now):
    """By the newest of its records: the time in them is by its clock, that of their arrival by this one.

    Those of this class are of its measures and of root, by its journal's word. What comes late says that we are ahead.
    """
    lags = []
    for day in sorted({record_store.today(now), record_store.today(now - _FRESH_SECONDS)}):
        path = os.path.join(record_store.folder(settings.store, said_words.CLASS, day), collector + record_store.PLAIN)
        try:
            with reading.DayFile(path) as file:
                for one in file.lines(max(file.size - _TAIL_BYTES, 0), file.size):
                    lags += _lag(one.decode("utf-8", "surrogateescape"), now)
        except OSError:
            continue  # none of that day
    if not lags:
        return None, "was not heard for %d s" % _FRESH_SECONDS
    lag = min(lags, key=abs)
    if abs(lag) > JUMP_SECONDS:
        where = "behind" if lag > 0 else "ahead of"
        return False, "sends records whose time is %.0f s %s this clock" % (abs(lag), where)
    return True, "says that it is right"


def _lag(text, now):
    record = record_line.parse(text)
    if record is None:
        return []
    arrived, told = _seconds(record.stored.get("at", "")), _seconds(record.time)
    if arrived is None or told is None or not -STEP_SECONDS <= now - arrived <= _FRESH_SECONDS:
        return []
    return [arrived - told]


def _seconds(text):
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None
