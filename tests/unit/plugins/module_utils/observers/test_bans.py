# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers.bans import (
    failed,
    of_the_package,
    refused,
    unbanned,
    unenforced,
    weaker,
)


def test_failures_are_counted_by_source_in_the_words_of_both_debians():
    assert failed(
        [
            "Failed password for invalid user admin from 192.0.2.1 port 4711 ssh2",
            "Failed password for root from 192.0.2.1 port 4712 ssh2",
            "Failed publickey for root from 2001:db8::1 port 9 ssh2: RSA SHA256:abc",
            "Accepted password for root from 192.0.2.9 port 1 ssh2",
            "Connection closed by 192.0.2.8 port 5",
        ]
    ) == {"192.0.2.1": 2, "2001:db8::1": 1}


def test_a_user_name_that_looks_like_a_source_does_not_put_the_blame_on_another():
    lines = ["Failed password for invalid user x from 203.0.113.9 port 1 ssh2 from 192.0.2.1 port 4711 ssh2"]
    assert failed(lines) == {"192.0.2.1": 1}


def test_who_failed_too_often_was_banned_or_is_spared_or_is_named():
    failures = {"192.0.2.1": 5, "192.0.2.2": 9, "192.0.2.3": 4, "10.0.0.1": 50, "2001:db8::1": 6}
    assert unbanned(failures, {"192.0.2.2"}, 5, ["10.0.0.0/8"]) == ["192.0.2.1", "2001:db8::1"]


WANTED = {"maxretry": 5, "findtime": 600, "bantime": 3600}
# What fail2ban 1.0.2 (Debian 12) and 1.1.0 (Debian 13) answer for the jail as the role sets it.
FOUND = {
    "maxretry": 5,
    "findtime": 600,
    "bantime": 3600,
    "ignoreip": ["127.0.0.0/8", "10.82.1.0/24", "::1"],
    "ignorecommand": "",
    "actions": ["nftables"],
}
NEVER = ["10.82.0.0/16", "127.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"maxretry": 1000}, "sshd: maxretry is 1000 and not 5"),
        ({"findtime": 10}, "sshd: findtime is 10 and not 600"),
        ({"bantime": 1}, "sshd: bantime is 1 and not 3600"),
        ({"ignoreip": ["0.0.0.0/0"]}, "sshd: it never bans 0.0.0.0/0"),
        ({"ignoreip": ["::/0"]}, "sshd: it never bans ::/0"),
        ({"ignoreip": ["10.82.1.9", "friend.example.org"]}, "sshd: it never bans friend.example.org"),
        ({"ignorecommand": "/bin/true"}, "sshd: it asks '/bin/true' whom to spare"),
        ({"actions": []}, "sshd: it does nothing"),
    ],
)
def test_what_lets_more_pass_is_named(change, sentence):
    assert weaker("sshd", {**FOUND, **change}, WANTED, NEVER, ()) == [sentence]


@pytest.mark.parametrize("change", [{}, {"maxretry": 3}, {"findtime": 86400}, {"bantime": 604800}, {"bantime": -1}])
def test_what_is_as_strict_or_stricter_is_not(change):
    assert weaker("sshd", {**FOUND, **change}, WANTED, NEVER, ()) == []


def test_what_the_package_itself_says_for_a_jail_is_not_held_against_it():
    own = of_the_package("[DEFAULT]\nmaxretry = 5\n[sshd]\nport = ssh\n[asterisk]\nmaxretry = 10\nlogpath = %(x)s\n")
    assert "maxretry" not in own["sshd"]
    assert weaker("asterisk", {**FOUND, "maxretry": 10}, WANTED, NEVER, own["asterisk"]) == []
    assert weaker("asterisk", {**FOUND, "bantime": 1}, WANTED, NEVER, own["asterisk"])


def rule(name, family="ip"):
    matches = [({"payload": {"protocol": "tcp", "field": "dport"}}, {"set": [22, 2222]})]
    matches.append(({"payload": {"protocol": family, "field": "saddr"}}, "@" + name))
    said = [{"match": {"op": "==", "left": left, "right": right}} for left, right in matches]
    reject = {"reject": {"type": "icmp", "expr": "port-unreachable"}}
    return {"rule": {"family": "inet", "table": "f2b-table", "chain": "f2b-chain", "expr": [*said, reject]}}


# What nft 1.0.6 and 1.1.3 say of a set of fail2ban's: single addresses, a network, neighbours.
TABLE = {
    "nftables": [
        {"metainfo": {"json_schema_version": 1}},
        {"table": {"family": "inet", "name": "f2b-table", "handle": 1}},
        {
            "set": {
                "family": "inet",
                "name": "addr-set-sshd",
                "table": "f2b-table",
                "type": "ipv4_addr",
                "flags": ["interval"],
                "elem": [
                    "198.51.100.7",
                    {"prefix": {"addr": "203.0.113.0", "len": 24}},
                    {"range": ["192.0.2.4", "192.0.2.6"]},
                ],
            }
        },
        {
            "set": {
                "family": "inet",
                "name": "addr6-set-sshd",
                "table": "f2b-table",
                "type": "ipv6_addr",
                "elem": [{"elem": {"val": "2001:db8::7", "timeout": 60}}],
            }
        },
        {"set": {"family": "inet", "name": "addr-set-empty", "table": "f2b-table", "type": "ipv4_addr"}},
        rule("addr-set-sshd"),
        rule("addr6-set-sshd", "ip6"),
        rule("addr-set-empty"),
    ]
}


@pytest.mark.parametrize("one", ["198.51.100.7", "203.0.113.0/25", "203.0.113.9", "192.0.2.5", "2001:db8::7"])
def test_who_is_in_a_set_of_the_kernel_is_refused(one):
    assert unenforced([one], refused(json.dumps(TABLE))) == []


@pytest.mark.parametrize("one", ["198.51.100.8", "203.0.112.0/23", "192.0.2.7", "2001:db8::8"])
def test_a_ban_that_the_kernel_does_not_have_is_named(one):
    """Somebody flushed all tables (systemctl reload nftables): fail2ban goes on believing in its bans."""
    assert unenforced([one], refused(json.dumps(TABLE))) == [one]
    assert unenforced([one], refused("")) == [one]


def test_who_is_in_a_set_that_no_rule_asks_is_let_in():
    """Somebody flushed the chain: the sets are still there."""
    without = {"nftables": [one for one in TABLE["nftables"] if "rule" not in one]}
    assert unenforced(["198.51.100.7"], refused(json.dumps(without))) == ["198.51.100.7"]
