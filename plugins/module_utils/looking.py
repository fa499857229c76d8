# SPDX-License-Identifier: GPL-3.0-or-later
"""Observe for many checks in one go. Runs on the managed host: Python 3.9 or newer, standard library only."""

from __future__ import annotations

import json
import math
import queue
import threading
import time

from . import processes
from .observers import OBSERVERS, SECONDS, ObservationError, observe, observe_together

WORKERS = 8
"""So many observers work at the same time."""
BUSY_SECONDS = 0.3
"""One that took longer waits for something, needs no processor, and holds up no other."""


def look(checks):
    """Observe for every check; what several checks ask for alike is looked at once.

    Each observer has a thread of its own and the time that it declares; one that can look for several checks together
    does. One that hangs is an error of its checks, and is left behind: it ends with this process.

    :param list checks: dicts with id and observe (one observer's name, with its arguments).
    :return: list of dicts with check, observed, error, at, in the same order; where one observer fails, the others'
        facts are there.
    """
    keys = [json.dumps(check["observe"], sort_keys=True) for check in checks]
    asked = dict(zip(keys, (check["observe"] for check in checks)))
    jobs = {}
    for key, observed in asked.items():
        jobs.setdefault(_job(key, observed), []).append(key)
    # The last is the first to go: those that may take longest.
    waiting = sorted(jobs, key=lambda job: (_seconds(asked[jobs[job][0]]), job))
    answers = queue.Queue()
    began, seen = {}, {}
    late = False
    while waiting or began:
        now = time.monotonic()
        busy = sum(1 for since in began.values() if now - since < BUSY_SECONDS)
        for _number in range(min(WORKERS - busy, len(waiting))):
            job = waiting.pop()
            began[job] = now
            several = [asked[key] for key in jobs[job]]
            threading.Thread(target=_answer, args=(answers, job, several), daemon=True).start()
        moments = [since + _seconds(asked[jobs[job][0]]) for job, since in began.items()]
        if waiting:
            moments += [since + BUSY_SECONDS for since in began.values() if now - since < BUSY_SECONDS]
        try:
            job, found = answers.get(timeout=max(0, min(moments) - time.monotonic()))
        except queue.Empty:
            now = time.monotonic()
            for job in [job for job, since in began.items() if now - since >= _seconds(asked[jobs[job][0]])]:
                one = asked[jobs[job][0]]
                seen.update(dict.fromkeys(jobs[job], _facts(error=_LATE % (next(iter(one)), _seconds(one)))))
                del began[job]
                late = True
        else:
            if began.pop(job, None) is not None:  # else it is late, and that has been said
                seen.update(zip(jobs[job], found))
    if late:
        processes.end_all()
    return [dict(seen[key], check=check["id"]) for key, check in zip(keys, checks)]


_LATE = "observer '%s' did not end within %g s"


def _job(key, asked):
    """What is looked at in one go: a check, or all of an observer that can do so."""
    name = next(iter(asked), None)
    return name if len(asked) == 1 and name in OBSERVERS and OBSERVERS[name].together else key


def _seconds(asked):
    return max((OBSERVERS[name].seconds for name in asked if name in OBSERVERS), default=SECONDS)


def _answer(answers, job, several):
    answers.put((job, _look_together(several) or [_look_once(asked) for asked in several]))


def _look_together(several):
    if len(several) < 2:
        return []
    [name] = several[0]
    try:
        return [_facts(plain(one)) for one in observe_together(name, [asked[name] or {} for asked in several])]
    except Exception:  # each is asked for itself, and says so
        return []


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
