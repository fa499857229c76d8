# SPDX-License-Identifier: GPL-3.0-or-later
"""The area C(nat) of the command C(order82)."""

from __future__ import annotations

from .index import update
from .index.location import INDEX
from .record import recorder, ruleset, settings


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    apply = verbs.add_parser("apply", help="put the plan in force, and record since when it is")
    apply.set_defaults(run=ruleset.command)
    withdraw = verbs.add_parser("withdraw", help="put the plan out of force, and record it")
    withdraw.set_defaults(run=ruleset.command_withdraw)
    record = verbs.add_parser("record", help="record the plan and translations, until it is told to end")
    record.set_defaults(run=recorder.command)
    for verb in (apply, withdraw, record):
        verb.add_argument("--settings", metavar="FILE", default=settings.PATH, help="by default %(default)s")

    index = verbs.add_parser("index", help="on a collector: build the index of NAT records anew where it is old")
    index.add_argument("--index", metavar="FOLDER", default=INDEX, help="by default %(default)s")
    index.add_argument(
        "--publish",
        action="store_true",
        help="then bring the object store to the same state / 发布到对象存储",
    )
    index.set_defaults(run=update.command)
    return [apply, withdraw, record, index]
