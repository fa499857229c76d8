# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of C(order82 ids)."""

from __future__ import annotations

import contextlib
import json
import os
import sys

from . import engine, rules, sight

SETTINGS = "/etc/order82/ids.json"
STATE = "/var/lib/order82-ids/tend.json"


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    test = verbs.add_parser("test", help="is a test packet seen on each interface? / 自检")
    test.set_defaults(run=command_test)
    update = verbs.add_parser("update", help="put rules together; bad ones change nothing / 更新规则")
    update.set_defaults(run=command_update)
    compared = verbs.add_parser("rules", help="are all local rules in force? / 核对规则")
    compared.set_defaults(run=command_rules)
    tend = verbs.add_parser("tend", help="does it keep up? (a service)")
    tend.set_defaults(run=command_tend)
    return [test, update, compared, tend]


def command_test(arguments):
    """order82 ids test"""
    del arguments
    blind = sight.blind(_settings()["interfaces"])
    if blind:
        return {"blind": blind}, "the test packet was not seen on: %s" % ", ".join(blind), 1
    return {"blind": []}, "the test packet was seen on every interface", 0


def command_update(arguments):
    """order82 ids update"""
    del arguments
    try:
        count = rules.update(_settings()["sources"])
    except (rules.RulesError, engine.EngineError) as error:
        sys.stderr.write("<2>alarm: %s\n" % error)
        return {"updated": False, "why": str(error)}, "not updated", 1
    return {"updated": True, "rules": count}, "%d rules are in force" % count, 0


def command_rules(arguments):
    """order82 ids rules"""
    del arguments
    wrong = rules.local().lost
    with contextlib.suppress(engine.EngineError, FileNotFoundError):  # it does not run, or has no rules yet
        wrong += rules.unread()
    return {"wrong": wrong}, "; ".join(wrong) or "all local rules are in force", 1 if wrong else 0


def command_tend(arguments):
    """order82 ids tend"""
    del arguments
    settings = _settings()
    before = _state()
    counted, wrong = {}, []
    for interface in settings["interfaces"]:
        try:
            counted[interface] = engine.packets(interface)
        except engine.EngineError as error:
            wrong.append("%s is not looked at: %s" % (interface, error))
            continue
        percent = dropped(counted[interface], before["counted"].get(interface))
        if percent > settings["max_drop_percent"]:
            wrong.append("%s: %.1f %% of the packets were dropped in the last minute" % (interface, percent))
    _write_state({"counted": counted, "wrong": bool(wrong)})
    # One alarm when it begins, and one word when it ends: not one a minute.
    if wrong and not before["wrong"]:
        sys.stderr.write("<2>alarm: the intrusion detection does not keep up: %s\n" % "; ".join(wrong))
    if before["wrong"] and not wrong:
        sys.stderr.write("<5>alarm over: the intrusion detection keeps up again\n")
    return {"wrong": wrong}, "; ".join(wrong) or "it keeps up", 1 if wrong else 0


def dropped(now, before):
    """Per cent of the packets that were dropped since the last look.

    :param now: packets and drops now.
    :param before: those at the last look, or None; greater ones are of a run before.
    """
    packets, drops = now
    if before and before[0] <= packets and before[1] <= drops:
        packets, drops = packets - before[0], drops - before[1]
    return 100.0 * drops / (packets + drops) if packets + drops else 0.0


def _settings():
    with open(SETTINGS, encoding="utf-8") as file:
        return json.load(file)


def _state():
    try:
        with open(STATE, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {"counted": {}, "wrong": False}


def _write_state(state):
    with open(STATE + ".new", "w", encoding="utf-8") as file:
        json.dump(state, file)
    os.replace(STATE + ".new", STATE)
