# SPDX-License-Identifier: GPL-3.0-or-later
"""C(order82 maintenance): announce work on this host, say that it is over, and see what is announced."""

from __future__ import annotations

import os
import time

from . import login, maintenance


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    begin = verbs.add_parser("begin", help="say before what will be done here, and for how long / 开始")
    begin.add_argument("--reason", required=True, help="what and why, and who decided it")
    begin.add_argument("--minutes", required=True, type=int, help="it is over after so many, whoever says so")
    begin.set_defaults(run=_begin)
    end = verbs.add_parser("end", help="it is over / 结束")
    end.set_defaults(run=_end)
    for one in (begin, end):
        one.add_argument(
            "--by", default="", help="who; by default the account that logged in, which is said in any case"
        )
    shown = verbs.add_parser("show", help="what is announced now / 当前预告")
    shown.set_defaults(run=_show)
    return [begin, end, shown]


def who(by):
    """Who is at work: by his own word, and by the account that logged in, of which the kernel knows."""
    return "%s (as %s)" % (by.strip(), login.account()) if by.strip() else login.account()


def _begin(arguments):
    """order82 maintenance begin"""
    _refuse_others()
    work = maintenance.begin(who(arguments.by), arguments.reason, arguments.minutes, time.time())
    return work._asdict(), maintenance.told(work), 0


def _end(arguments):
    """order82 maintenance end"""
    _refuse_others()
    work = maintenance.end(who(arguments.by), time.time())
    return work and work._asdict(), maintenance.told(work) if work else "nothing was announced", 0


def _show(_arguments):
    """order82 maintenance show"""
    work = maintenance.current(time.time())
    return work and work._asdict(), maintenance.told(work) if work else "nothing is announced", 0


def _refuse_others():
    if os.geteuid():
        raise OSError("only root can do such work, and only root announces it")
