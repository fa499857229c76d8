# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import DataError
from ansible_collections.order82.baseline.plugins.plugin_utils.firewall_rules import (
    Inventory,
    Rule,
    networks,
    rules,
    within,
)

INVENTORY = Inventory(
    {"all": ["web1", "log1"], "webs": ["web1"], "logs": ["log1"], "empty": [], "named": ["x"]},
    {"web1": "192.0.2.1", "log1": "2001:db8::1", "x": "x.example.net"},
)


def test_an_entry_becomes_one_rule_a_protocol():
    allowed = {"webs": [{"ports": ["tcp/80", "udp/443", "tcp/5000-5010"], "per_minute": 60}]}
    assert rules(allowed, ["webs"], INVENTORY) == [
        Rule("tcp", ["80", "5000-5010"], True, [], [], 60),
        Rule("udp", ["443"], True, [], [], 60),
    ]


def test_only_the_hosts_own_groups_count():
    allowed = {"webs": [{"ports": ["tcp/80"]}], "logs": [{"ports": ["tcp/22"]}]}
    assert [rule.ports for rule in rules(allowed, ["all", "logs"], INVENTORY)] == [["22"]]


def test_a_group_stands_for_the_addresses_of_its_hosts_by_version():
    [rule] = rules({"all": [{"ports": ["tcp/1"], "from": ["all", "198.51.100.0/24"]}]}, ["all"], INVENTORY)
    assert (rule.anybody, rule.ipv4, rule.ipv6) == (False, ["192.0.2.1", "198.51.100.0/24"], ["2001:db8::1"])


def test_a_group_without_hosts_lets_nobody_in():
    assert rules({"all": [{"ports": ["tcp/1"], "from": ["empty"]}]}, ["all"], INVENTORY) == []


@pytest.mark.parametrize(
    ("allowed", "sentence"),
    [
        ([], "write lists of entries by group"),
        ({"web": []}, "names the group 'web', which the inventory does not have"),
        ({"webs": {"ports": []}}, "write a list of entries"),
        ({"webs": [{"port": ["tcp/80"]}]}, "entry 1"),
        ({"webs": [{"ports": []}]}, "write a list such as"),
        ({"webs": [{"ports": ["80"]}]}, "is no port"),
        ({"webs": [{"ports": [80]}]}, "is no port"),
        ({"webs": [{"ports": ["tcp/0"]}]}, "is no port"),
        ({"webs": [{"ports": ["tcp/70000"]}]}, "is no port"),
        ({"webs": [{"ports": ["tcp/20-10"]}]}, "is no port"),
        ({"webs": [{"ports": ["icmp/8"]}]}, "is no port"),
        ({"webs": [{"ports": ["tcp/80; drop"]}]}, "is no port"),
        ({"webs": [{"ports": ["tcp/80"], "per_minute": -1}]}, "per_minute is -1"),
        ({"webs": [{"ports": ["tcp/80"], "per_minute": True}]}, "per_minute is"),
        ({"webs": [{"ports": ["tcp/80"], "from": []}]}, "leave it out for everybody"),
        ({"webs": [{"ports": ["tcp/80"], "from": ["weebs"]}]}, "is no network"),
        ({"webs": [{"ports": ["tcp/80"], "from": ["192.0.2.1/24"]}]}, "is no network"),
        ({"webs": [{"ports": ["tcp/80"], "from": ["named"]}]}, "set order82_address"),
    ],
)
def test_what_is_not_understood_is_refused_also_for_other_groups(allowed, sentence):
    with pytest.raises(DataError, match="host_firewall_allow") as caught:
        rules(allowed, ["logs"], INVENTORY)
    assert sentence in str(caught.value)


def test_networks_are_sorted_by_version_and_joined():
    assert networks(["10.0.0.0/25", "10.0.0.128/25", "fd00::/8", "192.0.2.1"], "x") == [
        ["10.0.0.0/24", "192.0.2.1"],
        ["fd00::/8"],
    ]


def test_whether_an_address_is_in_one_of_them():
    assert within("192.0.2.7", ["10.0.0.0/8", "192.0.2.0/24"])
    assert not within("2001:db8::1", ["0.0.0.0/0"])
    with pytest.raises(DataError, match="is no address"):
        within("nobody", [])
