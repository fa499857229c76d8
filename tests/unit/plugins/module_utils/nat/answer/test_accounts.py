# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat import times
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import tracer
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import dhcp_radius
from by_hand import NOON, at, day_of, flow, question

A = ("100.64.0.7", 50000)
PUBLIC = ("203.0.113.1", 4000)
MAC = "02:42:0a:52:04:64"


def record(program, text, when=NOON, uid=105):
    return (
        f'<30>1 {at(when)} access {program} 7 - [order82@32473 class="session" boot="82" uid="{uid}" audit=""]'
        f'[stored@32473 at="{at(when + 1)}" from="10.82.1.9" marks=""] {text}'
    )


def dhcp(address, mac=MAC, name="laptop", word="DHCPACK"):
    return f"{word}(eth0) {address} {mac} {name}".rstrip()


@pytest.fixture
def say(store):
    """Files records of class session as a collector does."""

    def write(*records):
        for when, program, text in records:
            folder = store / "session" / day_of(when).isoformat()
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "access.log").open("a") as file:
                file.write(record(program, text, when) + "\n")

    return write


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
    event = dhcp_radius.event_of(record(program, text))
    assert (event.address, event.at) == ("100.64.0.7", NOON)
    assert (event.holds, event.account, event.station, event.source, event.seconds) == expected


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
    assert dhcp_radius.event_of(record(program, text, uid=uid)) is None


def accounts(answer):
    return [(held["account"], held["since"], held["until"]) for one in answer["candidates"] for held in one["accounts"]]


def test_the_account_that_held_the_address_then_is_named(store, gateway, built, say):
    """A lease of yesterday that was renewed, then another's after a release."""
    begin = NOON - 86400000
    say(
        (begin, "dnsmasq-dhcp", dhcp(A[0])),
        (NOON - 7200000, "dnsmasq-dhcp", dhcp(A[0])),
        (NOON + 600000, "dnsmasq-dhcp", dhcp(A[0], word="DHCPRELEASE", name="")),
        (NOON + 700000, "dnsmasq-dhcp", dhcp(A[0], "02:42:0a:52:04:65", "phone")),
        (NOON, "dnsmasq-dhcp", dhcp("100.64.0.99", "02:42:0a:52:04:66", "other")),
    )
    gateway.at -= 90000000
    gateway.beats_until(gateway.at + 120000)
    gateway.flows(NOON + 5300, flow(A, PUBLIC, NOON - 5000, NOON + 5000))
    gateway.flows(NOON + 805300, flow(A, PUBLIC, NOON + 800000, NOON + 805000))
    gateway.stop(NOON + 1800000)
    first, between, second = tracer.trace_many(
        str(store), built(), [question(), question(when=NOON + 650000), question(when=NOON + 802000)]
    )
    assert accounts(first) == [(MAC, times.iso(begin), times.iso(NOON + 600000))]
    [held] = first["candidates"][0]["accounts"]
    assert (held["station"], held["source"]) == ("laptop", "DHCP")
    line = (
        (store / "session" / day_of(begin).isoformat() / "access.log")
        .read_bytes()
        .splitlines()[held["evidence"]["line"] - 1]
    )
    assert MAC.encode() in line
    assert held["evidence"]["file"] == f"session/{day_of(begin)}/access.log"
    assert accounts(second) == [("02:42:0a:52:04:65", times.iso(NOON + 700000), None)]
    assert between["candidates"] == []


def test_two_accounts_within_the_tolerance_are_ambiguous(store, gateway, built, say):
    say(
        (NOON - 60000, "freeradius", f"accounting Start {A[0]} 1 - alice"),
        (NOON, "freeradius", f"accounting Start {A[0]} 2 - bob"),
        (NOON + 10000, "freeradius", f"accounting Stop {A[0]} 1 - alice"),  # late, and of another session
    )
    gateway.flows(NOON + 60300, flow(A, PUBLIC, NOON - 30000, NOON + 60000))
    gateway.stop(NOON + 1800000)
    both, one = tracer.trace_many(str(store), built(), [question(when=NOON, tolerance=1), question(when=NOON + 20000)])
    assert (both["status"], sorted(account for account, _since, _until in accounts(both))) == (
        "ambiguous",
        ["alice", "bob"],
    )
    assert (one["status"], accounts(one)) == ("one", [("bob", times.iso(NOON), None)])


def test_a_lease_that_ran_out_is_over(store, gateway, built, say):
    ack = f"INFO  [kea-dhcp4.leases] DHCP4_LEASE_ALLOC [hwtype=1 {MAC}], cid=[x], tid=0x1: lease {A[0]} has been allocated for %d seconds"
    say((NOON - 60000, "kea-dhcp4", ack % 30), (NOON - 45000, "kea-dhcp4", ack % 40))
    gateway.flows(NOON + 60300, flow(A, PUBLIC, NOON - 50000, NOON + 60000))
    gateway.stop(NOON + 1800000)
    before, after = tracer.trace_many(str(store), built(), [question(when=NOON - 10000), question(when=NOON + 10000)])
    assert accounts(before) == [(MAC, times.iso(NOON - 60000), times.iso(NOON - 5000))]
    assert (after["status"], accounts(after)) == ("one", [])
