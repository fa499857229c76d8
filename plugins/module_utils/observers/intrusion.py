# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: Suricata, by a test packet that it must see, by what it lost, and by its rules."""

from __future__ import annotations

import os
import time

from ..ids import contents, engine, rules, sight
from ..ids.commands import dropped
from ._registry import ObservationError, command

QUEUE = 82
SURICATA = "/usr/bin/suricata"
_EVENTS = 500
_MOST = 20
_QUEUES = "/proc/net/netfilter/nfnetlink_queue"


def see_sight(interfaces):
    return {"blind": sight.blind(interfaces)}


def see_drops(interfaces):
    try:
        counted = [engine.packets(interface) for interface in interfaces]
    except engine.EngineError as error:
        raise ObservationError(str(error)) from error
    packets, drops = (sum(pair[index] for pair in counted) for index in (0, 1))
    return {"packets": packets, "drops": drops, "drop_percent": round(dropped((packets, drops), None), 2)}


def see_rules():
    try:
        [found] = engine.ask("ruleset-stats")
        local = rules.local()
        lost = local.lost + rules.unread()
        fetched = rules.rules_in(rules.IN_FORCE) - local.in_force
    except engine.EngineError as error:
        raise ObservationError(str(error)) from error
    return {
        "loaded": int(found["rules_loaded"]),
        "failed": int(found["rules_failed"]),
        "fetched": fetched,
        "lost": lost[:_MOST],
        "switched_off": local.switched_off,
        "age_days": round((time.time() - os.path.getmtime(rules.IN_FORCE)) / 86400, 2),
    }


def see_contents(units):
    kept = []
    for unit in units:
        shown = command(["systemctl", "show", "--property=MainPID,ActiveEnterTimestamp", "--timestamp=unix", unit])
        values = dict(line.partition("=")[::2] for line in shown.splitlines())
        if values["MainPID"] == "0":
            continue  # it keeps nothing; that it does not run another check says
        with open("/proc/%s/cmdline" % values["MainPID"], "rb") as file:
            argv = file.read().decode("utf-8", "replace").split("\0")
        dump = command([SURICATA, "--dump-config", *contents.settings_of(argv)])
        kept += ["%s: %s" % (unit, line) for line in contents.kept(dump)]
        events = command(
            [
                *("journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=%d" % _EVENTS),
                *("--identifier=suricata", "--unit=" + unit, "--since=" + values["ActiveEnterTimestamp"]),
            ],
            ok=(0, 1),
        )
        carried = sum(map(contents.carries, events.splitlines()))
        kept += ["%s: %d of its last events carry content" % (unit, carried)] if carried else []
    return {"kept": kept[:_MOST]}


def see_blocking():
    # 1: there is no such table.
    listed = command(["nft", "list", "table", "inet", "order82-ids-inline"], ok=(0, 1))
    try:
        with open(_QUEUES, encoding="ascii") as file:
            found = queues(file.read())
    except FileNotFoundError:  # the kernel has never made one
        found = {}
    heard = found.get(QUEUE)
    packets, drops = heard or (0, 0)
    return {
        "queued": "queue" in listed,
        "heard": heard is not None,
        "packets": packets,
        "drop_percent": round(dropped((packets - drops, drops), None), 2),
    }


def queues(text):
    """The queues that somebody listens to, by number: pairs of packets and of those dropped.

    :param str text: of /proc/net/netfilter/nfnetlink_queue: number, listener, waiting, copy mode and range, dropped by
        the kernel, dropped on the way to the listener, packets so far, 1.
    """
    found = {}
    for line in text.splitlines():
        numbers = [int(word) for word in line.split()]
        found[numbers[0]] = (numbers[7], numbers[5] + numbers[6])
    return found
