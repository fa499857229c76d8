# SPDX-License-Identifier: GPL-3.0-or-later
"""What this host's self-check said before: one incident is one alarm, and one word when it is over."""

from __future__ import annotations

import contextlib
import json
from typing import NamedTuple

from ..state import paths
from ..state.errors import StateError

FILE = "/var/lib/order82/self_check.json"
ALARM, ANNOUNCED = "alarm", "announced"


class Memory(NamedTuple):
    """C(at): when it last looked, seconds since 1970, 0 if never; C(passed), C(wrong): how many; C(digest): the file.

    C(said): check to what was said of it, C(alarm) or C(announced).
    """

    at: float = 0.0
    passed: int = 0
    wrong: int = 0
    digest: str = ""
    said: dict | None = None


def load():
    """What it remembers; nothing where that is not what L(save) wrote: then what is wrong is alarmed once more."""
    wrong = (StateError, OSError, ValueError, TypeError, AttributeError, RecursionError)
    with contextlib.suppress(*wrong), paths.parent(FILE) as (descriptor, name):
        found = paths.read(descriptor, name, FILE)
        if found and not found[1].st_uid:
            memory = Memory(**json.loads(found[0]))
            said = {str(key): str(value) for key, value in memory.said.items()}
            return Memory(float(memory.at), int(memory.passed), int(memory.wrong), str(memory.digest), said)
    return Memory(said={})


def save(memory):
    """Remember.

    :raises StateError: it can't be written.
    """
    paths.write(FILE, json.dumps(memory._asdict(), sort_keys=True).encode("utf-8"))


def news(said, wrong, work, applying):
    """What there is to say, and what then was said.

    :param dict said: what was said before, by check.
    :param list wrong: Judged that are not as they should be.
    :param work: maintenance.Work that is under way, or None.
    :param bool applying: whether measures are being laid down: then what is new waits for the next look.
    :return: pair: list of sentences; dict.
    """
    sentences, now = [], {}
    for one in wrong:
        before = said.get(one.id)
        told = "check %s is not passed: %s" % (one.id, one.text)
        if before == ALARM or (before == ANNOUNCED and work):
            now[one.id] = before
        elif work:
            sentences.append("announced by %s: %s: %s" % (work.by, work.reason, told))
            now[one.id] = ANNOUNCED
        elif not applying:
            sentences.append("alarm: " + told)
            now[one.id] = ALARM
        elif before:
            now[one.id] = before
    over = [(name, before) for name, before in sorted(said.items()) if name not in {one.id for one in wrong}]
    for name, before in over:
        sentences.append(
            "%s: check %s is passed again" % ("alarm over" if before == ALARM else "announced, over", name)
        )
    return sentences, now
