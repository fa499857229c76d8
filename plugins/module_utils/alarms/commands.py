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
    close = verbs.add_parser("close", help="an incident is over, though nobody said so / 人工解除")
    close.add_argument("key", metavar="KEY", help="as 'order82 alarms list' has it; on each collector")
    close.set_defaults(run=command_close)
    follow = verbs.add_parser("follow", help="follow the records and tell people (a service)")
    follow.set_defaults(run=command_follow)
    return [test, listed, close, follow]


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


def command_close(arguments):
    """order82 alarms close"""
    answer = control.ask({"close": arguments.key}, service.SOCKET, seconds=2 * ways.SECONDS)
    return answer, "%s is over" % arguments.key, 0


def command_list(arguments):
    """order82 alarms list"""
    del arguments
    document, now = memory.read(), time.time()
    incidents = [{**one, "key": key} for key, one in document["incidents"].items()]
    incidents.sort(key=lambda one: (one["host"], one["since"]))
    severity = {one["key"]: kinds.named(one["kind"]).severity for one in incidents}
    rows = [
        "%s  %s  %s  %s  %s (%d)"
        % (one["key"], texts.at(one["since"]), one["host"], severity[one["key"]], one["what"], one["count"])
        for one in incidents
    ]
    rows = rows or ["nothing is open"]
    for name, one in sorted(document["receivers"].items()):
        waiting = sum(1 for notice in document["notices"] if name in notice["to"])
        last = texts.at(one["accepted"]) if one["accepted"] else "never"
        said = ", for %d s: %s" % (now - one["failing"], one["error"]) if one["failing"] else ""
        rows.append("to %s: last taken %s, %d waiting%s" % (name, last, waiting, said))
    return {"incidents": incidents, "receivers": document["receivers"]}, "\n".join(rows), 0
