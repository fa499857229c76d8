# SPDX-License-Identifier: GPL-3.0-or-later
"""Each host has an address of its own at a collector, and keeps it."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils import origins as module
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import DataError
from ansible_collections.order82.baseline.plugins.plugin_utils.origins import origins

MANY = [f"host{number}.example.org" for number in range(20000)]


def test_each_has_one_of_its_own_in_the_room_for_them():
    found = origins(MANY)
    assert set(found) == set(MANY)
    assert len(set(found.values())) == len(MANY)
    room = ipaddress.summarize_address_range(*map(ipaddress.IPv4Address, ("127.1.0.0", "127.127.255.255")))
    networks = list(room)
    assert all(any(ipaddress.IPv4Address(one) in net for net in networks) for one in found.values())


def test_it_is_the_same_on_every_machine_and_in_every_order():
    assert origins(["web"]) == {"web": "127.6.66.185"}
    assert origins(MANY[:500]) == origins(reversed(MANY[:500]))
    assert origins(["web", "web"]) == origins(["web"])


def test_it_stays_when_others_come_and_go():
    few, all_of_them = origins(MANY[:2000]), origins(MANY)
    moved = [name for name, address in few.items() if all_of_them[name] != address]
    assert len(moved) < 20, "only where two names have the same"
    assert all(address == origins([name])[name] for name, address in list(few.items())[:50])


def test_names_that_meet_get_the_next_that_is_free(monkeypatch):
    monkeypatch.setattr(module, "_ROOM", 3)
    found = origins(["a", "b", "c"])
    assert sorted(found.values()) == ["127.1.0.0", "127.1.0.1", "127.1.0.2"]
    assert origins(["c", "a", "b"]) == found
    with pytest.raises(DataError, match="can tell 3 hosts apart"):
        origins(["a", "b", "c", "d"])


def test_nobody_has_none():
    assert origins([]) == {}
