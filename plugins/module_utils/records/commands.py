# SPDX-License-Identifier: GPL-3.0-or-later
"""The area C(records) of the command C(order82)."""

from __future__ import annotations

from . import claims, counting, sessions, tending


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    tend = verbs.add_parser(
        "tend", help="protect open days, close past ones, delete those past retention, watch the disk"
    )
    tend.set_defaults(run=tending.command)
    count = verbs.add_parser("count", help="count records, each once, by host")
    count.add_argument("record_class", metavar="CLASS")
    count.add_argument("--day", metavar="YYYY-MM-DD", help="one UTC day; all if left out")
    count.add_argument("--host", metavar="HOST", help="one host; all if left out")
    count.add_argument("--matching", metavar="TEXT", help="only records whose line contains this text")
    count.set_defaults(run=counting.command)
    claimed = verbs.add_parser("claims", help="count what only claims to be of a class, by host and account")
    claimed.add_argument("--day", metavar="YYYY-MM-DD", help="one UTC day; all if left out")
    claimed.add_argument("--host", metavar="HOST", help="one host; all if left out")
    claimed.set_defaults(run=claims.command)
    pairs = verbs.add_parser("sessions", help="logins and logouts, paired / 登录与退出配对")
    pairs.add_argument("--day", metavar="YYYY-MM-DD", help="one UTC day; all if left out")
    pairs.add_argument("--host", metavar="HOST", help="one host; all if left out")
    pairs.add_argument("--account", metavar="NAME", help="one account; all if left out")
    pairs.set_defaults(run=sessions.command)
    return [tend, count, claimed, pairs]
