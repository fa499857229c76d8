# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of the journal, C(order82 forward guard): an account that wrote more than its part in a day is held back.

journald deletes the oldest entries of all where one account fills its room. A limit on its rate would drop records,
counts messages and not bytes, and is by unit. So who fills it is stopped instead, and all that was written is kept.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time

from . import accounts, control, holding, tally

SETTINGS = "/etc/order82/journal.json"
STATE = "/var/lib/order82-journal/state.json"
SECONDS = 1
"""Between two looks. What an account writes until it is stopped is written."""
_SAVED_EVERY = 10  # seconds; what is counted anew after a kill is counted once all the same


class Guard:
    """What it knows, between two looks.

    :ivar dict held: user ids that are held back to their accounts' names.
    """

    def __init__(self, settings, state, where):
        """
        :param dict settings: C(budget_bytes) for an account and day, and C(spared), names of accounts.
        :param str state: the file in which is kept what it counted.
        :param str where: the folder of the journal.
        """
        self._budget, self._named = settings["budget_bytes"], list(settings["spared"])
        self._rules, more = accounts.administrators()
        self._named += more
        self._state, self._where = state, where
        saved = tally.load(state)
        self._tally = tally.Tally(saved)
        self._told = {int(uid) for uid in saved.get("told", [])}
        self.held = {int(uid): accounts.name_of(int(uid)) for uid in saved.get("held", [])}
        self._wrong, self._saved_at, self._document = [], 0.0, saved

    def rules_have_changed(self):
        """Whether sudo's rules are others than those that root read for it."""
        return self._rules is not None and self._rules != accounts.stamps()

    def look(self, now):
        """Count, and hold back who is over.

        :param float now: seconds since 1970.
        :return: bool: all was counted; otherwise it is best to look again at once.
        """
        if self._tally.begin_day(now):
            self._told = set()
        whole, self._wrong = True, []
        try:
            whole, self._wrong = self._tally.look(self._where)
        except OSError as error:
            self._wrong = ["the journal can't be read: %s" % error]
        over = self.over()
        spared = {uid for uid in over if accounts.is_spared(uid, self._named)}
        self._let_go([uid for uid in self.held if uid not in over or uid in spared])
        for uid in sorted(set(over) - self._told):
            self._tell(uid, over[uid], uid in spared)
        self._told &= set(over)
        self._told |= set(over)
        self.held.update({uid: accounts.name_of(uid) for uid in over if uid not in spared})
        self._save(now)
        if self.held and not holding.hold(self._is_held):
            self._wrong.append("not every process of %s could be stopped" % ", ".join(sorted(self.held.values())))
        return whole

    def over(self):
        """Who has written more than its part today: user id to bytes."""
        return {uid: size for uid, size in self._tally.written.items() if size > self._budget}

    def answer(self, question):
        """What is asked through the socket.

        :raises ValueError: there is no such account, or it has written nothing.
        """
        if "release" in question:
            uid = accounts.uid_of(str(question["release"]))
            if self._tally.written.pop(uid, None) is None:
                raise ValueError("%s has written nothing today" % question["release"])
            was_held = uid in self.held
            self._told.discard(uid)
            self._let_go([uid] if was_held else [])
            self._save(time.time(), True)
            return {"account": accounts.name_of(uid), "held": was_held}
        wrong = list(self._wrong)
        try:
            holding.can_signal()
        except OSError as error:
            wrong.append("it can't stop a process: %s" % error)
        return {
            "held": sorted(self.held.values()),
            "over": sorted(map(accounts.name_of, self.over())),
            "unable": wrong,
            "written": {accounts.name_of(uid): size for uid, size in sorted(self._tally.written.items())},
            "budget_bytes": self._budget,
        }

    def let_all_go(self):
        """Let go whom an earlier run held: nothing is left stopped when the guard ends."""
        if self.held:
            holding.let_go(self._is_held)

    def _is_held(self, uid):
        return self._tally.owners.of(uid) in self.held

    def _let_go(self, uids):
        for uid in uids:
            name = self.held.pop(uid)
            holding.let_go(lambda one, which=uid: self._tally.owners.of(one) == which)
            _say("<5>alarm over: the account %s (%d) is no longer held back" % (name, uid))

    def _tell(self, uid, size, is_spared):
        what = (
            "is not held back, since it may administer this host"
            if is_spared
            else (
                "is held back until midnight (UTC), or until root says: order82 forward release %s"
                % accounts.name_of(uid)
            )
        )
        _say(
            "<2>alarm: the account %s (%d) has written %d MB into the journal today, more than its part of %d MB: it %s"
            % (accounts.name_of(uid), uid, size >> 20, self._budget >> 20, what)
        )

    def _save(self, now, at_once=False):
        """Keep it; at once where somebody is stopped for it, so that whoever comes after lets him go."""
        document = {**self._tally.saved(), "told": sorted(self._told), "held": sorted(self.held)}
        if document == self._document:
            return
        urgent = at_once or any(document[key] != self._document.get(key) for key in ("held", "told", "day"))
        if urgent or not 0 <= now - self._saved_at < _SAVED_EVERY:
            tally.save(self._state, document)
            self._document, self._saved_at = document, now


def run():
    """Guard for ever. It may be ended at any time: see C(let_go)."""
    guard = Guard(tally.load(SETTINGS), STATE, tally.folder())
    with contextlib.suppress(FileNotFoundError):
        os.unlink(control.SOCKET)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(control.SOCKET)
        listener.listen()
        due = time.monotonic()
        while not guard.rules_have_changed():
            if guard.look(time.time()):
                due = time.monotonic() + SECONDS
            while True:
                ready, _w, _x = select.select([listener], [], [], max(0.0, due - time.monotonic()))
                if not ready:
                    break
                control.serve(listener, guard.answer)
    _say("<6>the rules of sudo have changed: whom they name is read anew")


def let_go():
    """After the guard: whom it held goes on."""
    Guard({"budget_bytes": 0, "spared": []}, STATE, "").let_all_go()


def _say(sentence):
    # systemd reads the priority (sd-daemon(3)); the journal takes it to both collectors.
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()
