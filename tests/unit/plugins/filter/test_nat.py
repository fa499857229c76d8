# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of address translation, and the two questions to it."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.order82.baseline.plugins.filter.nat import nat_owner, nat_plan, port_block

HOMES = {
    "name": "homes",
    "mode": "deterministic",
    "inside": ["100.64.0.0/29"],
    "public": ["198.51.100.16/31"],
    "ports": "1024-5119",
    "block_ports": 1024,
}
OFFICES = {"name": "offices", "mode": "sessions", "inside": ["100.64.1.0/24"], "public": ["198.51.100.20"]}
OWN = {
    "name": "own",
    "mode": "prefix",
    "inside": ["203.0.113.64/28"],
    "public": ["203.0.113.64/28"],
    "inward": ["tcp/25", "tcp/80-81", "udp/53"],
}
SIX = {"name": "six", "mode": "prefix", "inside": ["fd00:82::/64"], "public": ["2001:db8:82::/64"]}


def test_every_port_has_one_owner_and_every_inside_address_its_block():
    plan = nat_plan([HOMES])
    owners = [
        (block["public"], port) for block in plan["pools"][0]["blocks"][0] for port in (block["first"], block["last"])
    ]
    assert len(owners) == len(set(owners)) == 16
    for number in range(8):
        (block,) = port_block(f"100.64.0.{number}", plan)
        assert block["last"] - block["first"] == 1023
        for port in (block["first"], block["last"]):
            assert [owner["inside"] for owner in nat_owner(block["public"], plan, port=port)] == [f"100.64.0.{number}"]
    assert nat_owner("198.51.100.16", plan, port=1023) == []


def test_reserved_ports_are_nobodys():
    plan = nat_plan([HOMES | {"ports": "1024-10000", "reserved_ports": ["2000", "3000-3100"], "block_ports": 500}])
    blocks = plan["pools"][0]["blocks"][0]
    taken = {port for block in blocks for port in range(block["first"], block["last"] + 1)}
    assert not taken & {2000, *range(3000, 3101)}
    assert nat_owner("198.51.100.16", plan, port=3050) == []


def test_overflow_blocks_are_further_ports_of_the_same_public_address():
    plan = nat_plan([HOMES | {"overflow_blocks": 1, "block_ports": 512}])
    first, more = port_block("100.64.0.5", plan)
    assert (first["overflow"], more["overflow"]) == (False, True)
    assert first["public"] == more["public"]
    assert first["last"] < more["first"]


def test_networks_that_are_added_at_the_end_move_nobody():
    before = nat_plan([HOMES | {"inside": ["100.64.9.0/30"]}])
    after = nat_plan([HOMES | {"inside": ["100.64.9.0/30", "100.64.0.0/30"]}])
    assert set(before["entries"]) < set(after["entries"])
    assert before["id"] != after["id"]


def test_the_id_does_not_depend_on_the_order_of_pools():
    assert nat_plan([HOMES, OFFICES, SIX])["id"] == nat_plan([SIX, HOMES, OFFICES])["id"]


def test_pools_that_record_each_translation_and_prefixes():
    plan = nat_plan([OFFICES, SIX, OWN])
    assert nat_owner("198.51.100.20", plan, port=40000) == [
        {"pool": "offices", "mode": "sessions", "inside": "100.64.1.0/24", "first": 1024, "last": 65535}
    ]
    assert [owner["inside"] for owner in nat_owner("2001:db8:82::7", plan)] == ["fd00:82::7"]
    assert plan["entries"] == [
        "shared,offices,100.64.1.0/24,198.51.100.20,1024,65535",
        "prefix,six,fd00:82::/64,2001:db8:82::/64",
        "prefix,own,203.0.113.64/28,203.0.113.64/28",
    ]
    assert [owner["inside"] for owner in nat_owner("203.0.113.70", plan, port=80)] == ["203.0.113.70"]


def test_who_may_be_called_is_no_part_of_who_owns_what():
    closed = {key: value for key, value in OWN.items() if key != "inward"}
    assert nat_plan([OWN])["id"] == nat_plan([closed])["id"]
    assert nat_plan([OWN])["pools"][0]["inward"] == {"tcp": ["25", "80-81"], "udp": ["53"]}
    assert nat_plan([closed])["pools"][0]["inward"] == {}


def test_two_pools_may_share_an_address_by_ports():
    plan = nat_plan([HOMES, OFFICES | {"public": ["198.51.100.16"], "ports": "20000-29999"}])
    assert [owner["pool"] for owner in nat_owner("198.51.100.16", plan, port=20000)] == ["offices"]


@pytest.mark.parametrize(
    ("pools", "sentence"),
    [
        ("homes", "must be a list"),
        ([{"name": "homes"}], "lacks the key 'mode'"),
        ([HOMES | {"mode": "magic"}], "unknown mode"),
        ([HOMES | {"colour": 1}], "unknown key 'colour'"),
        ([HOMES | {"name": "Homes!"}], "small letters"),
        ([HOMES | {"inside": ["100.64.0.0/28"]}], "16 inside addresses need 1 blocks of 1024 ports each"),
        ([HOMES | {"overflow_blocks": 3}], "add public addresses"),
        ([HOMES | {"reserved_ports": ["1500"]}], "add public addresses"),
        ([HOMES | {"inside": ["100.64.0.1/29"]}], "has host bits set"),
        ([HOMES | {"inside": []}], "names no address"),
        ([HOMES | {"inside": ["100.64.0.0/29", "100.64.0.3"]}], "named twice"),
        ([HOMES | {"inside": ["nowhere"]}], "no address or network"),
        ([HOMES | {"ports": "5000-1024"}], "no range of ports"),
        ([HOMES | {"block_ports": 0}], "whole number from 1"),
        ([HOMES | {"public": ["2001:db8::1"]}], "all be IPv4 or all be IPv6"),
        ([SIX | {"public": ["2001:db8:82::/56"]}], "of the same length"),
        ([OWN | {"public": ["203.0.113.64/29"]}], "of the same length"),
        ([OWN | {"inward": ["icmp/8"]}], "is no port"),
        ([OWN | {"inward": []}], "write a list such as"),
        ([HOMES | {"inward": ["tcp/22"]}], "unknown key 'inward'"),
        ([OWN, OFFICES | {"public": ["203.0.113.70"]}], "both have the ports"),
        ([HOMES, HOMES], "two pools have the name"),
        ([HOMES, OFFICES | {"inside": ["100.64.0.4/30"]}], "both have the inside addresses 100.64.0.4/30"),
        ([HOMES, OFFICES | {"public": ["198.51.100.17"]}], "both have the ports"),
    ],
)
def test_an_impossible_plan_is_refused_in_one_sentence(pools, sentence):
    with pytest.raises(AnsibleFilterError, match=sentence):
        nat_plan(pools)


def test_what_is_no_address_is_refused():
    with pytest.raises(AnsibleFilterError, match="is no IP address"):
        port_block("somebody", nat_plan([HOMES]))
    with pytest.raises(AnsibleFilterError, match="port must be"):
        nat_owner("198.51.100.16", nat_plan([HOMES]), port=70000)
