# SPDX-License-Identifier: GPL-3.0-or-later
"""Work on this host that somebody announced: who, why, and until when. What stands still or changes meanwhile is his.

It is on record before it counts: both collectors have the words C(maintenance begins) and C(maintenance ends), with
what was said. It ends by itself, so that nobody need remember to end it, and is good for a week at the most. A root on
the host can announce himself: then that is on record, with the account that logged in.
"""

from __future__ import annotations

import json
import time
from typing import NamedTuple

from . import journal, processes
from .state import paths
from .state.errors import StateError

FILE = "/var/lib/order82/maintenance.json"
PROGRAM = "order82"
BEGINS, ENDS = "maintenance begins: ", "maintenance ends: "
MOST_MINUTES = 7 * 24 * 60
MOST = 200
"""So many characters of a name or a reason."""
_AHEAD = 60  # seconds by which a clock may be set back without an announcement being lost


class Work(NamedTuple):
    """C(since) and C(until): seconds since 1970."""

    by: str
    reason: str
    since: float
    until: float


def current(now):
    """The work that is under way.

    :param float now: seconds since 1970.
    :return: Work, or None: where none was announced, where it is over, and where the file is not what L(begin) writes.
    """
    found = read()
    return found if found and found.since - _AHEAD <= now < found.until else None


def read():
    """What was announced last, also where it is over; None where nothing was, or the file is not as L(begin) writes."""
    try:
        with paths.parent(FILE) as (descriptor, name):
            found = paths.read(descriptor, name, FILE)
    except (StateError, OSError):
        return None
    if found is None or found[1].st_uid or found[1].st_mode & 0o022:
        return None
    try:
        return of(json.loads(found[0]))
    except (ValueError, RecursionError):
        return None


def of(said):
    """Read an announcement as it stands in the file, and on record.

    :param said: what JSON gave.
    :raises ValueError: it is none, or lasts longer than one may.
    """
    try:
        work = Work(str(said["by"]), str(said["reason"]), float(said["since"]), float(said["until"]))
    except (KeyError, TypeError) as error:
        raise ValueError("no announcement: %r" % error) from error
    if not 0 <= work.until - work.since <= 60 * MOST_MINUTES:
        raise ValueError("it lasts longer than %d minutes" % MOST_MINUTES)
    return work


def begin(by, reason, minutes, now):
    """Announce work; an announcement that is there is replaced.

    :param str by: who.
    :param float minutes: for how long.
    :return: Work
    :raises ValueError: one of them is none.
    :raises OSError: it can't be put on record, and does not count.
    """
    if not 0 < minutes <= MOST_MINUTES:
        raise ValueError("--minutes must be 1 to %d: announce anew what takes longer" % MOST_MINUTES)
    work = Work(_line("--by", by), _line("--reason", reason), int(now), int(now) + 60 * minutes)
    text = json.dumps(work._asdict(), ensure_ascii=False)
    journal.write(PROGRAM, BEGINS + text)
    paths.write(FILE, text.encode("utf-8"))
    return work


def end(by, now):
    """Say that it is over.

    :return: Work as it was announced, with its true end; None where nothing was under way.
    """
    work = current(now)
    if work is not None:
        work = work._replace(until=max(round(now), work.since))
        _say_it_ended(work, _line("--by", by))
    return work


def end_by_itself(now):
    """Put on record that the time is over, once; who looks at the host every few minutes asks for it.

    :return: Work that has ended, or None.
    """
    work = read()
    if work is None or now < work.until:
        return None
    _say_it_ended(work, "")
    return work


def _say_it_ended(work, by):
    said = dict(work._asdict(), ended_by=by or "itself")
    journal.write(PROGRAM, ENDS + json.dumps(said, ensure_ascii=False))
    paths.remove(FILE)


def _line(what, text):
    text = text.strip()
    if not text or len(text) > MOST or not text.isprintable():
        raise ValueError("%s must be one line of at most %d characters" % (what, MOST))
    return text


def recorded(since):
    """What was announced on this host, by its journal: what root's command wrote, and nobody who calls himself so.

    :param float since: seconds since 1970.
    :return: list of Work with their true ends, in order.
    :raises OSError: the journal can't be read.
    """
    found = []
    for at, text in _said(since):
        begins = text.startswith(BEGINS)
        if not begins and not text.startswith(ENDS):
            continue
        try:
            work = of(json.loads(text[len(BEGINS if begins else ENDS) :]))
        except (ValueError, RecursionError):
            continue
        if begins and not 0 <= at - work.since <= _AHEAD:
            continue  # nobody announces what has been
        if found and work.since < found[-1].until and begins:  # announced anew
            found[-1] = found[-1]._replace(until=work.since)
        if begins:
            found.append(work)
        elif found and found[-1].since == work.since:
            found[-1] = work
    return found


def _said(since):
    argv = ["journalctl", "--quiet", "--no-pager", "--output=json", "--output-fields=MESSAGE,_EXE"]
    argv += ["--since=@%d" % since, "--grep=^maintenance (begins|ends): ", "_UID=0", "SYSLOG_IDENTIFIER=" + PROGRAM]
    done = processes.run(argv)
    if done.returncode not in (0, 1):  # 1: nothing was found
        raise OSError("journalctl: " + done.stderr.decode("utf-8", "replace").strip()[:MOST])
    entries = [json.loads(line) for line in done.stdout.decode("utf-8", "replace").splitlines() if line[:1] == "{"]
    return [
        (int(one["__REALTIME_TIMESTAMP"]) / 1e6, str(one.get("MESSAGE")))
        for one in entries
        if str(one.get("_EXE", "")).startswith("/usr/bin/python3")
    ]


def told(work):
    """As a list of what was announced has it."""
    since, until = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one)) for one in (work.since, work.until))
    return "%s to %s, %s" % (since, until, in_words(work))


def in_words(work):
    """As an alarm would say it: C(announced by ops: new disks)."""
    return "announced by %s: %s" % (work.by, work.reason)
