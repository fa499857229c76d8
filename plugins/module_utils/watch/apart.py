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


def run(work, seconds, meanwhile):
    """Call a function in a child of this process.

    :param work: takes nothing, gives what JSON can carry. What it raises ends it.
    :param float seconds: so long it may take.
    :param meanwhile: called every few seconds while it works.
    :return: what it gave.
    :raises ApartError: it raised something, took too long, or was killed.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        _work(work, reading, writing)
    os.close(writing)
    end = time.monotonic() + seconds
    try:
        said = _hear(reading, end, meanwhile)
    finally:
        os.close(reading)
        if time.monotonic() >= end:
            os.killpg(pid, signal.SIGKILL)
        _pid, status = os.waitpid(pid, 0)
    if said is None:
        raise ApartError("it did not end within %d s" % seconds)
    try:
        answer = json.loads(said)
    except ValueError as error:
        raise ApartError("it ended with code %d" % os.waitstatus_to_exitcode(status)) from error
    if "error" in answer:
        raise ApartError(answer["error"])
    return answer["given"]


def _hear(reading, end, meanwhile):
    """What the child writes, to its end; None where that is not in time."""
    said = b""
    while True:
        left = end - time.monotonic()
        if left <= 0:
            return None
        ready, _w, _x = select.select([reading], [], [], min(left, _TOLD_SECONDS))
        meanwhile()
        if ready:
            more = os.read(reading, 1 << 16)
            if not more:
                return said
            said += more


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
