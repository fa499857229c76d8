# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of C(order82 network)."""

from __future__ import annotations

from . import recorder


def options(verbs):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    record = verbs.add_parser("record", help="record the network's state (a service)")
    record.set_defaults(run=command_record)
    return [record]


def command_record(arguments):
    """order82 network record"""
    del arguments
    recorder.run()
    return {}, "", 0
