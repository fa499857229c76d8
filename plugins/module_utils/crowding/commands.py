# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of C(order82 forward) about accounts that fill the journal."""

from __future__ import annotations

from . import accounts, control, guard


def command_guard(arguments):
    """order82 forward guard"""
    if arguments.let_go:
        guard.let_go()
    else:
        guard.run()
    return {}, "", 0


def command_administrators(arguments):
    """order82 forward administrators"""
    del arguments
    names = accounts.write_administrators()
    return names, "\n".join(names), 0


def command_release(arguments):
    """order82 forward release"""
    answer = control.ask({"release": arguments.account})
    text = "%s may write its part again%s" % (answer["account"], ", and goes on" if answer["held"] else "")
    return answer, text, 0
