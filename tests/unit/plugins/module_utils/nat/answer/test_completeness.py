# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat import times
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import tracer
from by_hand import DAY, NOON, Gateway, flow, question

pytest.importorskip("duckdb")
A = ("100.64.0.7", 50000)
PUBLIC = ("203.0.113.1", 4000)
MIDNIGHT = NOON + DAY // 2


def reasons(answer):
    return " | ".join(gap["reason"] for gap in answer["gaps"])


def test_the_end_is_unknown_where_the_recorder_was_killed(store, gateway, asked):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 60000, None))
    gateway.beats_until(NOON + 120000)
    again = Gateway(store, run=NOON + 600000)
    again.begin()
    again.stop(NOON + 1200000)
    answer = asked(when=NOON + 30000)
    assert answer["status"] == "one"
    assert answer["candidates"][0]["end"] is None
    assert answer["candidates"][0]["end_unknown"] is True
    assert answer["candidates"][0]["last_seen"] == times.iso(NOON + 120000)
    for when in (NOON + 95000, NOON + 300000):  # those younger than a snapshot were not yet written
        assert "killed" in reasons(asked(when=when))
    assert asked(when=NOON + 300000)["candidates"] == []
    assert asked(when=NOON + 700000)["status"] == "nobody"


def test_what_is_not_open_at_midnight_any_more_ended_before(gateway, asked):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 60000, None))
    gateway.stop(MIDNIGHT + 3600000)
    answer = asked(when=NOON + 60000)
    assert answer["status"] == "one"
    assert answer["candidates"][0]["end_unknown"] is True
    assert answer["candidates"][0]["last_seen"] == times.iso(NOON)
    assert asked(when=MIDNIGHT + 600000)["status"] == "nobody"


def test_a_flow_that_goes_on_is_one_while_its_stream_lives(gateway, asked):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 60000, None))
    gateway.beats_until(NOON + 600000)
    answer = asked(when=NOON + 300000)
    assert answer["status"] == "one"
    assert (answer["candidates"][0]["end"], answer["candidates"][0]["end_unknown"]) == (None, False)
    assert asked(when=NOON + 590000)["status"] == "unknown"


def test_a_missing_text_breaks_its_time_and_what_was_young_before(gateway, asked):
    gateway.beats_until(NOON)
    gateway.stream.seq += 1
    gateway.stop(NOON + 600000)
    assert asked(when=NOON - 31000 - 1000)["status"] == "nobody"
    assert "text 63 is missing" in reasons(asked(when=NOON - 20000))
    assert asked(when=NOON + 59000)["status"] == "unknown"
    assert asked(when=NOON + 61000)["status"] == "nobody"


def test_lost_events_a_missing_beat_and_no_ruleset_break_their_time(gateway, asked):
    gateway.beats_until(NOON)
    gateway.lost = 7
    gateway.beats_until(NOON + 300000)
    gateway.beat(NOON + 600000)
    gateway.beats_until(NOON + 900000)
    gateway.beat(NOON + 960000, plan=None)
    gateway.beat(NOON + 1020000)
    gateway.stop(NOON + 1800000)
    assert "7 events of the kernel were lost" in reasons(asked(when=NOON + 30000))
    assert asked(when=NOON + 200000)["status"] == "nobody"
    assert "no beat for 300 s" in reasons(asked(when=NOON + 450000))
    assert asked(when=NOON + 800000)["status"] == "nobody"
    assert "no ruleset" in reasons(asked(when=NOON + 961000))
    assert asked(when=NOON + 1100000)["status"] == "nobody"


def test_no_index_is_not_nobody(store, gateway, tmp_path):
    answer = tracer.trace(str(store), str(tmp_path / "none"), question())
    assert (answer["status"], answer["covered"]) == ("unknown", False)
    assert "are indexed" in reasons(answer)


def test_a_lost_translation_does_not_make_a_fixed_block_unsure(store, asked):
    gateway = Gateway(store, plan=["block,homes,100.64.0.7,203.0.113.1,1024,2047"])
    gateway.begin()
    gateway.beats_until(NOON)
    gateway.stream.seq += 1
    gateway.stop(NOON + 600000)
    assert asked(port=1500, when=NOON + 30000)["status"] == "one"


