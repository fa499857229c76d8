# SPDX-License-Identifier: GPL-3.0-or-later
"""The account behind an inside address: a RADIUS server's users and a DHCP server's clients, both real."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from ..conftest import CHECKOUT, HANG, READ, Lab, until
from .conftest import Flow, Gateway, recorded, send
from .test_trace import ask, index, iso

SITE = "/etc/freeradius/3.0"
RADIUS = """
apt-get -qq update && apt-get -qq install -y freeradius freeradius-utils >/dev/null
cat > {site}/mods-enabled/order82 <<'END'
{module}
END
sed -i '/^accounting {{/a\\    order82' {site}/sites-enabled/default
systemctl restart freeradius
"""
DHCP = """
apt-get -qq update && apt-get -qq install -y dnsmasq >/dev/null
printf 'port=0\\ninterface=inside\\nbind-interfaces\\ndhcp-range=10.82.4.200,10.82.4.206,1h\\n' > /etc/dnsmasq.d/lab.conf
systemctl restart dnsmasq
"""
LEASE = """
apt-get -qq update && apt-get -qq install -y udhcpc >/dev/null
cat > /root/lease.sh <<'END'
#!/bin/sh
test "$1" != bound || ip address replace "$ip/32" dev inside
END
chmod +x /root/lease.sh
udhcpc -i inside -f -n -q -s /root/lease.sh -x hostname:laptop 2>&1
"""


@pytest.fixture(scope="module", autouse=True)
def account_words(lab: Lab) -> Iterator[None]:
    """FreeRADIUS writes what the manual says. Afterwards it is gone: the inspection sees how long it keeps its logs."""
    manual = (CHECKOUT / "docs" / "trace.md").read_text()
    module = re.search(r"( {4}linelog order82 \{\n.*?\n {4}\})", manual, re.DOTALL)
    assert module, "docs/trace.md shows no module for FreeRADIUS"
    lab.do("gateway1", RADIUS.format(site=SITE, module=module[1]))
    lab.do("gateway2", DHCP)
    yield
    lab.do("gateway1", "apt-get -qq purge -y --auto-remove 'freeradius*' >/dev/null; rm -rf /var/log/freeradius")
    lab.do("gateway2", "apt-get -qq purge -y --auto-remove dnsmasq >/dev/null; rm -f /etc/dnsmasq.d/lab.conf")


def accounting(lab: Lab, kind: str, user: str, address: str, session: str) -> None:
    attributes = (
        f'Acct-Status-Type={kind},User-Name="{user}",Framed-IP-Address={address},Acct-Session-Id={session},'
        "Calling-Station-Id=13800138000,NAS-IP-Address=127.0.0.1"
    )
    lab.do("gateway1", f"echo '{attributes}' | radclient -x 127.0.0.1 acct testing123")


def asked(lab: Lab, gateway: Gateway, flow: Flow, account: str) -> dict:
    """What the collector answers about a flow, once the flow and this record of who had the address are there."""
    until(HANG, lambda: flow[:5] in recorded(lab, "collector1", gateway), "the record")
    until(HANG, lambda: lab.records("collector1", "*", gateway.name, account), account)
    index(lab, "collector1")
    words = (
        f"--address {flow.public} --port {flow.public_port} --protocol tcp --time {iso(flow.begin)} --tolerance 0.05"
    )
    (answer,) = ask(lab, "collector1", words, ok=(0, 4, 5))["answers"]
    return answer


def test_the_user_of_radius_is_named(lab: Lab, gateways: dict[str, Gateway], mark: str) -> None:
    """Two users hold one address, one after the other, and each is named for his own flow."""
    gateway, address = gateways["gateway1"], "100.64.1.50"
    flows = []
    for user in ("li wei", "bob"):
        accounting(lab, "Start", user, address, f"{mark}-{user[:2]}")
        time.sleep(1)
        flows += send(lab, gateway, f"{mark}-{user[:2]}", 1, [address])
        time.sleep(1)
        accounting(lab, "Stop", user, address, f"{mark}-{user[:2]}")
    for user, flow in zip(("li wei", "bob"), flows, strict=True):
        (one,) = asked(lab, gateway, flow, f"accounting Stop {address} {mark}-{user[:2]}")["candidates"]
        (held,) = one["accounts"]
        assert (held["account"], held["station"], held["source"]) == (user, "13800138000", "RADIUS")
        assert held["until"] is not None
        proof = held["evidence"]
        line = lab.do("collector1", f"{READ} /srv/records/{proof['file']} | sed -n {proof['line']}p")
        assert f"accounting Start {address}" in line


def test_the_client_of_dhcp_is_named(lab: Lab, gateways: dict[str, Gateway], mark: str) -> None:
    gateway = gateways["gateway2"]
    said = lab.do(gateway.subscribers, LEASE)
    address = re.search(r"lease of ([0-9.]+) obtained", said)[1]
    mac = lab.do(gateway.subscribers, "cat /sys/class/net/inside/address").strip()
    time.sleep(1)
    (flow,) = send(lab, gateway, mark, 1, [address])
    (one,) = asked(lab, gateway, flow, f"DHCPACK(inside) {address}")["candidates"]
    assert [(held["account"], held["station"], held["source"]) for held in one["accounts"]] == [(mac, "laptop", "DHCP")]


def test_the_inspection_sees_the_sessions_of_subscribers(lab: Lab, mark: str) -> None:
    """An administrator's login is none of them."""
    accounting(lab, "Start", "li wei", "100.64.1.51", f"{mark}-seen")

    def told() -> list[str]:
        results = lab.look(["collector1"])["results"]
        (one,) = (one for one in results if one["check"] == "log_collector.subscribers")
        assert (one["outcome"], one["observed"]["unknown"]) == ("pass", [])
        return one["observed"]["told"]["gateway1"]

    until(
        HANG, lambda: told() == ["RADIUS", "calling number"], "the session of a subscriber, as the inspection tells it"
    )
