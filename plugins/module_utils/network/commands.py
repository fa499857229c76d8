# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of C(order82 network)."""

from __future__ import annotations

from . import recorder


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    record = verbs.add_parser("record", help="record the network's state (a service)")
    record.set_defaults(run=command_record)
    return [record]


def command_record(arguments):
    """order82 network record"""
    del arguments
    recorder.run()
    return {}, "", 0
