# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateways, their subscribers, and what the collectors have of them."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import record_text
from ansible_collections.order82.baseline.plugins.plugin_utils import nat_plan

from ..conftest import READ, Lab

FLOWS = Path(__file__).with_name("flows.py")


class Gateway(NamedTuple):
    """One gateway, the host that stands for its subscribers, its pools as the inventory has them, and whom they call."""

    name: str
    subscribers: str
    pools: list[dict[str, Any]]
    outside: str

    def owner(self, public: str, port: int) -> str | None:
        """Whose the plan says that a port is; None where each translation is recorded."""
        for pool in nat_plan.compute(self.pools):
            for blocks in pool.blocks:
                for block in blocks:
                    if block.public == public and block.first <= port <= block.last:
                        return block.inside
        return None


class Flow(NamedTuple):
    """A flow as both ends saw it; times are Unix seconds.

    Its translation began after `sent` and was there from `begin`, when its word came outside, to `end`, when the answer
    was inside.
    """

    protocol: int
    inside: str
    inside_port: int
    public: str
    public_port: int
    sent: float
    begin: float
    end: float


@pytest.fixture(scope="session")
def gateways(lab: Lab) -> dict[str, Gateway]:
    groups = yaml.safe_load((lab.inventory / "hosts.yml").read_text())["all"]["children"]
    outside = groups["unmanaged"]["hosts"]["outside"]["lab_addresses"]["outside"]
    return {
        name: Gateway(name, f"subscriber{name[-1]}", values["nat_gateway_pools"], outside)
        for name, values in groups["managed"]["children"]["gateways"]["hosts"].items()
    }


@pytest.fixture(scope="session", params=["gateway1", "gateway2"])
def gateway(request: pytest.FixtureRequest, gateways: dict[str, Gateway]) -> Gateway:
    return gateways[request.param]


@pytest.fixture(scope="session", autouse=True)
def ends(lab: Lab, gateways: dict[str, Gateway]) -> Iterator[None]:
    """The program of both ends is there, and the outside one runs."""
    text = base64.b64encode(FLOWS.read_bytes()).decode()
    for host in ("outside", *(gateway.subscribers for gateway in gateways.values())):
        lab.do(host, f"echo {text} | base64 -d > /root/flows.py")
    lab.do(
        "outside",
        "systemctl stop flows 2>/dev/null; systemd-run --quiet --collect --unit flows --property=LimitNOFILE=4096 "
        "--property=Type=notify python3 /root/flows.py serve /root/seen",
    )
    yield
    lab.do("outside", "systemctl stop flows")


def by_mode(gateway: Gateway) -> dict[str, list[str]]:
    """Inside addresses of each mode, of several subscribers."""
    return {
        pool["mode"]: [pool["inside"][0].rpartition(".")[0] + f".{number}" for number in range(1, 11)]
        for pool in gateway.pools
        if pool["mode"] != "prefix"
    }


Thousands = dict[tuple[str, str], list[Flow]]


@pytest.fixture(scope="session")
def thousands(lab: Lab, gateways: dict[str, Gateway]) -> Thousands:
    """A thousand flows of ten subscribers through each gateway in each mode, by gateway and mode.

    They are made once, since what is asked of them waits for the same records.
    """
    word = uuid.uuid4().hex[:12]
    return {
        (name, mode): send(lab, gateway, f"{word}-{name[-1]}-{mode[0]}", 1000, addresses)
        for name, gateway in gateways.items()
        for mode, addresses in by_mode(gateway).items()
    }


def send(lab: Lab, gateway: Gateway, mark: str, count: int, addresses: list[str]) -> list[Flow]:
    """Make flows and give back those that were seen outside.

    :raises AssertionError: one that should have come through did not.
    """
    listed = " ".join(addresses)
    lab.do(gateway.subscribers, f"python3 /root/flows.py send {gateway.outside} /root/{mark} {mark} {count} {listed}")
    return both_ends(lab, gateway, mark)


def both_ends(lab: Lab, gateway: Gateway, mark: str) -> list[Flow]:
    sent = [json.loads(line) for line in lab.do(gateway.subscribers, f"cat /root/{mark}").splitlines()]
    seen = {
        word: (public, port, when)
        for word, public, port, when in map(json.loads, lab.do("outside", f"grep -F {mark}- /root/seen").splitlines())
    }
    numbers = {"tcp": 6, "udp": 17, "icmp": 1}
    flows = []
    for word, protocol, inside, port, before, end in sent:
        assert word in seen, f"{word} ({protocol} from {inside}) never came"
        public, public_port, begin = seen[word]
        # Nobody answers an echo request by hand, so that one's end may be before its word was seen outside.
        flows.append(Flow(numbers[protocol], inside, port, public, public_port, before, begin, max(begin, end)))
    return flows


def texts(lab: Lab, collector: str, gateway: Gateway, kind: str) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The records of a gateway on a collector, of one kind, each once."""
    files = f"/srv/records/nat_mapping/*/{gateway.name}.log*"
    found = lab.do(collector, f"{READ} {files} | grep -aoE '\\] {kind} .*'", ok=(0, 1))
    for text in dict.fromkeys(found.splitlines()):
        _kind, pairs, entries = record_text.parse(text[2:])
        yield pairs, entries


def recorded(lab: Lab, collector: str, gateway: Gateway) -> dict[tuple, list[tuple[float, float | None]]]:
    """The spans of each translation that a collector has: (begin, end), None where it went on."""
    found: dict[tuple, list[tuple[float, float | None]]] = {}
    for _pairs, entries in texts(lab, collector, gateway, "flows"):
        for entry in entries:
            protocol, inside, inside_port, public, public_port, begin, end = entry.split(",")
            key = (int(protocol), inside, int(inside_port), public, int(public_port))
            found.setdefault(key, []).append((float(begin), float(end) if end else None))
    return found
