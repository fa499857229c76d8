# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of C(order82 watch)."""

from __future__ import annotations

import os
import time

from .. import processes
from ..state import applying
from . import asked, comparing, excuses, known, running, status


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    one = verbs.add_parser("run", help="watch over the measures and put right what is changed (a service) / 值守")
    one.set_defaults(run=command_run)
    look = verbs.add_parser("look", help="what differs now; changes nothing / 只查看，不改动")
    look.set_defaults(run=command_look)
    back = verbs.add_parser("back", help="start the watch again where somebody ended it (a timer) / 恢复值守")
    back.set_defaults(run=command_back)
    return [one, look, back]


def command_run(arguments):
    """order82 watch run"""
    del arguments
    _refuse_others()
    os.umask(0o022)
    running.Watch().run()
    return {}, "", 0


def command_look(arguments):
    """order82 watch look"""
    del arguments
    _refuse_others()
    seen = comparing.look(known.Manifests().documents(), everything=True)
    rows = [one._asdict() for one in seen.findings]
    text = "\n".join("%s: %s%s" % (one.role, one.entry, one.how and ": " + one.how) for one in seen.findings)
    return rows, text or "everything is as it was laid down", 1 if rows else 0


def command_back(arguments):
    """order82 watch back"""
    del arguments
    _refuse_others()
    os.umask(0o022)
    now = time.time()
    if _runs():
        return {"runs": True}, "it runs", 0
    excuse = excuses.current(now)
    if excuse is not None:
        return {"runs": False, "because": excuse.words}, excuse.words, 0
    about = "%s was changed: %s: does not run" % status.ITSELF
    before = status.read()
    if not (before and [one for one in before["alarms"] if tuple(one[0]) == status.ITSELF]):
        text = "%s; %s" % (about, asked.around(now))
        running.say("alarm: " + text)
        if before:
            # Who is started says when it is over.
            status.write(dict(before, alarms=[*before["alarms"], [list(status.ITSELF), text, about]], ended=True))
    with applying.alone():
        done, failed, _found = comparing.put_right(status.ITSELF[0])
    if done:
        running.say("put right: %s: %s" % (status.ITSELF[0], "; ".join(done)))
    if _runs():
        return {"runs": True}, "it runs again", 0
    failed = failed or "it does not stay"
    running.say("could not be put right: %s: %s" % (about, failed))
    return {"runs": False, "because": failed}, failed, 1


def _refuse_others():
    if os.geteuid():
        raise OSError("only root can see what was laid down, and put it right")


def _runs():
    return processes.run(["systemctl", "is-active", "--quiet", status.ITSELF[1]]).returncode == 0
