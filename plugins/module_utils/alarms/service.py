# SPDX-License-Identifier: GPL-3.0-or-later
"""The service, C(order82 alarms follow): read on, keep the incidents, tell; every two seconds, for ever.

What it knows is on the disk before anything is sent, and after each message: it may be killed at any time.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time

from .. import service_manager
from ..crowding import control
from ..records import settings as record_settings
from . import following, incidents, memory, metrics, settings, telling, ways

SOCKET = "/run/order82-alarms/control"
SECONDS = 2
"""Between two passes."""
_SAVED_EVERY = 60
_METRICS_EVERY = 15


class Service:
    """One pass after the other.

    :param store: records.settings.Settings.
    :param whom: settings.Settings.
    :param str path: of the memory.
    """

    def __init__(self, store, whom, now, *, path=memory.PATH, metrics_path=metrics.PATH, send=ways.send):
        self._path, self._metrics_path = path, metrics_path
        self._document = memory.load(path)
        self._follower = following.Follower(store, self._document)
        self._book = incidents.Book(self._document, whom, store, now)
        self._teller = telling.Teller(self._book, whom, store.host, self._save, send)
        self._measured, self._wrong = 0, ""

    def step(self, now):
        """One pass.

        :return: bool: there is more to read at once.
        """
        for one in self._follower.read(now):
            self._book.hear(one, now)
        if not self._follower.behind:
            self._book.sweep(self._follower.heard, now)
        if self._book.changed or not 0 <= now - self._document["saved"] < _SAVED_EVERY:
            self._document["saved"] = now
            self._save()
        self._teller.tell(now)
        if not 0 <= now - self._measured < _METRICS_EVERY:
            self._measured = now
            self._tried(metrics.write, self._document, now, self._metrics_path)
        return self._follower.behind

    def answer(self, question):
        """What is asked through the socket: a test, or that an incident is over.

        :raises ValueError: nothing that it knows.
        """
        if question == {"test": True}:
            return {"said": self._teller.test(time.time())}
        if not isinstance(question, dict) or list(question) != ["close"]:
            raise ValueError('it takes {"test": true} and {"close": KEY}')
        self._book.close(str(question["close"]), time.time())
        self._save()
        return {"closed": question["close"]}

    def _save(self):
        self._book.changed = False
        self._tried(memory.save, self._document, self._path)

    def _tried(self, work, *words):
        """A full disk is no reason to tell nobody of it."""
        try:
            work(*words)
        except OSError as error:
            if str(error) != self._wrong:
                self._wrong = str(error)
                sys.stderr.write("<3>error: what is known of the alarms can't be written: %s\n" % error)
                sys.stderr.flush()


def run():
    """Follow for ever."""
    whom = settings.load()
    for receiver in whom.receivers:
        ways.way(receiver)  # now: while it runs, the archive in which it lies may become another one
    service = Service(record_settings.load(), whom, time.time())
    with contextlib.suppress(FileNotFoundError):
        os.unlink(SOCKET)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(SOCKET)
        listener.listen()
        service_manager.ready()
        while True:
            due = time.monotonic() + (0 if service.step(time.time()) else SECONDS)
            while True:
                ready, _w, _x = select.select([listener], [], [], max(0.0, due - time.monotonic()))
                if not ready:
                    break
                control.serve(listener, service.answer)
