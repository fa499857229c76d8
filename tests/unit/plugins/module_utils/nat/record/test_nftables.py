# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import netlink, nftables
from netlink_messages import attribute, message, nest


def counter(table: str, name: str, packets: int) -> bytes:
    return message(
        attribute(1, table.encode() + b"\0"),
        attribute(2, name.encode() + b"\0"),
        nest(4, attribute(1, struct.pack(">Q", 28 * packets)), attribute(2, struct.pack(">Q", packets))),
        kind=0xA12,
    )


class Answer:
    """A netlink socket on which one datagram after the other comes."""

    def __init__(self, *datagrams: bytes) -> None:
        self.datagrams = list(datagrams)

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_exception: object) -> None:
        pass

    def send(self, _request: bytes) -> None:
        pass

    def recv(self, _most: int) -> bytes:
        return self.datagrams.pop(0)


@pytest.mark.parametrize(
    ("counters", "found"),
    [
        ([], (None, 0)),
        ([("order82_nat", "untranslated", 5)], (None, 0)),
        ([("other", "plan_aa", 5)], (None, 0)),
        ([("order82_nat", "plan_aa", 100), ("order82_nat", "untranslated", 5)], ("aa", 100)),
        ([("order82_nat", "plan_aa", 100), ("order82_nat", "plan_aa", 11)], ("aa", 111)),  # IPv4 and IPv6
        ([("order82_nat", "plan_aa", 100), ("order82_nat", "recorded", 0)], ("aa", 0)),
        ([("order82_nat", "recorded", 7), ("order82_nat", "plan_aa", 100), ("order82_nat", "recorded", 1)], ("aa", 8)),
    ],
)
def test_how_many_the_rules_began(monkeypatch, counters, found):
    done = struct.pack("=IHHIIi", 20, 3, 2, 1, 0, 0)
    datagrams = [counter(*one) for one in counters]
    monkeypatch.setattr(netlink, "open_socket", lambda: Answer(*datagrams, done))
    assert nftables.begun("order82_nat") == found
    monkeypatch.setattr(netlink, "open_socket", lambda: Answer(b"".join([*datagrams, done])))
    assert nftables.begun("order82_nat") == found
