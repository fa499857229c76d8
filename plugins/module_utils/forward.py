# SPDX-License-Identifier: GPL-3.0-or-later
"""Before a forwarder starts: go back in the journal over what may not have arrived.

rsyslog's imjournal saves its place when a message is sent, not when the collector has acknowledged it. After a kill or
a power cut up to a window of messages is gone though the saved place lies behind them. So the place is set back by more
than the window; what arrives twice is the same record and counts once. It never goes back further than where the
last run began: a forwarder that fails at once, again and again, stays where it is.
"""

from __future__ import annotations

import importlib
import json
import os
import re

from . import processes

_JOURNALCTL = ["journalctl", "--quiet", "--no-pager", "--output=json", "--output-fields=PRIORITY"]
_CURSOR = re.compile(rb"(?:[a-z]=[0-9a-f]+;?)+")
"""What sd_journal_get_cursor(3) gives: names and hexadecimal numbers."""


def target(cursors, start):
    """Choose the place to go on from.

    :param list cursors: of the journal's entries, from the saved place backwards; not empty.
    :param str start: where the last run began, or an empty text.
    :return: str: a cursor.
    """
    for cursor in cursors:
        if cursor == start:
            return cursor
    return cursors[-1]


def cursors_back(cursor, entries):
    """The cursors of the journal's entries, from this one backwards."""
    done = processes.run([*_JOURNALCTL, "--reverse", "--lines=%d" % entries, "--cursor=" + cursor], seconds=120)
    return [json.loads(row)["__CURSOR"] for row in done.stdout.splitlines()]


def place(path):
    """The cursor in a file; empty where there is none, or something else: a power cut may leave zeros, or nothing."""
    try:
        with open(path, "rb") as file:
            found = file.read().strip()
    except FileNotFoundError:
        return ""
    return found.decode("ascii") if _CURSOR.fullmatch(found) else ""


def rewind(state, entries):
    """Set the saved place back.

    :param str state: the cursor file of imjournal; none yet is well (the first run reads the whole journal).
    :param int entries: how many entries to go back at the most.
    :return: int: how many entries lie between the old and the new place.
    """
    if not os.path.exists(state):
        return 0
    saved, start = place(state), place(state + ".start")
    if not saved:
        os.unlink(state)  # without any place imjournal begins at the journal's head
        saved = start  # where nobody knows how far the last run came, all of it comes again
    cursors = cursors_back(saved, entries) if saved else []
    if not cursors:
        return 0  # the journal no longer has the place; imjournal then begins at its head
    chosen = target(cursors, start)
    for path in (state, state + ".start"):
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(chosen)
        os.replace(path + ".new", path)
    return cursors.index(chosen)


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    back = verbs.add_parser("rewind", help="before a forwarder starts: go back over what may not have arrived")
    back.add_argument("state", help="the forwarder's cursor file")
    back.add_argument("--entries", type=int, required=True, help="how many journal entries to go back at the most")
    back.set_defaults(run=command)
    guard = verbs.add_parser("guard", help="hold back who fills the journal for all (a service)")
    guard.add_argument("--let-go", action="store_true", help="after it: whom it held goes on")
    guard.set_defaults(run=_later("command_guard"))
    named = verbs.add_parser("administrators", help="before it: read whom it never holds, from the rules of sudo")
    named.set_defaults(run=_later("command_administrators"))
    release = verbs.add_parser("release", help="let an account go on that is held, and begin its day anew")
    release.add_argument("account", help="its name or number")
    release.set_defaults(run=_later("command_release"))
    return [back, guard, named, release]


def _later(name):
    """A command whose code is read when it is asked for: a forwarder that starts needs none of it."""

    def run(arguments):
        return getattr(importlib.import_module(".crowding.commands", __package__), name)(arguments)

    return run


def command(arguments):
    """order82 forward rewind"""
    entries = rewind(arguments.state, arguments.entries)
    return {"entries": entries}, "went back over %d journal entries" % entries, 0
