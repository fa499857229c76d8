# SPDX-License-Identifier: GPL-3.0-or-later
"""What a collector's front and its receiver are told of the senders belongs together, and only the front reaches the receiver."""

from __future__ import annotations

import json
import re

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.order82.baseline.plugins.plugin_utils import collection, host_values
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import DataError
from ansible_collections.order82.baseline.plugins.plugin_utils.state_values import resolve_state

FACTS = {"distribution": "Debian", "distribution_major_version": "12"}
TEMPLATES = collection.ROOT / "roles" / "log_collector" / "templates"
NAMES = ["collector1", "vault", "web"]


def collector(names, **variables):
    """The variables of a collector whose site has these hosts, and what gives its role values."""
    host = {
        "inventory_hostname": "collector1",
        "inventory_dir": "/nowhere",
        "ansible_host": "10.0.0.1",
        "ansible_facts": FACTS,
        "group_names": ["collectors"],
        "groups": {"all": names, "collectors": ["collector1"]},
        "hostvars": {name: {"order82_address": f"10.0.0.{number}"} for number, name in enumerate(names, 1)},
        **variables,
    }
    templar = Templar(loader=DataLoader(), variables={})
    return host_values.HostValues(["order82", "log_collector"], host, templar).engine("/nowhere")


def rendered(names, *templates):
    engine = collector(names)
    return [engine.file(TEMPLATES / f"{name}.j2", {}) for name in templates]


def backends(text):
    """Name to the address from which it goes on, and to where."""
    found = re.findall(r"^backend (\S+)\n    source (\S+)\n    server receiver (\S+)$", text, re.MULTILINE)
    return {name: source for name, source, _server in found}, {server for _name, _source, server in found}


@pytest.mark.parametrize("names", [["collector1"], NAMES, [f"h{number}" for number in range(300)] + ["collector1"]])
def test_they_know_the_same_address_for_each_host_and_where_they_meet(names):
    front, table, receiver = rendered(names, "front.cfg", "senders.json", "collect.conf")
    sources, meeting = backends(front)
    assert sources == {one["value"]: one["index"] for one in json.loads(table)["table"]}
    assert set(sources) == set(names)
    assert len(set(sources.values())) == len(names)
    [(address, port)] = re.findall(r'^input\(type="imrelp" address="(127[.0-9]+)" port="(\d+)"', receiver, re.MULTILINE)
    assert meeting == {f"{address}:{port}"}
    assert address not in sources.values()


def test_those_that_know_other_hosts_do_not_meet():
    [before], [after] = rendered(NAMES, "front.cfg"), rendered([*NAMES, "mail"], "front.cfg")
    assert backends(before)[1].isdisjoint(backends(after)[1])
    assert backends(before)[0].items() < backends(after)[0].items(), "a host more moves no other"


def test_the_receiver_has_no_port_and_no_key_where_others_are():
    receiver, unit, front = rendered(NAMES, "collect.conf", "order82-collect.service", "order82-front.service")
    assert receiver.count("input(") == 1
    assert "tls" not in receiver
    assert "order82-tls" not in unit
    assert "PrivateNetwork=true" in unit
    assert {"PrivateNetwork=true", "JoinsNamespaceOf=order82-collect.service"} <= set(front.splitlines())
    assert "User=order82-front" in front


def test_the_front_admits_by_the_list_alone():
    """Nobody falls through: without a name of the list there is no backend."""
    [front] = rendered(NAMES, "front.cfg")
    [bind] = [line.split() for line in front.splitlines() if line.strip().startswith("bind ")]
    assert bind[bind.index("verify") + 1] == "required"
    assert bind[bind.index("ssl-min-ver") + 1] == "TLSv1.2"
    assert "default_backend" not in front
    [uses] = re.findall(r"use_backend .*", front)
    assert uses == "use_backend %[var(sess.host)] if { var(sess.said) -m str admitted }"
    assert re.findall(r"str\(admitted\) if (\{[^}]*\})", front) == ["{ var(sess.host) -m found }"]
    assert "map_str(/etc/order82/admitted.map)" in front


def test_hosts_may_share_an_address():
    """They could not while a collector told senders apart by it."""
    state = collection.states()["log_collector"]
    shared = {name: {"order82_address": "10.0.0.1"} for name in NAMES}
    variables = {"order82_pki_dir": "/nowhere", "hostvars": shared}
    assert resolve_state(state, collector(NAMES, **variables), True)["packages"]
    with pytest.raises(DataError, match="does not name it"):
        resolve_state(state, collector(NAMES, **variables, order82_collectors=["vault"]), True)
