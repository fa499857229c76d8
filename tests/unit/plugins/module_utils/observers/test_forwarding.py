# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a record has waited, though a forwarder saves its place only every hundred messages."""

from __future__ import annotations

import json

from ansible_collections.order82.baseline.plugins.module_utils.observers import forwarding

NOW = 1_790_000_000


def entries(*ages: int) -> list[bytes]:
    return [json.dumps({"__REALTIME_TIMESTAMP": str((NOW - age) * 1_000_000)}).encode() for age in ages]


def test_up_to_a_hundred_may_be_handed_over_already():
    assert forwarding._wait(entries(*[9000] * 100), NOW) == 0


def test_the_one_after_them_is_not():
    assert forwarding._wait(entries(*[9000] * 100, 240, 3), NOW) == 240


def test_a_connection_and_its_state():
    shown = "0 36 10.82.1.20:45962 10.82.1.11:2514\n\t bbr lastsnd:120 lastrcv:4100 lastack:90 minrtt:0.3\n"
    assert forwarding.connections(shown) == [{"unsent": 36, "answer_ms": 4100}]
