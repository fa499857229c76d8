# SPDX-License-Identifier: GPL-3.0-or-later
"""Observe for many checks in one go. Runs on the managed host: Python 3.9 or newer, standard library only."""

from __future__ import annotations

import json
import math
import threading
import time

from .observers import ObservationError, observe

WORKERS = 8
"""So many observers look at the same time: most of them wait for a command to answer."""


def look(checks):
    """Observe for every check; what several checks ask for alike is looked at once.

    :param list checks: dicts with id and observe (one observer's name, with its arguments).
    :return: list of dicts with check, observed, error, at, in the same order. One observer's failure loses no facts of
        the others.
    """
    keys = [json.dumps(check["observe"], sort_keys=True) for check in checks]
    asked = dict(zip(keys, (check["observe"] for check in checks)))
    seen = {}
    waiting = list(asked)

    def work():
        while True:
            try:
                key = waiting.pop()
            except IndexError:
                return
            seen[key] = _look_once(asked[key])

    workers = [threading.Thread(target=work) for _number in range(min(WORKERS, len(waiting)))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [dict(seen[key], check=check["id"]) for key, check in zip(keys, checks)]


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