def test_a_plan_of_which_a_part_is_missing_is_said_to_be(store, asked):
    gateway = Gateway(
        store, plan=[f"block,homes,100.64.{n // 250}.{n % 250},203.0.113.1,{n},{n}" for n in range(1024, 1400)]
    )
    gateway.begin()
    gateway.stop(NOON + 600000)
    path = gateway.file(NOON)
    path.write_bytes(b"".join(line for line in path.read_bytes().splitlines(True) if b" part=2/" not in line))
    assert "not complete" in reasons(asked(port=1100))


def test_two_gateways_are_judged_each_by_its_own_records(store, asked):
    for number in (1, 2):
        one = Gateway(store, name=f"gateway{number}", plan=[f"shared,homes,100.64.0.0/10,203.0.113.{number},1,65535"])
        one.begin()
        one.flows(NOON + 2000, flow(A, (f"203.0.113.{number}", 4000), NOON - 9000, NOON + 1000))
        if number == 1:
            one.stop(NOON + 600000)
    assert asked()["status"] == "one"
    assert asked("203.0.113.2")["status"] == "unknown"
    assert asked("203.0.113.2")["candidates"][0]["gateway"] == "gateway2"


def test_tolerance_is_what_the_clock_was_uncertain_by(store, built):
    one = Gateway(store, clock=2500)
    one.begin()
    one.flows(NOON + 61000, flow(A, PUBLIC, NOON, NOON + 60000))
    one.stop(NOON + 1800000)
    one.file(NOON).with_name("no-gateway.log").touch()
    with_clock = tracer.trace(str(store), built(), question(when=NOON + 62000, tolerance=None))
    assert (with_clock["tolerance_seconds"], with_clock["status"], with_clock["notes"]) == (2.5, "one", [])
    assert tracer.trace(str(store), built(), question(when=NOON + 63000, tolerance=None))["status"] == "nobody"


@pytest.mark.parametrize("clock", [None, "before"])
def test_a_clock_that_is_not_on_record_is_said(store, built, clock):
    one = Gateway(store, clock=5 if clock else None)
    one.begin()
    one.beats_until(NOON + 600000)
    one.clock = None
    one.stop(NOON + 1800000)
    answer = tracer.trace(str(store), built(), question(when=NOON + 1200000, tolerance=None))
    assert (answer["tolerance_seconds"], answer["status"]) == (1.0, "nobody")
    assert "not on record" in answer["notes"][0]


INVENTORY = {"gateways": ["gateway"], "others": ["collector", "vault"]}


@pytest.mark.parametrize(
    ("inventory", "files", "status"),
    [
        (INVENTORY, ("collector", "vault"), "nobody"),
        (INVENTORY, ("collector", "gone"), "unknown"),  # the inventory no longer has it: it may have been one
        ({**INVENTORY, "gateways": ["gateway", "silent"]}, ("collector",), "unknown"),
        (None, ("collector",), "unknown"),  # nobody says which hosts are gateways
    ],
)
def test_an_address_that_no_gateway_had_is_nobodys(gateway, built, inventory, files, status):
    """A collector makes the files of all hosts: those that translate nothing miss nothing."""
    gateway.stop(NOON + 600000)
    for name in files:
        gateway.file(NOON).with_name(f"{name}.log").touch()
    answer = tracer.trace(str(gateway.store), built(inventory=inventory), question("198.51.100.200"))
    assert answer["status"] == status
    assert {gap["gateway"] for gap in answer["gaps"]} <= {"collector", "gone", "silent"}


def test_without_the_record_of_any_gateway_it_is_not_nobodys(store, gateway, built):
    gateway.stop(NOON + 600000)
    gateway.file(NOON).with_name("collector.log").touch()
    folder = built(inventory=INVENTORY)
    assert tracer.trace(str(store), folder, question("198.51.100.200", when=NOON + 3 * DAY))["status"] == "unknown"


def test_an_inside_address_is_one_however_it_is_written(store, gateway, built):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 60000, NOON - 10))
    gateway.stop(NOON + 600000)
    answer = tracer.reverse(str(store), built(), "::ffff:100.64.0.7", NOON - 60000, NOON)
    assert (answer["inside_address"], len(answer["candidates"])) == ("100.64.0.7", 1)
