# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import dhcp_radius
from by_hand import NOON, session

MAC = "02:42:0a:52:04:64"


@pytest.mark.parametrize(
    ("program", "text", "expected"),
    [
        ("dnsmasq-dhcp", f"DHCPACK(eth0) 100.64.0.7 {MAC} laptop", (True, MAC, "laptop", "DHCP", None)),
        ("dnsmasq-dhcp", f"3141592 DHCPACK(eth0) 100.64.0.7 {MAC}", (True, MAC, "", "DHCP", None)),
        ("dnsmasq-dhcp", f"DHCPRELEASE(eth0) 100.64.0.7 {MAC}", (False, MAC, "", "DHCP", None)),
        ("dhcpd", f"DHCPACK on 100.64.0.7 to {MAC} (laptop) via eth0", (True, MAC, "laptop", "DHCP", None)),
        ("dhcpd", f"DHCPACK on 100.64.0.7 to {MAC} via eth0.12", (True, MAC, "", "DHCP", None)),
        ("dhcpd", f"DHCPRELEASE of 100.64.0.7 from {MAC} via eth0 (found)", (False, MAC, "", "DHCP", None)),
        (
            "kea-dhcp4",
            f"INFO  [kea-dhcp4.leases] DHCP4_LEASE_ALLOC [hwtype=1 {MAC}], cid=[01:{MAC}], tid=0x1f: "
            "lease 100.64.0.7 has been allocated for 3600 seconds",
            (True, MAC, "", "DHCP", 3600),
        ),
        (
            "kea-dhcp4",
            f"INFO  [kea-dhcp4.leases] DHCP4_RELEASE [hwtype=1 {MAC}], cid=[no info], tid=0x1f: "
            "address 100.64.0.7 was released properly.",
            (False, MAC, "", "DHCP", None),
        ),
        (
            "freeradius",
            "accounting Start 100.64.0.7 5A-1 13800138000 li wei",
            (True, "li wei", "13800138000", "RADIUS", None),
        ),
        ("radiusd", "accounting Interim-Update 100.64.0.7 5A-1 - bob", (True, "bob", "", "RADIUS", None)),
        ("freeradius", "accounting Stop 100.64.0.7 5A-1 - bob", (False, "bob", "", "RADIUS", None)),
    ],
)
def test_words_of_each_daemon_are_read(program, text, expected):
    event = dhcp_radius.event_of(session(program, text))
    assert (event.address, event.at) == ("100.64.0.7", NOON)
    assert (event.holds, event.account, event.station, event.source, event.seconds) == expected


@pytest.mark.parametrize(
    ("unit", "believed"),
    [("dnsmasq.service", True), ("dnsmasq@lan.service", True), ("nginx.service", False), ("", False), (None, True)],
)
def test_a_servers_own_unit_gives_addresses_and_no_other_account_of_the_system(unit, believed):
    text = session("dnsmasq-dhcp", f"DHCPACK(eth0) 100.64.0.7 {MAC} laptop", uid=33, unit=unit)
    assert (dhcp_radius.event_of(text) is not None) is believed


@pytest.mark.parametrize(
    ("program", "text", "uid"),
    [
        ("dnsmasq-dhcp", f"DHCPACK(eth0) 100.64.0.7 {MAC} laptop", 1000),  # a person's account
        ("sshd", f"DHCPACK(eth0) 100.64.0.7 {MAC} laptop", 0),
        ("dhcpd", f"DHCPACK to 100.64.0.7 ({MAC}) via eth0", 105),  # the answer to DHCPINFORM gives no address
        ("dnsmasq-dhcp", f"DHCPNAK(eth0) 100.64.0.7 {MAC} wrong network", 105),
        ("freeradius", "Login OK: accounting Start 100.64.0.7 1 - bob", 105),
    ],
)
def test_other_words_give_nobody_an_address(program, text, uid):
    assert dhcp_radius.event_of(session(program, text, uid=uid)) is None
