# SPDX-License-Identifier: GPL-3.0-or-later
"""C(order82 check): the host's own look at its measures, by hand and by its timer."""

from __future__ import annotations

import os
import sys
import time

from .. import maintenance
from ..state import applying
from . import left, memory, spoken
from .judged import NOT_RUN, PASS, WAIVED, judge

AGAIN_SECONDS = 10
"""What is found wrong for the first time is looked at once more so much later: a restart takes moments."""
_NAMED = 10


def options(parser):
    """Add the options to the area's parser, which has no verbs.

    :return: list with it.
    """
    parser.add_argument("--list", action="store_true", help="which checks are asked for, and why others are not")
    parser.add_argument("--record", action="store_true", help="put on record what is found, as the timer does")
    parser.set_defaults(run=_command)
    return [parser]


def _command(arguments):
    """order82 check"""
    if os.geteuid():
        raise OSError("only root can look at all of it")
    try:
        found = left.read()
    except left.LeftError as error:
        if arguments.record:
            _say("alarm: the self-check can't look: %s" % error)
        raise OSError(str(error)) from error
    if arguments.list:
        return _listed(found)
    before = memory.load() if arguments.record else memory.Memory(said={})
    if arguments.record:
        maintenance.end_by_itself(time.time())
        judged, busy = _twice(found, before)
    else:
        judged, busy = judge(found.entries), applying.under_way()
    wrong = [one for one in judged if one.is_wrong]
    now = time.time()
    work = maintenance.current(now)
    summary = _summary(found, judged, wrong, work, busy)
    if arguments.record:
        _record(found, judged, wrong, before, (now, work, busy))
    document = {
        "digest": found.digest,
        "at": now,
        "checks": [one._asdict() for one in judged],
        "left_out": {one.id: one.left_out for one in found.entries if one.left_out},
        "announced": work._asdict() if work else None,
    }
    lines = (
        [] if arguments.record else ["%s %s (%s): %s" % (one.outcome, one.id, one.severity, one.text) for one in wrong]
    )
    return document, "\n".join([*lines, summary]), 1 if wrong else 0


def _listed(found):
    rows = [
        {"check": one.id, "asked": one.observe is not None, "why_not": one.left_out or one.problem}
        for one in found.entries
    ]
    lines = ["%s %s" % ("asked   " if one["asked"] else "left out", one["check"]) for one in rows]
    lines = [line + (": " + one["why_not"] if one["why_not"] else "") for line, one in zip(lines, rows)]
    lines.append("%d asked, %d left out" % (len(found.asked()), len(rows) - len(found.asked())))
    return {"digest": found.digest, "checks": rows}, "\n".join(lines), 0


def _twice(found, before):
    """Look; what is wrong and was not before is looked at again, unless an apply is under way."""
    busy = applying.under_way()
    judged = judge(found.entries)
    fresh = {one.id for one in judged if one.is_wrong and one.id not in before.said}
    busy = busy or applying.under_way()
    if fresh and not busy:
        time.sleep(AGAIN_SECONDS)
        again = {one.id: one for one in judge([one for one in found.entries if one.id in fresh])}
        judged = [again.get(one.id, one) for one in judged]
        busy = applying.under_way()
    return judged, busy


def _summary(found, judged, wrong, work, busy):
    """The record of each run, by which a collector knows that this host looks at itself."""
    names = ", ".join(one.id for one in wrong[:_NAMED]) + (", ..." if len(wrong) > _NAMED else "")
    passed = sum(1 for one in judged if one.outcome == PASS)
    text = spoken.BEGINS + "%d passed, %d not passed" % (passed, len(wrong))
    text += " (%s)" % names if wrong else ""
    for outcome, words in ((WAIVED, "waived"), (NOT_RUN, "not known yet")):
        count = sum(1 for one in judged if one.outcome == outcome)
        text += ", %d %s" % (count, words) if count else ""
    text += ", %d for inspections alone" % sum(1 for one in found.entries if one.left_out)
    text += "; " + maintenance.in_words(work) if work else ""
    text += "; an apply is under way" if busy else ""
    return text + spoken.of_checks(found.digest)


def _say(sentence):
    """Into the journal, which takes it to both collectors: an alarm as crit, its end as notice (sd-daemon(3))."""
    sys.stderr.write("<%d>%s\n" % (2 if sentence.startswith("alarm: ") else 5, sentence))
    sys.stderr.flush()


def _record(found, judged, wrong, before, moment):
    now, work, busy = moment
    sentences, said = memory.news(before.said, wrong, work, busy)
    for sentence in sentences:
        _say(sentence)
    passed = sum(1 for one in judged if one.outcome == PASS)
    memory.save(memory.Memory(now, passed, len(wrong), found.digest, said))
