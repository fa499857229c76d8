# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered over restarts: places in the records, incidents, what is still to be told and who took what.

One JSON document that is replaced in one step, so that it may be killed at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys

PATH = "/var/lib/order82-alarms/memory.json"
VERSION = 1
_NUMBER = (int, float)
_INCIDENT = {"host": str, "kind": str, "what": str, "since": int, "last": _NUMBER, "count": int, "by": str,
             "reminded": _NUMBER, "reminders": int}  # fmt: skip
_NOTICE = {"host": str, "kind": str, "what": str, "since": int, "count": int, "by": str, "key": str, "event": str,
           "at": _NUMBER, "place": int, "pause": dict, "to": dict, "until": (int, type(None))}  # fmt: skip
_RECEIVER = {"digest": str, "accepted": _NUMBER, "delivered": int, "failed": int, "error": str, "failing": _NUMBER,
             "pauses": int, "next": _NUMBER, "said": bool}  # fmt: skip
MOST = 64 << 20
"""Bytes that are read of it at the most."""


def new():
    """What is known at the very beginning."""
    return {
        "version": VERSION,
        "saved": 0,
        "read": 0,
        "places": {"first": "", "at": {}},
        "seen": {},
        "incidents": {},
        "notices": [],
        "hours": {},
        "told": {},
        "receivers": {},
    }


def read(path=PATH):
    """The document as it is on the disk.

    :raises OSError: there is none.
    :raises ValueError: it is none of ours, or of another version.
    """
    # Root reads it, too, in the folder of the service's account.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), encoding="utf-8") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no file")
        document = json.loads(file.read(MOST))
    known = new()
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ValueError("it is not of version %d" % VERSION)
    wrong = [key for key, value in known.items() if value != 0 and not isinstance(document.get(key), type(value))]
    if wrong:
        raise ValueError("it has no usable %s" % ", ".join(wrong))
    for name, rows, shape in (
        ("incidents", document["incidents"].values(), _INCIDENT),
        ("notices", document["notices"], _NOTICE),
        ("receivers", document["receivers"].values(), _RECEIVER),
    ):
        for row in rows:
            if not isinstance(row, dict) or any(not isinstance(row.get(key), kind) for key, kind in shape.items()):
                raise ValueError("its %s are not as they must be" % name)
    return {**known, **document}


def load(path=PATH):
    """The same; one that can't be used is set aside, and it begins anew: rather told twice than not at all."""
    try:
        return read(path)
    except FileNotFoundError:
        return new()
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError):
            os.replace(path, path + ".damaged")
        sys.stderr.write("<4>warning: %s can't be used and is set aside (%s)\n" % (path, error))
        return new()


def save(document, path=PATH):
    """Write it whole or not at all, and have it on the disk.

    :raises OSError: no room, or no right.
    """
    fd = os.open(path + ".new", os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(json.dumps(document))
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)
