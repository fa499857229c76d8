# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorder, C(order82 network record): a sample at an interval, each change when the kernel tells of one."""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time

from .. import journal
from . import alarms, metrics, sample, snapshot

SETTINGS = "/etc/order82/network.json"
STATE = "/var/lib/order82-network/state.json"
RECORD = "order82-network-state"
SETTLE_SECONDS = 0.5
"""A change seldom comes alone: an interface that goes takes its addresses and routes with it."""
# rtnetlink(7): links, neighbours, addresses and routes of IPv4 and IPv6.
_GROUPS = 0x1 | 0x4 | 0x10 | 0x40 | 0x100 | 0x400


def run():
    """Record for ever. What it remembers is on disk after each step, so that it may be ended at any time."""
    with open(SETTINGS, encoding="utf-8") as file:
        settings = json.load(file)
    state = _load()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.bind((0, _GROUPS))
        kernel.setblocking(False)
        _compare(state)  # also what changed while nobody looked
        due = time.monotonic()
        while True:
            if time.monotonic() >= due:
                _sample(state, settings)
                due += settings["interval_seconds"]
            ready, _w, _x = select.select([kernel], [], [], max(0.0, due - time.monotonic()))
            if ready:
                time.sleep(SETTLE_SECONDS)
                _drain(kernel)
                _compare(state)


def _sample(state, settings):
    now, clock = sample.take(settings["peers"]), time.time()
    wrong = alarms.wrong(now, state["sample"], clock - state["at"], settings)
    begun, over = alarms.news(state["wrong"], wrong)
    journal.write(RECORD, "sample %s" % json.dumps(now, sort_keys=True))
    for sentence in begun:
        sys.stderr.write("<2>alarm: %s\n" % sentence)
    for sentence in over:
        sys.stderr.write("<5>alarm over: %s\n" % sentence)
    sys.stderr.flush()
    if settings["metrics"]:
        metrics.write(settings["metrics"], now, clock)
    state.update(sample=now, at=clock, wrong=wrong)
    _save(state)


def _compare(state):
    now = snapshot.look()
    if state["seen"]:
        for change in snapshot.changes(state["seen"], now):
            journal.write(RECORD, "change %s" % json.dumps(change, sort_keys=True))
    state["seen"] = snapshot.kept(state["seen"], now)
    _save(state)


def _drain(kernel):
    """What the kernel tells is only that something changed; also when it told more than could be kept."""
    while True:
        try:
            if not kernel.recv(65536):
                return
        except BlockingIOError:
            return
        except OSError:  # ENOBUFS
            continue


def _load():
    try:
        with open(STATE, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {"seen": {}, "sample": {}, "at": 0, "wrong": {}}


def _save(state):
    with open(STATE + ".new", "w", encoding="utf-8") as file:
        json.dump(state, file)
    os.replace(STATE + ".new", STATE)
