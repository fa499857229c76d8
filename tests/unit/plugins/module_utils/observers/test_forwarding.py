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


def shown(port: int, received: int, silent_ms: int = 90) -> str:
    """What ss says of a connection."""
    return (
        f"0 36 10.82.1.20:{port} 10.82.1.11:2514\n"
        f"\t bbr bytes_sent:900 bytes_received:{received} lastsnd:120 lastrcv:{silent_ms} lastack:90 minrtt:0.3\n"
    )


def test_a_connection_and_its_state():
    assert forwarding.connections(shown(45962, 1700)) == [
        {"port": 45962, "unsent": 36, "received": 1700, "answer_ms": 90}
    ]


def test_an_attempt_is_no_connection():
    attempt = forwarding.connections(shown(45962, 0))
    refused = forwarding.connections(shown(45964, 40))
    another = forwarding.connections(shown(45966, 1700))
    assert not forwarding.understood(attempt, attempt), "nobody answered"
    assert not forwarding.understood(refused, refused), "it does not speak TLS"
    assert not forwarding.understood(another, attempt), "the sender may not like the certificate"
    assert forwarding.understood(another, another)
    assert forwarding.understood(forwarding.connections(shown(45962, 9000)), ())
    silent = forwarding.connections(shown(45966, 1700, silent_ms=1000))
    assert forwarding.understood(silent, ()), "what was silent for a second was there a second ago"
    assert not forwarding.understood([], another)
