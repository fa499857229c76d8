# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in a process of its own: it may hang or take memory, and who watches goes on and stays small."""

from __future__ import annotations

import json
import os
import select
import signal
import time

_TOLD_SECONDS = 5


class ApartError(Exception):
    """The work did not come to its end: one sentence."""


class Job:
    """A function that is called in a child of this process.

    :ivar float until: of the clock that only goes forward: so long it may take.
    """

    def __init__(self, work, seconds):
        """:param work: takes nothing, gives what JSON can carry. What it raises ends it.
        :param float seconds: so long it may take.
        """
        self.until, self._seconds, self._said, self._ended = time.monotonic() + seconds, seconds, b"", False
        self._reading, writing = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            _work(work, self._reading, writing)
        os.close(writing)

    def fileno(self):
        """The descriptor to wait on."""
        return self._reading

    def hear(self):
        """Take what it wrote.

        :return: bool: it has come to its end.
        """
        more = os.read(self._reading, 1 << 16)
        self._said += more
        self._ended = not more
        return self._ended

    def result(self):
        """What the function gave; where it is still at it, it is killed with all that it started.

        :raises ApartError: it raised something, took too long, or was killed.
        """
        os.close(self._reading)
        if not self._ended:
            os.killpg(self._pid, signal.SIGKILL)
        _pid, status = os.waitpid(self._pid, 0)
        if not self._ended:
            raise ApartError("it did not end within %d s" % self._seconds)
        try:
            answer = json.loads(self._said)
        except ValueError as error:
            raise ApartError("it ended with code %d" % os.waitstatus_to_exitcode(status)) from error
        if "error" in answer:
            raise ApartError(answer["error"])
        return answer["given"]


def run(work, seconds, meanwhile):
    """Call a function in a child of this process, and wait for it.

    :param meanwhile: called every few seconds while it works.
    :return: what it gave.
    :raises ApartError: as L(Job.result).
    """
    job = Job(work, seconds)
    while True:
        left = job.until - time.monotonic()
        if left <= 0:
            return job.result()
        ready, _w, _x = select.select([job], [], [], min(left, _TOLD_SECONDS))
        meanwhile()
        if ready and job.hear():
            return job.result()


def _work(work, reading, writing):
    """In the child: never returns."""
    code = 1
    try:
        os.setpgid(0, 0)  # so that what it starts ends with it
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, signal.SIG_DFL)
        os.close(reading)
        try:
            answer = json.dumps({"given": work()})
        except Exception as error:  # whatever it is, who watches must hear of it and go on
            answer = json.dumps({"error": "%s: %s" % (type(error).__name__, error)})
        with os.fdopen(writing, "wb") as file:
            file.write(answer.encode("ascii"))
        code = 0
    finally:
        os._exit(code)
