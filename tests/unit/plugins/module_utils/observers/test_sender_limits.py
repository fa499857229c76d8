# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the limits of senders are in force, by what nft lists of the receiver's network."""

from __future__ import annotations

import copy
import json

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import shares

ADDRESS, PORT = "127.0.8.2", 2514
NAMES = {"127.3.2.1": "web"}
MATCHES = [
    {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": ADDRESS}},
    {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": PORT}},
]
SENDER = {"payload": {"protocol": "ip", "field": "saddr"}}
LIMIT = {
    "rate": 10_000_000,
    "burst": 1_000_000,
    "per": "second",
    "inv": True,
    "rate_unit": "bytes",
    "burst_unit": "bytes",
}
# As nft 1.0.6 lists it.
OBJECTS = [
    {"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}},
    {"table": {"family": "ip", "name": "order82_limits", "handle": 2}},
    {"set": {"family": "ip", "name": "held", "table": "order82_limits", "type": "ipv4_addr", "elem": ["127.3.2.1"]}},
    {"set": {"family": "ip", "name": "senders", "table": "order82_limits", "type": "ipv4_addr", "size": 65535}},
    {"chain": {"family": "ip", "table": "order82_limits", "name": "input", "hook": "input", "prio": 0, "policy": "accept"}},
    {
        "rule": {
            "family": "ip",
            "table": "order82_limits",
            "chain": "input",
            "expr": [
                *MATCHES,
                {"match": {"op": "==", "left": SENDER, "right": "@held"}},
                {"reject": {"type": "tcp reset"}},
            ],
        }
    },
    {
        "rule": {
            "family": "ip",
            "table": "order82_limits",
            "chain": "input",
            "expr": [
                *MATCHES,
                {"set": {"op": "update", "elem": SENDER, "set": "@senders", "stmt": [{"limit": LIMIT}]}},
                {"drop": None},
            ],
        }
    },
]  # fmt: skip


def seen(objects, address=ADDRESS, port=PORT):
    return shares.in_force(objects, address, port, NAMES)


def changed(change):
    """The limits as they are after somebody did this to them."""
    objects = copy.deepcopy(OBJECTS)
    change(objects)
    return seen(objects)


def test_as_it_is_laid_down():
    assert seen(OBJECTS) == {"limit_kilobytes": 10_000, "held": ["web"]}


@pytest.mark.parametrize(
    "change",
    [
        lambda objects: objects.clear(),
        lambda objects: objects.pop(),
        lambda objects: objects[4]["chain"].pop("hook"),
        lambda objects: objects[6]["rule"]["expr"].pop(),
        lambda objects: objects[6]["rule"]["expr"].append({"accept": None}) or objects[6]["rule"]["expr"].pop(3),
        lambda objects: objects[6]["rule"]["expr"][2]["set"]["stmt"][0]["limit"].pop("inv"),
        lambda objects: objects[6]["rule"]["expr"][2]["set"]["stmt"].clear(),
        lambda objects: objects[6]["rule"]["expr"].pop(2),
        lambda objects: objects[6]["rule"]["expr"].insert(0, {"match": {"op": "==", "left": {"meta": {}}, "right": 1}}),
        lambda objects: objects[6]["rule"].update(table="another"),
    ],
)
def test_a_limit_that_limits_nobody(change):
    assert changed(change)["limit_kilobytes"] == 0


def test_a_limit_elsewhere():
    assert seen(OBJECTS, address="127.0.8.3")["limit_kilobytes"] == 0
    assert seen(OBJECTS, port=2515)["limit_kilobytes"] == 0


def test_another_limit_and_an_address_of_nobody():
    def change(objects):
        objects[6]["rule"]["expr"][2]["set"]["stmt"][0]["limit"].update(rate=60_000, rate_unit="kbytes", per="minute")
        objects[2]["set"]["elem"] = ["127.9.9.9"]

    assert changed(change) == {"limit_kilobytes": 1_024, "held": ["127.9.9.9"]}
    assert changed(lambda objects: objects[2]["set"].pop("elem"))["held"] == []


def test_it_is_data():
    json.dumps(seen(OBJECTS))
