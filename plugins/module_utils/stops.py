# SPDX-License-Identifier: GPL-3.0-or-later
"""When recorders stood still, and whether somebody had said so before: article 14(1) of Order No. 82.

systemd tells the journal of each stop and each start of a unit, with fields of its own (systemd.journal-fields(7),
C(UNIT) and C(MESSAGE_ID) of process 1), and not of who asked for it. So who stops a recorder says so before, for how
long and why: C(order82 stops announce) writes it down, with the account that logged in, and both collectors have it.

A stop ends with the next start, or with the last word of a machine that was shut down: while it is off, nothing happens
on it. What is frozen (C(systemctl freeze), SIGSTOP) has not stopped, and is seen by others (C(as_laid_down)).
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import time
from typing import NamedTuple

from . import journal, login, maintenance, processes
from .nat.answer import request
from .records import sources

PROGRAM = "order82"
STOPPED = "9d1aaa27d60140bd96365438aad20286"  # sd-messages.h: SD_MESSAGE_UNIT_STOPPED
FAILED = "d9b373ed55a64feb8242e02dbe79a49c"  # SD_MESSAGE_UNIT_FAILURE_RESULT: it ended by itself, and badly
STARTED = "39f53479d3a045ac8e11786248231fbf"  # SD_MESSAGE_UNIT_STARTED
MOST_MINUTES = 7 * 24 * 60
_WORD = "announced "
_UNIT = re.compile(r"[A-Za-z0-9:_.@*-]{1,200}")
_MOST = 200  # characters of a reason
_BEFORE, _AFTER = 60, 5  # seconds around a stop in which somebody may have asked for it
_SUDO = re.compile(r" *(?P<account>\S+) : .*COMMAND=\S*systemctl .*")
_AUDIT = re.compile(r'type=SYSCALL .* key="order82-stop".* AUID="(?P<account>[^"]+)".*')
_NOBODY = ("unset", "")
_ASKING = ("sudo", "audisp-syslog")


class Stop(NamedTuple):
    """A unit stood still; times in seconds since 1970. C(until) is None while it does."""

    unit: str
    since: float
    until: float | None


class Notice(NamedTuple):
    """Somebody said before that units would stop (C(unit) may be a pattern), until when, and why."""

    at: float
    unit: str
    until: float
    by: str
    reason: str


def intervals(events, boot, ended):
    """The stops in what systemd told.

    :param events: iterable of (seconds, boot, unit, message id), in order of time.
    :param str boot: the boot that goes on.
    :param ended: takes a boot, and gives the time of its last word.
    :return: list of Stop, in order of their ends.
    """
    found, standing = [], {}
    for at, of_boot, unit, kind in events:
        if kind in (STOPPED, FAILED):
            standing.setdefault(unit, (at, of_boot))
        elif kind == STARTED and unit in standing:
            since, before = standing.pop(unit)
            found.append(Stop(unit, since, at if before == of_boot else min(at, ended(before))))
    for unit, (since, before) in standing.items():
        found.append(Stop(unit, since, None if before == boot else ended(before)))
    return found


def seconds(stop, now):
    """How long it lasted, or lasts by now."""
    return (now if stop.until is None else stop.until) - stop.since


def notice_for(stop, notices, now):
    """The notice that covers the whole of a stop and was given before it, or None."""
    end = now if stop.until is None else stop.until
    for one in notices:
        if one.at <= stop.since and end <= one.until and fnmatch.fnmatchcase(stop.unit, one.unit):
            return one
    return None


def explanation_for(stop, explained, now):
    """What people have written into the inventory about a stop, or an empty text.

    :param list explained: dicts with unit, since, until and reason; times with their offset.
    :raises ValueError: a time is none, or there is no reason.
    """
    end = now if stop.until is None else stop.until
    for one in explained:
        since, until = request.span_of(str(one["since"]))[0], request.span_of(str(one["until"]))[1]
        if not str(one["reason"]).strip():
            raise ValueError("a stop of %s has no reason" % one["unit"])
        if since <= stop.since * 1000 and end * 1000 <= until + 1 and fnmatch.fnmatchcase(stop.unit, str(one["unit"])):
            return str(one["reason"])
    return ""


def accounts(texts):
    """Who asked for something like a stop, by the words of sudo and of the kernel's audit.

    :param texts: iterable of pairs: program and message.
    :return: list of str, sorted: C(ops (sudo)).
    """
    found = set()
    for program, text in texts:
        said = (_SUDO if program == "sudo" else _AUDIT).fullmatch(text)
        if said and said["account"] not in _NOBODY:
            found.add("%s (%s)" % (said["account"], "sudo" if program == "sudo" else "audit"))
    return sorted(found)


def notice_of(at, text):
    """Read an announcement; None where it is none."""
    try:
        said = json.loads(text[len(_WORD) :]) if text.startswith(_WORD) else None
        return Notice(at, str(said["unit"]), float(said["until"]), str(said["by"]), str(said["reason"]))
    except (ValueError, KeyError, TypeError):
        return None


def announcement(unit, minutes, reason, by, now):
    """The text that announces a stop.

    :raises ValueError: one of the three is none.
    """
    if not _UNIT.fullmatch(unit):
        raise ValueError("--unit is no name of a unit: write it as systemctl does, such as 'order82-forward@*'")
    if not 1 <= minutes <= MOST_MINUTES:
        raise ValueError("--minutes must be 1 to %d: announce anew what takes longer" % MOST_MINUTES)
    if not reason.strip() or len(reason) > _MOST or not reason.isprintable():
        raise ValueError("--reason must be one line of at most %d characters" % _MOST)
    said = {"unit": unit, "until": round(now + 60 * minutes), "by": by, "reason": reason.strip()}
    return _WORD + json.dumps(said, ensure_ascii=False)


def look(units, since, longer, now, explained=()):
    """The stops of units on this host.

    :param list units: their names.
    :param float since: seconds since 1970.
    :param float longer: seconds; shorter ones are restarts.
    :return: list of pairs: a sentence, and whether it was announced or explained.
    """
    begun = _entries(
        since,
        ["MESSAGE_ID", "UNIT"],
        ["_PID=1", *("MESSAGE_ID=" + one for one in (STOPPED, FAILED, STARTED)), *("UNIT=" + one for one in units)],
    )
    events = [(at, one["_BOOT_ID"], str(one.get("UNIT")), one.get("MESSAGE_ID")) for at, one in begun]
    found = [one for one in intervals(events, _boot(), _last_word) if seconds(one, now) > longer]
    if not found:
        return []
    said = _entries(since, ["MESSAGE", "_EXE"], ["_UID=0", "SYSLOG_IDENTIFIER=" + PROGRAM], _WORD)
    notices = [notice_of(at, str(one.get("MESSAGE"))) for at, one in said if _is_python(one)]
    notices = [one for one in notices if one]
    # Who announces work on the whole host announces each stop in it.
    notices += [Notice(one.since, "*", one.until, one.by, one.reason) for one in maintenance.recorded(since)]
    return [_told(one, notice_for(one, notices, now), explanation_for(one, explained, now), now) for one in found]


def _told(stop, notice, reason, now):
    if notice:
        why = "announced by %s: %s" % (notice.by, notice.reason)
    elif reason:
        why = "not announced, explained later: %s" % reason
    else:
        why = "not announced; %s" % (
            ", ".join(_asked(stop)) or "who asked for it is not known (neither sudo nor audit)"
        )
    text = "%s stood still from %s %s (%d s): %s" % (
        stop.unit,
        _iso(stop.since),
        "on" if stop.until is None else "to " + _iso(stop.until),
        seconds(stop, now),
        why,
    )
    return text, bool(notice or reason)


def _asked(stop):
    told = told_by_askers(stop.since - _BEFORE, stop.since + _AFTER)
    return ["asked for by " + one for one in accounts(told)]


def told_by_askers(since, until):
    """What sudo and the kernel's audit themselves said in a time: pairs of program and message, in their order.

    :param float since: seconds since 1970.
    :raises OSError: the journal can't be read.
    """
    entries = _entries(
        since,
        ["SYSLOG_IDENTIFIER", "MESSAGE", "_UID", "_EXE", "_SYSTEMD_UNIT", "_CAP_EFFECTIVE"],
        ["SYSLOG_IDENTIFIER=" + program for program in _ASKING],
        until=until,
    )
    told = [(one["SYSLOG_IDENTIFIER"], one) for _at, one in entries if one.get("SYSLOG_IDENTIFIER") in _ASKING]
    return [(program, str(one.get("MESSAGE"))) for program, one in told if sources.speaks(program, one)]


def _is_python(entry):
    return str(entry.get("_EXE", "")).startswith("/usr/bin/python3")


def _entries(since, fields, matches, begins="", until=None):
    """Entries of the journal in their order: pairs of seconds since 1970 and dict.

    :raises OSError: the journal can't be read.
    """
    argv = ["journalctl", "--quiet", "--no-pager", "--output=json", "--output-fields=" + ",".join(fields)]
    argv += ["--since=@%d" % since, *(["--until=@%d" % until] if until else [])]
    argv += (["--grep=^" + begins] if begins else []) + matches
    done = processes.run(argv)
    if done.returncode not in (0, 1):  # 1: nothing was found
        raise OSError("journalctl: " + done.stderr.decode("utf-8", "replace").strip()[:_MOST])
    found = [json.loads(line) for line in done.stdout.decode("utf-8", "replace").splitlines() if line.startswith("{")]
    return [(int(one["__REALTIME_TIMESTAMP"]) / 1e6, one) for one in found]


def _boot():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip().replace("-", "")


def _last_word(boot):
    line = processes.first_line(
        [
            "journalctl",
            "--quiet",
            "--no-pager",
            "--output=json",
            "--output-fields=PRIORITY",
            "--reverse",
            "_BOOT_ID=" + boot,
        ]
    )
    return int(json.loads(line)["__REALTIME_TIMESTAMP"]) / 1e6 if line else 0.0


def _iso(at):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    announce = verbs.add_parser(
        "announce", help="say before that a recorder will be stopped, until when and why / 预告"
    )
    announce.add_argument("--unit", required=True, help="its name, or a pattern such as 'order82-*'")
    announce.add_argument("--minutes", required=True, type=int, help="it runs again within so many")
    announce.add_argument("--reason", required=True, help="why, and who decided it")
    announce.set_defaults(run=_announce)
    shown = verbs.add_parser("list", help="when recorders of this host stood still / 停止记录")
    shown.add_argument("--unit", action="append", required=True, metavar="NAME", help="may be given several times")
    shown.add_argument("--days", type=float, default=31, help="so far back, by default %(default)s")
    shown.add_argument("--longer", type=float, default=60, metavar="SECONDS", help="by default %(default)s")
    shown.set_defaults(run=_list)
    return [announce, shown]


def _announce(arguments):
    """order82 stops announce"""
    if os.geteuid():
        raise OSError("only root can stop a recorder, and only root announces it")
    text = announcement(arguments.unit, arguments.minutes, arguments.reason, login.account(), time.time())
    journal.write(PROGRAM, text)
    return json.loads(text[len(_WORD) :]), text, 0


def _list(arguments):
    """order82 stops list"""
    now = time.time()
    found = look(arguments.unit, now - 86400 * arguments.days, arguments.longer, now)
    rows = [{"stop": text, "announced": announced} for text, announced in found]
    return rows, "\n".join(text for text, _announced in found) or "no stops", 0
