# SPDX-License-Identifier: GPL-3.0-or-later
"""How the alarms stand, for Prometheus: a file in its text format that node_exporter reads (textfile collector)."""

from __future__ import annotations

import collections
import os

from . import kinds

PATH = "/var/lib/order82-alarms/metrics/order82_alarms.prom"

_OF_RECEIVERS = (
    ("waiting", "gauge", "Notices that a receiver has not taken.", "waiting"),
    ("delivered_total", "counter", "Messages that a receiver took.", "delivered"),
    ("failed_total", "counter", "Attempts that failed.", "failed"),
    ("failing_since_seconds", "gauge", "Unix time since when a receiver takes nothing; 0: it does.", "failing"),
    ("last_delivery_seconds", "gauge", "Unix time of the last message that a receiver took; 0: none.", "accepted"),
)


def write(memory, now, path=PATH):
    """Write the file whole or not at all.

    :param dict memory: see memory.py.
    :param float now: of the pass that has just been made.
    :raises OSError: no room, or no right.
    """
    with open(path + ".new", "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write("".join(line + "\n" for line in lines(memory, now)))
    os.replace(path + ".new", path)


def lines(memory, now):
    """The lines of the file."""
    open_ = collections.Counter(
        (one["host"], kinds.named(one["kind"]).severity) for one in memory["incidents"].values()
    )
    yield from _head("open", "gauge", "Open incidents by host and severity.")
    for (host, severity), number in sorted(open_.items()):
        yield 'order82_alarms_open{host="%s",severity="%s"} %d' % (_label(host), severity, number)
    waiting = collections.Counter(name for one in memory["notices"] for name in one["to"])
    receivers = sorted(memory["receivers"].items())
    for name, kind, says, key in _OF_RECEIVERS:
        yield from _head(name, kind, says)
        for receiver, one in receivers:
            value = waiting[receiver] if key == "waiting" else one[key]
            yield 'order82_alarms_%s{receiver="%s"} %d' % (name, _label(receiver), value)
    yield from _head("last_record_seconds", "gauge", "Unix time of the last record that was read.")
    yield "order82_alarms_last_record_seconds %d" % memory["read"]
    yield from _head("last_pass_seconds", "gauge", "Unix time of the last look at the records.")
    yield "order82_alarms_last_pass_seconds %d" % now


def _head(name, kind, says):
    yield "# HELP order82_alarms_%s %s" % (name, says)
    yield "# TYPE order82_alarms_%s %s" % (name, kind)


def _label(text):
    r"""A label's value: backslash, quotation mark and line feed are written \\, \" and \n."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
