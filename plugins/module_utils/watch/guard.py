# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done about what differs: excused, recorded, put right, recorded again; and never a fight that burns the host.

An alarm has its own end in the same words, as C(alarm: X) and C(alarm over: X). It is on its way to the collectors
before anything is put right.
"""

from __future__ import annotations

from typing import NamedTuple

from . import comparing, excuses

CONFIRM_SECONDS = 1.5
"""A unit that does not run counts where it still does not so much later: a restart is in between."""
BUSY_SECONDS = 60
"""So long systemd may be at work on a unit."""
EXCUSED_SECONDS = 5
"""So soon is looked again where there was an excuse."""
FIGHT_TIMES, FIGHT_SECONDS = 5, 600
"""What had to be put right so often in so long is somebody's work: from then on the pauses grow."""
PAUSES = (30, 60, 120, 300)
RETRY_SECONDS = 60
"""What could not be put right is tried again after so long, and then less and less often."""
_NOTICED_SECONDS = 600
_FIGHTS = "fights"
_UNMENDABLE = "could not be put right: "


class Tools(NamedTuple):
    """What the guard asks others to do.

    C(look): takes roles, gives list of Finding.
    C(mend): takes a role and begins to put it right, of whose end L(Guard.mended) is told; raises BlockingIOError where
    somebody applies.
    C(excuse): takes the time, gives an Excuse or None.
    C(asked): takes the time, gives words on who was at work.
    C(say): puts a sentence on record.
    """

    look: object
    mend: object
    excuse: object
    asked: object
    say: object


class _Incident:
    def __init__(self, text, about, now):
        self.text, self.about, self.since, self.tries, self.next_try, self.told_why = text, about, now, 0, now, False


