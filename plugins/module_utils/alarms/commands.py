# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of C(order82 alarms)."""

from __future__ import annotations

import time

from ..crowding import control
from . import kinds, memory, service, settings, texts, ways


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    test = verbs.add_parser("test", help="send a test to each receiver from here / 测试每个接收者")
    test.set_defaults(run=command_test)
    listed = verbs.add_parser("list", help="what is open, and who took what / 未解除的告警与送达情况")
    listed.set_defaults(run=command_list)
    follow = verbs.add_parser("follow", help="follow the records and tell people (a service)")
    follow.set_defaults(run=command_follow)
    return [test, listed, follow]


def command_follow(arguments):
    """order82 alarms follow"""
    del arguments
    service.run()
    return {}, "", 0


def command_test(arguments):
    """order82 alarms test"""
    del arguments
    receivers = settings.load().receivers
    if not receivers:
        raise ValueError("there is no receiver: nobody is told. Name one in alarms_receivers")
    seconds = (ways.SECONDS + 10) * (2 * len(receivers) + 1)  # it may be telling somebody just now
    said = control.ask({"test": True}, service.SOCKET, seconds=seconds)["said"]
    rows = ["%s (%s): %s" % (one.name, one.way, said.get(one.name) or "accepted") for one in receivers]
    return said, "\n".join(rows), 1 if any(said.values()) else 0


def command_list(arguments):
    """order82 alarms list"""
    del arguments
    document, now = memory.read(), time.time()
    incidents = sorted(document["incidents"].values(), key=lambda one: (one["host"], one["since"]))
    rows = [
        "%s  %s  %s  %s (%d)"
        % (texts.at(one["since"]), one["host"], kinds.named(one["kind"]).severity, one["what"], one["count"])
        for one in incidents
    ]
    rows = rows or ["nothing is open"]
    for name, one in sorted(document["receivers"].items()):
        waiting = sum(1 for notice in document["notices"] if name in notice["to"])
        last = texts.at(one["accepted"]) if one["accepted"] else "never"
        said = ", for %d s: %s" % (now - one["failing"], one["error"]) if one["failing"] else ""
        rows.append("to %s: last taken %s, %d waiting%s" % (name, last, waiting, said))
    return {"incidents": incidents, "receivers": document["receivers"]}, "\n".join(rows), 0
