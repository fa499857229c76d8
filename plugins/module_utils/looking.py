# SPDX-License-Identifier: GPL-3.0-or-later
"""Observe for many checks in one go. Runs on the managed host: Python 3.9 or newer, standard library only."""

from __future__ import annotations

import json
import math
import queue
import threading
import time

from . import processes
from .observers import OBSERVERS, SECONDS, ObservationError, observe

WORKERS = 8
"""So many observers work at the same time."""
BUSY_SECONDS = 0.3
"""One that took longer waits for something, needs no processor, and holds up no other."""


def look(checks):
    """Observe for every check; what several checks ask for alike is looked at once.

    Each observer has a thread of its own and the time that it declares. One that hangs is an error of its checks, and
    is left behind: it ends with this process.

    :param list checks: dicts with id and observe (one observer's name, with its arguments).
    :return: list of dicts with check, observed, error, at, in the same order; where one observer fails, the others'
        facts are there.
    """
    keys = [json.dumps(check["observe"], sort_keys=True) for check in checks]
    asked = dict(zip(keys, (check["observe"] for check in checks)))
    # The last is the first to go: those that may take longest.
    waiting = sorted(asked, key=lambda key: (_seconds(asked[key]), key))
    answers = queue.Queue()
    began, seen = {}, {}
    late = False
    while waiting or began:
        now = time.monotonic()
        busy = sum(1 for since in began.values() if now - since < BUSY_SECONDS)
        for _number in range(min(WORKERS - busy, len(waiting))):
            key = waiting.pop()
            began[key] = now
            threading.Thread(target=_answer, args=(answers, key, asked[key]), daemon=True).start()
        moments = [since + _seconds(asked[key]) for key, since in began.items()]
        if waiting:
            moments += [since + BUSY_SECONDS for since in began.values() if now - since < BUSY_SECONDS]
        try:
            key, answer = answers.get(timeout=max(0, min(moments) - time.monotonic()))
        except queue.Empty:
            now = time.monotonic()
            for key in [key for key, since in began.items() if now - since >= _seconds(asked[key])]:
                seen[key] = _facts(error=_LATE % (next(iter(asked[key])), _seconds(asked[key])))
                del began[key]
                late = True
        else:
            if began.pop(key, None) is not None:  # else it is late, and that has been said
                seen[key] = answer
    if late:
        processes.end_all()
    return [dict(seen[key], check=check["id"]) for key, check in zip(keys, checks)]


_LATE = "observer '%s' did not end within %g s"


def _seconds(asked):
    return max((OBSERVERS[name].seconds for name in asked if name in OBSERVERS), default=SECONDS)


def _answer(answers, key, asked):
    answers.put((key, _look_once(asked)))


def _look_once(asked):
    observed = error = None
    if len(asked) != 1:
        error = "asked for %d observers at once; it takes exactly one" % len(asked)
    else:
        [(name, arguments)] = asked.items()
        try:
            observed = plain(observe(name, arguments or {}))
        except ObservationError as reason:
            error = plain(str(reason))
        except Exception as reason:  # whatever one stumbles over, the others' facts must get home
            error = plain("observer '%s' broke: %s: %s" % (name, type(reason).__name__, reason))
    return _facts(observed, error)


def _facts(observed=None, error=None):
    return {"observed": observed, "error": error, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def plain(value):
    """Turn what an observer found into what JSON can carry: a hostile file name must not cost the host its report.

    :return: dict, list, str (valid Unicode), int, float (finite), bool or None.
    """
    if isinstance(value, dict):
        return {plain(str(key)): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")
