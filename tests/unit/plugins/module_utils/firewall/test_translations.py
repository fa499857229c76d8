# SPDX-License-Identifier: GPL-3.0-or-later
"""What else translates, by what nft 1.0.6 (Debian 12) and 1.1.3 (Debian 13) print; both print these alike."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.firewall import translations

BASE = {
    ("ip", "order82_nat", "source"): "postrouting",
    ("ip6", "order82_nat", "source"): "postrouting",
    ("ip", "nat", "PREROUTING"): "prerouting",
    ("ip", "nat", "POSTROUTING"): "postrouting",
    ("inet", "netavark", "pre"): "prerouting",
    ("inet", "netavark", "out"): "output",
}
PLAIN = [("ip", "nat", "DOCKER"), ("inet", "netavark", "HOSTPORT"), ("inet", "order82_firewall", "input")]
TCP = '{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": %s}}'
UDP = TCP.replace("tcp", "udp")
# What `iptables -t nat` and Docker with it have set: nft shows the name of the target, and no more of it.
DOCKER = """
{"match": {"op": "!=", "left": {"meta": {"key": "iifname"}}, "right": "docker0"}}, {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 8080}}, {"counter": {"packets": 0, "bytes": 0}}, {"xt": {"type": "target", "name": "DNAT"}}
"""
RULES = [
    ("ip nat DOCKER", DOCKER, "tcp/8080 (dnat in table ip nat, chain DOCKER)"),
    ("ip nat PREROUTING", TCP % 25 + ', {"xt": {"type": "target", "name": "REDIRECT"}}', "tcp/25 (redirect in table ip nat, chain PREROUTING)"),
    ("ip nat PREROUTING", '{"xt": {"type": "match", "name": "addrtype"}}, {"jump": {"target": "DOCKER"}}', None),
    ("inet netavark HOSTPORT", TCP % 8443 + ', {"dnat": {"family": "ip", "addr": "10.88.0.2", "port": 443}}', "tcp/8443 to 10.88.0.2:443 (dnat in table inet netavark, chain HOSTPORT)"),
    ("inet netavark HOSTPORT", UDP % '{"set": [{"range": [5000, 5010]}, 6000]}' + ', {"dnat": {"family": "ip", "addr": "10.88.0.3"}}', "udp/5000-5010, udp/6000 to 10.88.0.3 (dnat"),
    ("inet netavark HOSTPORT", TCP % '{"range": [8000, 8010]}' + ', {"dnat": {"family": "ip6", "addr": "fd00::1", "port": 80}}', "tcp/8000-8010 to [fd00::1]:80 (dnat"),
    ("inet netavark HOSTPORT", '{"dnat": {"family": "ip", "addr": {"map": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": {"set": [[2222, {"concat": ["10.88.0.9", 22]}], [2223, {"concat": ["10.88.0.10", 22]}]]}}}}}', "tcp/2222, tcp/2223 (dnat"),
    ("inet netavark HOSTPORT", '{"dnat": {"family": "ip", "addr": "10.88.0.2"}}', "all that reaches it to 10.88.0.2 (dnat"),
    ("inet netavark HOSTPORT", TCP % 7000 + ', {"redirect": {"port": 7001}}', "tcp/7000 to :7001 (redirect"),
]  # fmt: skip
ONLY_HERE = [
    ("inet netavark HOSTPORT", '{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "127.0.0.1"}}, ' + TCP % 99 + ', {"dnat": {"family": "ip", "addr": "10.88.0.4", "port": 99}}'),
    ("inet netavark HOSTPORT", '{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "lo"}}, ' + TCP % 97 + ', {"dnat": {"family": "ip", "addr": "10.88.0.4", "port": 99}}'),
    ("inet netavark out", TCP % 4 + ', {"redirect": {"port": 5}}'),
    ("ip nat POSTROUTING", '{"match": {"op": "!=", "left": {"meta": {"key": "oifname"}}, "right": "docker0"}}, {"xt": {"type": "target", "name": "MASQUERADE"}}'),
    ("inet netavark HOSTPORT", '{"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": "x"}}, {"snat": {"family": "ip", "addr": "1.2.3.4"}}'),
]  # fmt: skip


def chains() -> dict:
    listed = [
        {"family": family, "table": table, "name": name, "type": "nat", "hook": hook, "prio": 0, "policy": "accept"}
        for (family, table, name), hook in BASE.items()
    ] + [dict(zip(("family", "table", "name"), one, strict=True)) for one in PLAIN]
    return {"nftables": [{"metainfo": {"version": "1.0.6"}}, *({"chain": one} for one in listed)]}


def table(name: str, rules: list[tuple[str, str]]) -> dict:
    found = []
    for place, text in rules:
        family, own, chain = place.split()
        if f"{family} {own}" == name:
            found.append(
                {"rule": {"family": family, "table": own, "chain": chain, "handle": 4, "expr": json.loads(f"[{text}]")}}
            )
    return {"nftables": [{"metainfo": {"version": "1.0.6"}}, *found]}


def asked(rules: list[tuple[str, str]]):
    """What answers the commands of `of_others`, as nft does."""

    def answer(argv: list[str]) -> str:
        if argv == ["nft", "--json", "list", "chains"]:
            return json.dumps(chains())
        assert argv[:5] == ["nft", "--json", "--terse", "list", "table"], argv
        assert argv[6] != "order82_nat"
        return json.dumps(table(" ".join(argv[5:]), rules))

    return answer


def test_tables_that_translate_are_told_from_others():
    found = translations.translating_tables(chains())
    assert found == [("ip", "order82_nat"), ("ip6", "order82_nat"), ("ip", "nat"), ("inet", "netavark")]


@pytest.mark.parametrize(("place", "text", "sentence"), RULES)
def test_each_is_named_by_port_and_table_and_comes_in_past_the_firewall(place, text, sentence):
    found = translations.of_others(asked([(place, text)]))
    assert [one.comes_in for one in found] == ([True] if sentence else [])
    assert all(one.text.startswith(sentence) for one in found)


@pytest.mark.parametrize(("place", "text"), ONLY_HERE)
def test_what_nobody_from_elsewhere_meets_is_a_translation_all_the_same(place, text):
    assert [one.comes_in for one in translations.of_others(asked([(place, text)]))] == [False]


def test_the_old_iptables_says_the_same_in_its_own_words():
    text = """
# Generated by iptables-save v1.8.9 on Mon Nov 30 03:53:31 2026
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A PREROUTING -p udp -m multiport --dports 80,8000:8010 -j REDIRECT --to-ports 2525
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.17.0.2:81
COMMIT
"""
    found = translations.legacy(text, "ip")
    assert [(re.sub(r" \(.*", "", one.text), one.kind, one.comes_in) for one in found] == [
        ("udp/80, udp/8000-8010 to 2525", "redirect", True),
        ("all that reaches it", "masquerade", False),
        ("tcp/8080 to 172.17.0.2:80", "dnat", True),
        ("tcp/8081 to 172.17.0.2:81", "dnat", False),
    ]
    assert "table ip nat of iptables-legacy, chain DOCKER" in found[2].text