class Guard:
    """C(open): key to what was alarmed and is not over. C(mending): measure that is being put right to its keys."""

    def __init__(self, tools):
        self._tools = tools
        self.open, self.mending = {}, {}
        self._first_seen, self._excused_since, self._excused, self._mended, self._paused = {}, {}, {}, {}, {}
        self._noticed = {}

    def alarms(self):
        """What is open: list of key, text and what it is about, as L(restore) takes it."""
        return [[list(key), one.text, one.about] for key, one in sorted(self.open.items())]

    def restore(self, alarms, now):
        """What an earlier watch alarmed and nobody called over: it is over when a look does not find it."""
        for key, text, about in alarms:
            self.open[tuple(key)] = _Incident(text, about, now)

    def attend(self, roles, now):
        """Look at measures and do what is to be done.

        :param float now: seconds since 1970.
        :return: seconds after which to look at them again, or None.
        """
        return self.judge(roles, self._tools.look(roles), now)

    def judge(self, roles, findings, now):
        """The same with what was found already: of these measures, and of what belongs to none."""
        there = {one.key: one for one in findings}
        self._close(roles, there)
        self._end_fights(now)
        if not there:
            return None
        excuse = self._tools.excuse(now)
        if excuse is not None and not self._is_worn_out(excuse, now):
            return self._excuse(there, excuse, now)
        if excuse is None:
            self._excused_since.clear()
        ripe = [key for key, one in there.items() if self._counts(key, one, now)]
        waits = [self._waits(key, one, now) for key, one in there.items() if key not in ripe]
        self._alarm([key for key in ripe if key not in self.open], there, now)
        waits += self._put_right(ripe, there, now)
        return max(0.2, min(waits)) if waits else None

    def notice(self, key, sentence, now):
        """Put on record what is no alarm, once in a while for the same thing."""
        if now - self._noticed.get(key, 0) >= _NOTICED_SECONDS:
            self._noticed[key] = now
            self._tools.say("noticed: " + sentence)

    def alarm(self, key, text, now):
        """Alarm what is looked after by somebody else, such as a manifest."""
        if key not in self.open:
            self._open(key, text, text, now)

    def over(self, key):
        """It is as it should be again."""
        incident = self.open.pop(key, None)
        if incident:
            self._tools.say("alarm over: " + incident.text)

    def _open(self, key, text, about, now):
        self._tools.say("alarm: " + text)
        self.open[key] = _Incident(text, about, now)

    def _close(self, roles, there):
        for key in [one for one in self.open if one[0] in roles and one not in there]:
            self.over(key)
        for memory in (self._first_seen, self._excused):
            for key in [one for one in memory if one[0] in roles and one not in there]:
                del memory[key]

    def _is_worn_out(self, excuse, now):
        """What is short by its nature and lasts for long is a pretence."""
        since = self._excused_since.setdefault(excuse.kind, now)
        return excuse.until is None and now - since > excuses.LONGEST_SECONDS

    def _excuse(self, there, excuse, now):
        for key, one in there.items():
            if excuse.kind == "announced" and self._excused.get(key) != excuse.words and key not in self.open:
                self._tools.say("%s: %s" % (excuse.words, _text(one)))
                self._excused[key] = excuse.words
            self._first_seen.pop(key, None)
        if excuse.until is not None:
            return min(max(excuse.until - now, 0) + 1, 60)
        return EXCUSED_SECONDS

    def _patience(self, one):
        return {comparing.AT_ONCE: 0, comparing.RUNS: CONFIRM_SECONDS, comparing.BETWEEN: BUSY_SECONDS}[one.when]

    def _counts(self, key, one, now):
        since = self._first_seen.setdefault(key, now)
        return key in self.open or now - since >= self._patience(one)

    def _waits(self, key, one, now):
        return min(self._first_seen[key] + self._patience(one) - now, CONFIRM_SECONDS)

    def _alarm(self, keys, there, now):
        asked = self._tools.asked(now) if keys else ""
        for key in keys:
            text = _text(there[key])
            self._open(key, "%s; %s" % (text, asked), text, now)

    def _put_right(self, ripe, there, now):
        """Begin to put right what can be; seconds after which to try again what could not."""
        for key in ripe:
            if there[key].because:
                self._tell_why(key, there[key].because)
        due = [key for key in ripe if not there[key].because and self.open[key].next_try <= now]
        waits = [self.open[key].next_try - now for key in ripe if not there[key].because and key not in due]
        for role in sorted({key[0] for key in due}):
            if self._paused.get(role, 0) > now:
                waits.append(self._paused[role] - now)
            elif role not in self.mending:
                try:
                    self._tools.mend(role)
                except BlockingIOError:
                    waits.append(EXCUSED_SECONDS)
                else:
                    self.mending[role] = [key for key in due if key[0] == role]
        return waits

    def mended(self, role, done, now):
        """It was put right, or could not be.

        :param tuple done: sentences on what was done; the sentence for where it ended, or None; and list of Finding,
            how it was then.
        :return: seconds after which to look at it again, or None.
        """
        sentences, failed, found = done
        due = self.mending.pop(role)
        # What happened after the look, and was put right with the rest.
        self._alarm([one.key for one in found if one.key not in self.open], {one.key: one for one in found}, now)
        if sentences:
            self._tools.say("put right: %s: %s" % (role, "; ".join(sentences)))
        left = {one.key: one for one in self._tools.look({role})}
        waits = []
        for key in dict.fromkeys([*due, *(one.key for one in found)]):
            self._count(key, now)
            if key in left:
                waits.append(self._try_later(key, left[key], failed or "it is the same again", now))
        self._close({role}, left)
        for key in [one for one in left if one in self.open and one not in due and not left[one].because]:
            # What stood in its way may be gone.
            self.open[key].next_try = min(self.open[key].next_try, now + EXCUSED_SECONDS)
            waits.append(max(self.open[key].next_try - now, 0))
        # What came while this was put right is another one: it is looked at soon.
        waits += [CONFIRM_SECONDS] if any(key not in self.open for key in left) else []
        return min(waits) if waits else None

    def _try_later(self, key, one, reason, now):
        incident = self.open[key]
        incident.tries += 1
        pause = RETRY_SECONDS if one.when == comparing.AT_ONCE else CONFIRM_SECONDS * 2
        pause = min(pause * 2 ** (incident.tries - 1), PAUSES[-1])
        incident.next_try = now + pause
        if incident.tries > 1 or one.when == comparing.AT_ONCE:
            self._tell_why(key, reason)
        return pause

    def _tell_why(self, key, reason):
        incident = self.open[key]
        if not incident.told_why:
            incident.told_why = True
            self._tools.say("%s%s: %s" % (_UNMENDABLE, incident.about, reason))

    def _count(self, key, now):
        """Pause where the same thing has to be put right again and again."""
        times = [at for at in self._mended.get(key, []) if now - at < FIGHT_SECONDS] + [now]
        self._mended[key] = times
        over = len(times) - FIGHT_TIMES
        if over >= 0:
            self._paused[key[0]] = now + PAUSES[min(over, len(PAUSES) - 1)]
            self.alarm((_FIGHTS, *key), "%s: %s is changed again and again, and put right less often" % key[:2], now)

    def _end_fights(self, now):
        for fight in [one for one in self.open if one[0] == _FIGHTS]:
            if now - self._mended.get(fight[1:], [0])[-1] >= FIGHT_SECONDS:
                self.over(fight)


def _text(one):
    return "%s was changed: %s%s" % (one.role, one.entry, ": " + one.how if one.how else "")
