# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import argparse
import json

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat import times
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import commands, tracer
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import build, update
from ansible_collections.order82.baseline.plugins.module_utils.records.settings import Settings
from by_hand import NOON, day_of, flow, question, session

A = ("100.64.0.7", 50000)
PUBLIC = ("203.0.113.1", 4000)
MAC = "02:42:0a:52:04:64"


@pytest.fixture
def say(store):
    """Files records of class session as a collector does."""

    def write(*records, host="access"):
        for when, program, text in records:
            folder = store / "session" / day_of(when).isoformat()
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / f"{host}.log").open("a") as file:
                file.write(session(program, text, when) + "\n")

    return write


def dhcp(address, mac=MAC, name="laptop", word="DHCPACK"):
    return f"{word}(eth0) {address} {mac} {name}".rstrip()


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


@pytest.mark.parametrize("text", [f"DHCPACK on {A[0]} to a stranger", "DHCPACK on the line"])
def test_a_line_that_nobody_understands_ends_what_was_known_and_is_shown(store, gateway, built, say, text):
    """Also where it does not even say of which address it is."""
    ack = f"DHCPACK on {A[0]} to {MAC} (laptop) via eth0"
    say((NOON - 60000, "dhcpd", ack), (NOON, "dhcpd", text), (NOON + 60000, "dhcpd", ack))
    gateway.flows(NOON + 120300, flow(A, PUBLIC, NOON - 30000, NOON + 120000))
    gateway.stop(NOON + 1800000)
    before, strange, after = tracer.trace_many(
        str(store), built(), [question(when=NOON + seconds * 1000) for seconds in (-20, 20, 80)]
    )
    assert accounts(before) == [(MAC, times.iso(NOON - 60000), times.iso(NOON))]
    assert accounts(strange) == [(None, times.iso(NOON), times.iso(NOON + 60000))]
    assert accounts(after) == [(MAC, times.iso(NOON + 60000), None)]
    assert (before["notes"], after["notes"]) == ([], [])
    (note,) = strange["notes"]
    assert f"session/{day_of(NOON)}/access.log line 2" in note
    assert "持有人不明" in note
    assert note in commands._table(strange)
    document = json.loads((store.parent / "index" / f"{day_of(NOON)}.json").read_text())
    assert document["not_understood"] == 1
    bad = json.loads((store.parent / "index" / document["folder"] / "bad.json").read_text())["not_understood"]
    assert (bad["total"], bad["lines"][0][:2]) == (1, ["access.log", 2])


def test_a_line_without_an_address_says_nothing_of_what_other_hosts_give_out(store, gateway, built, say):
    say((NOON - 60000, "dhcpd", f"DHCPACK on {A[0]} to {MAC} (laptop) via eth0"))
    say((NOON, "dhcpd", "DHCPACK on the line"), host="another")
    gateway.flows(NOON + 120300, flow(A, PUBLIC, NOON - 30000, NOON + 120000))
    gateway.stop(NOON + 1800000)
    (answer,) = tracer.trace_many(str(store), built(), [question(when=NOON + 20000)])
    assert accounts(answer) == [(MAC, times.iso(NOON - 60000), None)]


def test_a_holder_and_a_line_that_nobody_understands_within_the_tolerance_are_ambiguous(store, gateway, built, say):
    say(
        (NOON - 60000, "dhcpd", f"DHCPACK on {A[0]} to {MAC} via eth0"),
        (NOON, "dhcpd", f"DHCPACK on {A[0]} to x via eth0"),
    )
    gateway.flows(NOON + 60300, flow(A, PUBLIC, NOON - 30000, NOON + 60000))
    gateway.stop(NOON + 1800000)
    (answer,) = tracer.trace_many(str(store), built(), [question(when=NOON, tolerance=1)])
    assert (answer["status"], [account for account, _since, _until in accounts(answer)]) == ("ambiguous", [MAC, None])


def test_the_command_names_the_lines_that_nobody_understands(store, gateway, say, tmp_path, monkeypatch):
    gateway.stop(NOON + 600000)
    say((NOON, "dhcpd", f"DHCPACK on {A[0]} to x via eth0"))
    settings = Settings(str(store), ("session",), ("gateway", "access"), "nobody", 60, 1, 0, ("gateway",))
    monkeypatch.setattr(update.record_settings, "load", lambda: settings)
    document, said, code = update.command(argparse.Namespace(index=str(tmp_path / "index"), publish=False))
    assert (
        f"not understood / 无法理解: 1 lines on leases of {day_of(NOON)}, first access.log line 1: its words of {A[0]}"
        in said
    )
    assert (document["days"][0]["not_understood"], code) == (1, 0)


def test_days_that_an_earlier_version_read_are_read_again_one_at_a_time(store, gateway, built, say):
    gateway.stop(NOON + 2 * 86400000)
    folder = built()
    names = [f"{day_of(NOON + days * 86400000)}" for days in range(3)]
    for name in names:
        path = store.parent / "index" / f"{name}.json"
        document = json.loads(path.read_text())
        del document["not_understood"]
        path.write_text(json.dumps(document))
    for name in reversed(names):
        assert [str(day) for day in build.stale(str(store), folder)] == [name]
        built()
    assert build.stale(str(store), folder) == []
