# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the kernel has the plan's rules, by what nft 1.1.3 (Debian 13) prints; nft 1.0.6 prints them alike."""

from __future__ import annotations

import json

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import translation

TABLE = """
{"nftables": [{"metainfo": {"version": "1.1.3", "release_name": "Commodore Bullmoose #4", "json_schema_version": 1}},
{"table": {"family": "ip", "name": "order82_nat", "handle": 14}},
{"chain": {"family": "ip", "table": "order82_nat", "name": "source", "handle": 1, "type": "nat", "hook": "postrouting",
 "prio": 100, "policy": "accept"}},
{"chain": {"family": "ip", "table": "order82_nat", "name": "pool.homes", "handle": 2}},
{"map": {"family": "ip", "name": "homes.0", "table": "order82_nat", "type": "ipv4_addr", "handle": 6,
 "map": ["ipv4_addr", "inet_service"], "size": 1,
 "elem": [["10.82.77.112", {"concat": ["198.18.77.18", {"range": [1024, 2023]}]}]]}},
{"rule": {"family": "ip", "table": "order82_nat", "chain": "source", "handle": 7, "expr": []}},
{"rule": {"family": "ip", "table": "order82_nat", "chain": "pool.homes", "handle": 9, "expr": []}},
{"rule": {"family": "ip", "table": "order82_nat", "chain": "pool.homes", "handle": 10, "expr": []}},
{"rule": {"family": "ip", "table": "order82_nat", "chain": "pool.homes", "handle": 11, "expr": [{"drop": null}]}}]}
"""
FILE = """# Ansible managed
table ip order82_nat
delete table ip order82_nat
table ip order82_nat {
\tcounter plan_5b8f170d53769323 { }
\tmap homes.0 {
\t\ttype ipv4_addr : interval ipv4_addr . inet_service
\t\tsize 1
\t\telements = {
\t\t\t10.82.77.112 : 198.18.77.18 . 1024-2023
\t\t}
\t}
\tchain source {
\t\ttype nat hook postrouting priority srcnat; policy accept;
\t\toifname "outside" ip saddr { 10.82.77.112/28 } counter name "plan_5b8f170d53769323" goto pool.homes
\t}
\tchain pool.homes {

\t\tmeta l4proto { tcp, udp } snat ip to ip saddr map @homes.0
\t\t# The identifier of ICMP is kept in the block like a port.
\t\tmeta l4proto icmp snat ip to ip saddr map @homes.0
\t\tcounter name "untranslated" drop
\t}
}
table ip6 order82_nat
delete table ip6 order82_nat
"""


def test_the_file_and_the_kernel_are_alike():
    wanted = translation.rules_by_chain(FILE)
    assert wanted == {("ip", "source"): 1, ("ip", "pool.homes"): 3}
    assert translation.changed_chains(wanted, [json.loads(TABLE)]) == []
    assert translation.loaded_blocks(json.loads(TABLE)) == {"homes,10.82.77.112,198.18.77.18,1024,2023"}


RULE = {
    "rule": {"family": "ip", "table": "order82_nat", "chain": "source", "handle": 20, "expr": [{"masquerade": None}]}
}
CHAIN = {"chain": {"family": "ip", "table": "order82_nat", "name": "more", "type": "nat", "hook": "postrouting"}}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ([RULE], "rules of chain source: 2 in the kernel, 1 in the file"),
        ([CHAIN], "rules of chain more: 0 in the kernel, no chain in the file"),
    ],
)
def test_what_was_added_to_the_plans_own_table_is_named(more, sentence):
    table = json.loads(TABLE)
    table["nftables"] += more
    assert translation.changed_chains(translation.rules_by_chain(FILE), [table]) == [sentence]


def test_a_chain_that_is_gone_is_named():
    table = json.loads(TABLE)
    table["nftables"] = [
        one
        for one in table["nftables"]
        if one.get("chain", {}).get("name") != "pool.homes" and one.get("rule", {}).get("chain") != "pool.homes"
    ]
    assert translation.changed_chains(translation.rules_by_chain(FILE), [table]) == [
        "rules of chain pool.homes: no chain in the kernel, 3 in the file"
    ]
