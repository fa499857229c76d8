# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import dhcp_radius
from by_hand import NOON, session

MAC = "02:42:0a:52:04:64"
CASES = Path(__file__).with_name("cases")


def read(program, text):
    return dhcp_radius.Reader().event(session(program, text))


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
        ("dnsmasq-dhcp", f"DHCPDECLINE(eth0) 100.64.0.7 {MAC}", (False, MAC, "", "DHCP", None)),
        ("dnsmasq-dhcp", f"BOOTP(eth0) 100.64.0.7 {MAC}", (True, MAC, "", "DHCP", None)),
        ("dhcpd", f"BOOTREPLY on 100.64.0.7 to {MAC} via eth0", (True, MAC, "", "DHCP", None)),
        ("dhcpd", f"BOOTREPLY for 100.64.0.7 to printer ({MAC}) via eth0", (True, MAC, "printer", "DHCP", None)),
        ("dhcpd", f"DHCPDECLINE of 100.64.0.7 from {MAC} (x) via eth0: abandoned", (False, MAC, "x", "DHCP", None)),
        ("dhcpd", f"DHCPACK on 100.64.0.7 to {MAC} (a) via x) via eth0", (True, MAC, "a) via x", "DHCP", None)),
        (
            "kea-dhcp4",
            f"INFO  DHCP4_LEASE_REUSE [hwtype=1 {MAC}], cid=[no info], tid=0x1f: lease 100.64.0.7 has been reused for 9 seconds",
            (True, MAC, "", "DHCP", 9),
        ),
        (
            "kea-dhcp4",
            f"INFO  DHCP4_DECLINE_LEASE Received DHCPDECLINE for addr 100.64.0.7 from client [hwtype=1 {MAC}], cid=[no info], "
            "tid=0x1f. The lease will be unavailable for 86400 seconds.",
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
    event = read(program, text)
    assert (event.address, event.at) == ("100.64.0.7", NOON)
    assert (event.holds, event.account, event.station, event.source, event.seconds) == expected


@pytest.mark.parametrize(
    ("unit", "believed"),
    [("dnsmasq.service", True), ("dnsmasq@lan.service", True), ("nginx.service", False), ("", False), (None, True)],
)
def test_a_servers_own_unit_gives_addresses_and_no_other_account_of_the_system(unit, believed):
    text = session("dnsmasq-dhcp", f"DHCPACK(eth0) 100.64.0.7 {MAC} laptop", uid=33, unit=unit)
    assert (dhcp_radius.Reader().event(text) is not None) is believed


@pytest.mark.parametrize(
    ("program", "text", "uid"),
    [
        ("dnsmasq-dhcp", f"DHCPACK(eth0) 100.64.0.7 {MAC} laptop", 1000),  # a person's account
        ("sshd", f"DHCPACK(eth0) 100.64.0.7 {MAC} laptop", 0),
        ("dhcpd", f"DHCPACK to 100.64.0.7 ({MAC}) via eth0", 105),  # the answer to DHCPINFORM gives no address
        ("dnsmasq-dhcp", f"DHCPNAK(eth0) 100.64.0.7 {MAC} wrong network", 105),
        ("freeradius", "Login OK: accounting Start 100.64.0.7 1 - bob", 105),
        ("freeradius", "accounting Start  5A-1 - 100.64.0.7 bob", 105),  # an access server that has no address yet
        ("dnsmasq-dhcp", f"DHCPRELEASE(eth0) 100.64.0.7 {MAC} unknown lease", 105),
        ("dnsmasq-dhcp", f"BOOTP(eth0) {MAC} no address configured", 105),
        ("dnsmasq-dhcp", f"1 client provides name: DHCPACK(eth0) 100.64.0.7 {MAC} laptop", 105),
        ("dhcpd", f"DHCPRELEASE of 100.64.0.7 from {MAC} (x) via eth0 (found) via eth0 (not found)", 105),
        ("dhcpd", f"DHCPREQUEST for 100.64.0.7 from {MAC} (DHCPACK on 100.64.0.8 to {MAC} via eth0) via eth0", 105),
        (
            "kea-dhcp4",
            f"INFO  DHCP4_LEASE_ADVERT [hwtype=1 {MAC}], cid=[no info], tid=0x1f: lease 100.64.0.7 will be advertised",
            105,
        ),
    ],
)
def test_other_words_give_nobody_an_address(program, text, uid):
    assert dhcp_radius.Reader().event(session(program, text, uid=uid)) is None


@pytest.mark.parametrize(
    ("program", "text", "address"),
    [
        ("dnsmasq-dhcp", "DHCPACK(eth0) 100.64.0.7 <null>", "100.64.0.7"),
        ("dnsmasq-dhcp", f"DHCPACK(eth0) 100.64.0.7 {MAC} two words", "100.64.0.7"),
        ("dhcpd", 'DHCPACK on 100.64.0.7 to "a client of its own" (x) via eth0', "100.64.0.7"),
        ("dhcpd", f"DHCPACK on 100.64.0.7 to {MAC} over eth0", "100.64.0.7"),
        ("dhcpd", "DHCPACK on the line", dhcp_radius.UNREADABLE),
        ("dhcpd", f"DHCPACK on 1.2.3 to {MAC} via eth0", dhcp_radius.UNREADABLE),
        (
            "kea-dhcp4",
            "INFO  DHCP4_LEASE_ALLOC [no hwaddr info], cid=[01:02], tid=0x1f: lease 100.64.0.7 has been allocated for 9 seconds",
            "100.64.0.7",
        ),
        ("kea-dhcp4", "INFO  DHCP4_LEASE_ALLOC in other words", dhcp_radius.UNREADABLE),
        ("freeradius", "accounting Start 100.64.0.7 5A-1", "100.64.0.7"),
    ],
)
def test_a_line_on_a_lease_that_is_not_understood_is_one_all_the_same(program, text, address):
    event = read(program, text)
    assert (event.address, event.holds, event.account) == (address, None, "")


@pytest.mark.parametrize("number", ["", "3141592 "])
def test_an_answer_to_dhcpinform_gives_nobody_an_address(number):
    """Anybody can ask so for any address, and dnsmasq answers in the words of a lease (rfc2131.c)."""
    reader = dhcp_radius.Reader()
    said = (
        f"{number}DHCPREQUEST(eth0) 100.64.0.7 {MAC}",
        f"{number}DHCPACK(eth0) 100.64.0.7 {MAC} laptop",
        f"{number}DHCPINFORM(eth0) 100.64.0.7 02:00:00:00:00:66",
        "3141592 tags: eth0",
        f"{number}DHCPACK(eth0) 100.64.0.7 02:00:00:00:00:66 laptop",
        f"{number}DHCPREQUEST(eth0) 100.64.0.8 02:00:00:00:00:66",
        f"{number}DHCPACK(eth0) 100.64.0.8 02:00:00:00:00:66",
    )
    found = [reader.event(session("dnsmasq-dhcp", text)) for text in said]
    assert [(one.address, one.account) for one in found if one] == [
        ("100.64.0.7", MAC),
        ("100.64.0.8", "02:00:00:00:00:66"),
    ]


@pytest.mark.parametrize(
    ("name", "program", "accounts"),
    [
        ("field_kea", "kea-dhcp4", ["02:00:00:00:00:0a", "02:00:00:00:00:0a"]),
        ("field_isc", "dhcpd", ["02:00:00:00:00:0a", "02:00:00:00:00:0b"]),
    ],
)
def test_what_was_reported_from_the_field_is_read(name, program, accounts):
    """Kea by its own pattern and by Debian's, which has no logger; a client whose name holds brackets."""
    found = [read(program, text) for text in (CASES / f"{name}.txt").read_text().splitlines()]
    assert [(one.holds, one.account) for one in found] == [(True, account) for account in accounts]


def test_a_line_that_came_twice_is_counted_once(tmp_path):
    strange = session("dhcpd", "DHCPACK on 100.64.0.7 to nobody")
    path = tmp_path / "access.log"
    path.write_text("\n".join([strange, session("dhcpd", f"DHCPACK on 100.64.0.7 to {MAC} via eth0"), strange, ""]))
    assert [(event.holds, place[0]) for event, place in dhcp_radius.events(path)] == [(None, 1), (True, 2)]


def printed(name):
    """What a program printed, as records of one host; a daemon's name and number stand before each of its lines."""
    lines = (CASES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    for line in lines[1:]:
        program, text = re.fullmatch(r"([\w-]+)(?:\[\d+\])?: (.*)", line).groups()
        yield session(program, text)


MACS = {number: f"02:00:00:00:00:{number:02x}" for number in (0x0A, 0x0C, 0x0D, 0x10, 0x13, 0x14, 0x15)}
FIRST = {100: MACS[0x0A], 102: MACS[0x0C], 103: MACS[0x0D], 106: MACS[0x10]}
HELD = {
    "dhcpd": {**FIRST, 107: None, 108: None, 109: MACS[0x13], 20: MACS[0x14], 160: MACS[0x15]},
    "dnsmasq": {
        103: MACS[0x0A],
        105: MACS[0x0C],
        106: MACS[0x0D],
        110: MACS[0x10],
        132: b"\0abc] , tid=0x1: lease 10.9.0.100 has been allocated for 9 seconds".hex(":"),
        133: b"text (q) via srv".hex(":"),
        113: MACS[0x13],
        20: MACS[0x14],
    },
    "kea": {**FIRST, 105: None, 107: None, 108: MACS[0x13]},
}


@pytest.mark.parametrize("release", [12, 13])
@pytest.mark.parametrize("name", ["dhcpd", "dnsmasq", "dnsmasq_log_dhcp", "kea_own", "kea_pattern"])
def test_what_the_servers_of_debian_print_is_read(release, name):
    """One client after the other, with names that look like lines of a lease, one that gives its address back, one that
    declines it, two without a hardware address, BOOTP; and one that asks for settings and gives back what is another's."""
    reader, held = dhcp_radius.Reader(), {}
    for event in filter(None, map(reader.event, printed(f"debian{release}_{name}"))):
        if event.holds is not False:
            held[event.address] = event.account or None
        elif held.get(event.address) == event.account:
            del held[event.address]
    assert held == {f"10.9.0.{last}": account for last, account in HELD[name.split("_")[0]].items()}


@pytest.mark.parametrize("release", [12, 13])
def test_what_freeradius_of_debian_prints_is_read(release):
    """With the module of docs/trace.md: no address yet, then one; a name of two lines; blanks in session and station."""
    found = [dhcp_radius.Reader().event(text) for text in printed(f"debian{release}_freeradius")]
    assert found[0] is None
    assert [(one.address, one.holds, one.session, one.station, one.account) for one in found[1:]] == [
        ("10.9.0.50", True, "5A-1", "13800138000", "li wei"),
        ("10.9.0.50", False, "5A-1", "13800138000", "li wei"),
        ("10.9.0.51", True, "5A-2", "", "bob#012accounting Start 10.9.0.51 1 - eve"),
        ("10.9.0.52", True, "5A 3", "02-00 x", "li"),
        ("10.9.0.53", True, "5A-4", "", "\u738b"),
    ]
