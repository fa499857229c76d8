# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of C(order82 firewall)."""

from __future__ import annotations

import sys

from . import trial


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    look = verbs.add_parser("state", help="are the rules those that were confirmed? / 规则是否为已确认的规则")
    look.set_defaults(run=command_state)
    begin = verbs.add_parser("try", help="put the rules in force, on trial / 试用新规则")
    begin.add_argument(
        "--seconds", type=int, default=trial.SECONDS, help="undone after so many, by default %(default)s"
    )
    begin.set_defaults(run=command_try)
    confirm = verbs.add_parser("confirm", help="keep the rules that are on trial / 确认试用的规则")
    confirm.set_defaults(run=command_confirm)
    undo = verbs.add_parser("undo", help="put the confirmed rules back / 恢复已确认的规则")
    undo.set_defaults(run=command_undo)
    return [look, begin, confirm, undo]


def command_state(arguments):
    """order82 firewall state"""
    del arguments
    found = trial.state()
    good = found["in_force"] and found["confirmed"] and not found["differences"] and not found["on_trial"]
    said = ["%s: %s" % (key, found[key]) for key in ("in_force", "confirmed", "on_trial")] + found["differences"]
    return found, "\n".join(said), 0 if good else 1


def command_try(arguments):
    """order82 firewall try"""
    trial.begin(arguments.seconds)
    text = "the rules are in force, and are undone in %d s unless confirmed" % arguments.seconds
    return {"seconds": arguments.seconds}, text, 0


def command_confirm(arguments):
    """order82 firewall confirm"""
    del arguments
    trial.confirm()
    return {"confirmed": True}, "the rules are confirmed", 0


def command_undo(arguments):
    """order82 firewall undo"""
    del arguments
    if not trial.undo():
        return {"undone": False}, "no rules were on trial", 0
    # systemd reads <2> as priority crit (sd-daemon(3)); the journal takes it to both collectors.
    sys.stderr.write(
        "<2>alarm: the new firewall rules were not confirmed in time and are undone; they lie in %s\n" % trial.UNDONE
    )
    return {"undone": True}, "undone", 0
