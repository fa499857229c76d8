# SPDX-License-Identifier: GPL-3.0-or-later
"""What a subscriber, and what somebody outside, can't do through a gateway. Each packet by itself: tests/unit/roles/test_nat_ruleset.py."""

from __future__ import annotations

import json

import pytest

from ..conftest import HANG, Lab
from ..drift import Drift, broken
from .conftest import Gateway, by_mode, send

RELOAD = "systemctl reload order82-nat"
FORGE = """
import socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT: an address that is not this host's
one.bind((sys.argv[1], 0))
one.sendto(sys.argv[2].encode(), (sys.argv[3], 7082))
"""


def dropped(lab: Lab, gateway: Gateway, counter: str) -> int:
    listed = json.loads(lab.do(gateway.name, f"nft --json list counter ip order82_nat {counter}"))["nftables"]
    return next(one["counter"]["packets"] for one in listed if "counter" in one)


@pytest.mark.parametrize("source", ["192.0.2.66", "of the other gateway", "of the host itself"])
def test_an_address_that_is_in_no_pool_does_not_go_out(lab: Lab, gateway: Gateway, source: str, mark: str) -> None:
    other = {"gateway1": "100.64.4.3", "gateway2": "100.64.0.3"}[gateway.name]
    own = lab.do(gateway.subscribers, "ip -4 -o address show dev inside").split()[3].partition("/")[0]
    address = {"of the other gateway": other, "of the host itself": own}.get(source, source)
    before = dropped(lab, gateway, "foreign")
    lab.do(gateway.subscribers, f"python3 - {address} {mark}-forged {gateway.outside} <<'END'\n{FORGE}\nEND")
    send(lab, gateway, f"{mark}-honest", 3, by_mode(gateway)["sessions"][:1])
    assert lab.do("outside", f"grep -c {mark}-forged /root/seen", ok=(1,)).strip() == "0"
    assert dropped(lab, gateway, "foreign") > before


def test_somebody_outside_does_not_reach_the_ssh_of_an_inside_host(lab: Lab, gateway: Gateway) -> None:
    """The way is known there, and the host answers: it is the gateway that does not let it through."""
    inside = by_mode(gateway)["deterministic"][2]
    lab.do(gateway.name, f"nc -z -w {HANG} {inside} 22")
    own = lab.do(gateway.name, "ip -4 -o address show dev outside").split()[3].partition("/")[0]
    before = dropped(lab, gateway, "uninvited")
    lab.do("outside", f"ip route replace {inside} via {own}")
    try:
        assert lab.host("outside").run(f"nc -z -w 2 -s {gateway.outside} {inside} 22").rc == 1
    finally:
        lab.do("outside", f"ip route delete {inside}")
    assert dropped(lab, gateway, "uninvited") > before


DRIFTS = {
    "what may come in": Drift(
        {"gateway1": "nft flush chain ip order82_nat inward", "gateway2": "nft flush chain ip6 order82_nat outward"},
        {"gateway1": RELOAD, "gateway2": RELOAD},
        {"gateway1": {"nat_gateway.plan"}, "gateway2": {"nat_gateway.plan"}},
    ),
    "a published port": Drift(
        dict.fromkeys(
            ("gateway1", "gateway2"),
            "nft 'table ip published { chain pre { type nat hook prerouting priority -100; tcp dport 8080 dnat to 100.64.0.3:22; }; }'",
        ),
        dict.fromkeys(("gateway1", "gateway2"), "nft delete table ip published"),
        {"gateway1": {"nat_gateway.plan"}, "gateway2": {"nat_gateway.plan"}},
    ),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_a_door_that_somebody_opens_is_seen(lab: Lab, name: str) -> None:
    with broken(lab, DRIFTS[name]):
        result = lab.sees(DRIFTS[name])
        if name == "a published port":
            said = [str(one["observed"]) for one in result["results"] if one["check"] == "nat_gateway.plan"]
            assert len(said) == 2
            assert all("tcp/8080 to 100.64.0.3:22 (dnat in table ip published, chain pre)" in one for one in said)
