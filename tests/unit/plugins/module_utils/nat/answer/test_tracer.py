# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat import times
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import tracer, translations
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import catalogue
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import record_text
from by_hand import DAY, NOON, Gateway, day_of, flow, question

pytest.importorskip("duckdb")
A, B = ("100.64.0.7", 50000), ("100.64.0.8", 50001)
PUBLIC = ("203.0.113.1", 4000)
MIDNIGHT = NOON + DAY // 2


@pytest.fixture
def asked(store, built):
    """Asks and gives the one answer."""

    def one(*arguments, **options):
        return tracer.trace(str(store), built(), question(*arguments, **options))

    return one


def insides(answer):
    return [one["inside_address"] for one in answer["candidates"]]


def reasons(answer):
    return " | ".join(gap["reason"] for gap in answer["gaps"])


def test_the_same_port_minutes_later_is_another_subscriber(gateway, asked):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 60000, NOON - 10))
    gateway.flows(NOON + 240000, flow(B, PUBLIC, NOON + 120000, NOON + 239000))
    gateway.stop(NOON + 600000)
    answers = [asked(when=NOON + seconds * 1000 - 1) for seconds in (-60, -59, 0, 1, 60, 121, 239, 241)]
    assert [answer["status"] for answer in answers] == [
        *("nobody", "one", "nobody", "nobody", "nobody", "one", "one", "nobody")
    ]
    assert insides(answers[1]) == ["100.64.0.7"]
    assert insides(answers[5]) == insides(answers[6]) == ["100.64.0.8"]


def test_all_within_the_tolerance_are_candidates(gateway, asked):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 60000, NOON - 10))
    gateway.flows(NOON + 240000, flow(B, PUBLIC, NOON + 120000, NOON + 239000))
    gateway.stop(NOON + 600000)
    answer = asked(when=NOON + 60000, tolerance=61)
    assert (answer["status"], answer["ambiguous"], insides(answer)) == ("ambiguous", True, ["100.64.0.7", "100.64.0.8"])


def test_protocols_have_ports_of_their_own_and_all_are_meant_without_one(gateway, asked):
    gateway.flows(
        NOON + 2000,
        flow(A, PUBLIC, NOON - 9000, NOON + 1000),
        flow(B, PUBLIC, NOON - 9000, NOON + 1000, protocol=17),
    )
    gateway.stop(NOON + 600000)
    assert insides(asked(protocol="udp")) == ["100.64.0.8"]
    assert insides(asked(protocol=6)) == ["100.64.0.7"]
    assert asked()["status"] == "ambiguous"
    assert asked(protocol="icmp")["status"] == "nobody"


def test_without_a_port_all_who_had_the_address_are_candidates(gateway, asked):
    gateway.flows(
        NOON + 2000,
        flow(A, PUBLIC, NOON - 9000, NOON + 1000),
        flow(B, ("203.0.113.1", 65535), NOON - 9000, NOON + 1000),
        flow(B, ("203.0.113.2", 1), NOON - 9000, NOON + 1000),
    )
    gateway.stop(NOON + 600000)
    answer = asked(port=None)
    assert insides(answer) == ["100.64.0.7", "100.64.0.8"]
    assert "no port" in answer["notes"][0]


def test_the_same_subscriber_to_two_destinations_is_one(gateway, asked):
    gateway.flows(
        NOON + 2000,
        flow(A, PUBLIC, NOON - 9000, NOON + 1000, destination=("192.0.2.1", 443)),
        flow(A, PUBLIC, NOON - 9000, NOON + 1500, destination=("192.0.2.2", 443)),
    )
    gateway.stop(NOON + 600000)
    answer = asked()
    assert (answer["status"], len(answer["candidates"])) == ("one", 2)
    assert len(asked(destination_address="192.0.2.2")["candidates"]) == 1


def test_a_flow_over_midnight_is_one_in_both_days(store, gateway, asked, built):
    begin, end = MIDNIGHT - 3600000, MIDNIGHT + 3600000
    gateway.flows(begin + 31000, flow(A, PUBLIC, begin, None))
    gateway.flows(MIDNIGHT + 500, flow(A, PUBLIC, begin, None))
    gateway.flows(end + 500, flow(A, PUBLIC, begin, end))
    gateway.stop(end + 600000)
    for when in (begin + 1000, MIDNIGHT - 1000, MIDNIGHT + 1000, end - 1000):
        answer = asked(when=when)
        assert (answer["status"], insides(answer)) == ("one", ["100.64.0.7"])
        [candidate] = answer["candidates"]
        assert (candidate["end"], candidate["end_unknown"]) == (times.iso(end), False)
        assert candidate["evidence"]["file"] == f"nat_mapping/{day_of(end)}/gateway.log"
    assert asked(when=begin - 1000)["status"] == asked(when=end + 1000)["status"] == "nobody"


def test_an_end_that_comes_days_late_is_found(store, gateway, asked):
    gateway.flows(NOON + 31000, flow(A, PUBLIC, NOON, None))
    gateway.beats_until(NOON + 600000)
    late = gateway.stream.flows(NOON + 600500, [flow(A, PUBLIC, NOON, NOON + 600000)])
    gateway.write(late, NOON + 3 * DAY)
    gateway.stop(NOON + 900000)
    answer = asked(when=NOON + 300000)
    assert (answer["status"], answer["candidates"][0]["end"]) == ("one", times.iso(NOON + 600000))


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


def test_the_plan_answers_where_blocks_are_fixed(store, asked):
    gateway = Gateway(
        store,
        plan=[
            "block,homes,100.64.0.7,203.0.113.1,1024,2047",
            "block,homes,100.64.0.8,203.0.113.1,2048,3071",
            "overflow,homes,100.64.0.8,203.0.113.1,8192,8447",
        ],
    )
    gateway.begin()
    gateway.stop(NOON + 600000)
    answer = asked(port=2048, protocol="udp")
    [one] = answer["candidates"]
    assert answer["status"] == "one"
    assert (one["mode"], one["inside_address"], one["inside_port"]) == ("deterministic", "100.64.0.8", None)
    assert (one["pool"], one["plan"], one["protocol"]) == ("homes", record_text.plan_id(gateway.plan), 17)
    assert one["begin"] == times.iso(NOON - 3600000)
    assert one["evidence"]["entry"] == "block,homes,100.64.0.8,203.0.113.1,2048,3071"
    assert one["evidence"]["intact"] is True
    assert [plan["plan"] for plan in answer["plans"]] == [record_text.plan_id(gateway.plan)]
    assert insides(asked(port=8200)) == ["100.64.0.8"]
    assert asked(port=5000)["status"] == "nobody"
    assert insides(asked(port=None)) == ["100.64.0.7", "100.64.0.8", "100.64.0.8"]


def test_after_a_change_of_plan_each_time_has_its_own(store, asked):
    old, new = (
        [f"block,homes,100.64.0.{a},203.0.113.1,1024,2047", f"block,homes,100.64.0.{b},203.0.113.1,2048,3071"]
        for a, b in ((7, 8), (8, 7))
    )
    gateway = Gateway(store, plan=old)
    gateway.begin()
    gateway.beats_until(NOON)
    gateway.plan = new
    gateway.epoch(NOON + 20000)
    gateway.epoch(NOON + 20041, "end", old)
    gateway.plan_texts(NOON + 20100)
    gateway.stop(NOON + 600000)
    before, during, after = (asked(port=1500, when=NOON + 20000 + add) for add in (-1001, 20, 2000))
    assert (insides(before), before["status"]) == (["100.64.0.7"], "one")
    assert (insides(after), after["status"]) == (["100.64.0.8"], "one")
    assert during["status"] == "ambiguous"
    assert [plan["plan"] for plan in during["plans"]] == [record_text.plan_id(old), record_text.plan_id(new)]
    assert before["candidates"][0]["end"] == times.iso(NOON + 20041)
    assert after["candidates"][0]["begin"] == times.iso(NOON + 20000)


def test_a_plan_that_changed_nobody_knows_when_makes_both_candidates(store, asked):
    gateway = Gateway(store, plan=["block,homes,100.64.0.7,203.0.113.1,1024,2047"])
    gateway.begin()
    gateway.beats_until(NOON)
    gateway.plan = ["block,homes,100.64.0.8,203.0.113.1,1024,2047"]
    gateway.plan_texts(NOON + 20000)
    gateway.stop(NOON + 600000)
    assert asked(port=1500, when=NOON + 30000)["status"] == "ambiguous"
    assert insides(asked(port=1500, when=NOON - 30000)) == ["100.64.0.7"]
    assert insides(asked(port=1500, when=NOON + 90000)) == ["100.64.0.8"]


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


def test_an_ipv6_prefix_is_moved_back(store, asked):
    gateway = Gateway(store, plan=["prefix,homes,fd00:1:2::/48,2001:db8:9::/48"])
    gateway.begin()
    gateway.stop(NOON + 600000)
    answer = asked("2001:db8:9:7::42", port=443, protocol="tcp")
    assert answer["status"] == "one"
    [one] = answer["candidates"]
    assert (one["mode"], one["inside_address"], one["inside_port"]) == ("prefix", "fd00:1:2:7::42", 443)
    assert asked("2001:db8:a::1")["status"] == "nobody"


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


def test_many_requests_have_the_same_answers_as_one_by_one(store, gateway, built, monkeypatch):
    requests = []
    for number in range(60):
        inside = (f"100.64.1.{number}", 40000 + number)
        entry = flow(inside, ("203.0.113.1", 5000 + number % 20), NOON + number * 5000, NOON + number * 5000 + 4000)
        gateway.flows(NOON + number * 5000 + 4100, entry)
        requests += [question(port=5000 + number % 20, when=NOON + number * 5000 + add) for add in (-3000, 1000)]
    gateway.flows(NOON + 400000, flow(A, PUBLIC, NOON, None))
    gateway.stop(NOON + 600000)
    requests += [question(when=NOON + 60000), question(port=None), question(when=None), question("2001:db8::1")]
    folder = built()
    many = tracer.trace_many(str(store), folder, requests)
    monkeypatch.setattr(translations, "FEW", 1000)
    assert many == tracer.trace_many(str(store), folder, requests)
    assert many == [tracer.trace(str(store), folder, one) for one in requests]
    assert [answer["status"] for answer in many[:4]] == ["nobody", "one", "nobody", "one"]
    assert many[-4]["status"] == "one"
    assert all(one["evidence"] for answer in many for one in answer["candidates"])


def test_at_any_time_means_all_days_as_far_as_records_go(store, gateway, asked):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 9000, NOON - 10))
    gateway.flows(NOON + DAY, flow(B, PUBLIC, NOON + DAY - 9000, NOON + DAY - 10))
    gateway.stop(NOON + DAY + 600000)
    answer = asked(when=None)
    assert (answer["status"], insides(answer)) == ("ambiguous", ["100.64.0.7", "100.64.0.8"])
    assert asked(port=4001, when=None)["status"] == "nobody"
    assert asked(port=4001, when=NOON + 2 * DAY)["status"] == "unknown"


def test_the_reverse_tells_what_an_inside_address_used(store, built):
    plan = [
        "block,work,100.65.0.1,203.0.113.9,1024,2047",
        "shared,homes,100.64.0.0/10,203.0.113.1,1024,65535",
        "prefix,homes,fd00:1:2::/48,2001:db8:9::/48",
    ]
    gateway = Gateway(store, plan=plan)
    gateway.begin()
    gateway.flows(
        NOON + 2000,
        flow(A, PUBLIC, NOON - 9000, NOON + 1000),
        flow(A, ("203.0.113.1", 4001), NOON - 9000, NOON + 1000),
        flow(B, ("203.0.113.1", 4002), NOON - 9000, NOON + 1000),
    )
    gateway.flows(NOON + 31000, flow(A, ("203.0.113.1", 4003), NOON, None))
    gateway.stop(NOON + 600000)
    folder = built()

    def used(inside, since=NOON - 60000, until=NOON + 60000, **options):
        answer = tracer.reverse(str(store), folder, inside, since, until, **options)
        return answer, [(one["public_address"], one["public_port"]) for one in answer["candidates"]]

    answer, uses = used("100.64.0.7")
    assert uses == [("203.0.113.1", 4000), ("203.0.113.1", 4001), ("203.0.113.1", 4003)]
    assert answer["covered"] and all(one["evidence"] for one in answer["candidates"])
    assert used("100.64.0.7", until=NOON - 30000)[1] == []
    answer, uses = used("100.65.0.1")
    assert (uses, answer["candidates"][0]["public_port_last"]) == ([("203.0.113.9", 1024)], 2047)
    assert used("fd00:1:2::42")[1] == [("2001:db8:9::42", None)]
    answer, uses = used("100.64.0.7", most=2)
    assert answer["cut"] and len(uses) == 2


def test_a_day_with_another_catalogue_is_named(store, gateway, built):
    folder = built()
    path = store.parent / "index" / f"{day_of(NOON)}.json"
    path.write_text(path.read_text().replace(f'"format":{catalogue.FORMAT}', '"format":0'))
    with pytest.raises(ValueError, match="another version"):
        tracer.trace(str(store), folder, question())
    assert tracer.trace(str(store), built(), question())["status"] == "unknown"


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


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("after", [10000, 2 * 86400000])
def test_an_end_just_after_midnight_is_known_to_who_asks_for_the_minutes_after_it(store, gateway, built, after, many):
    begin, end = MIDNIGHT - 3600000, MIDNIGHT + after
    gateway.flows(begin + 60000, flow(A, PUBLIC, begin, None))
    gateway.flows(end + 100, flow(A, PUBLIC, begin, end))
    gateway.stop(end + 1800000)
    asked = [question(when=end + add) for add in (-2000, 2000, 60000, 130000)] * (10 if many else 1)
    answers = tracer.trace_many(str(store), built(), asked)
    assert [answer["status"] for answer in answers[:4]] == ["one", "nobody", "nobody", "nobody"]
    [one] = answers[0]["candidates"]
    assert (one["end"], one["end_unknown"]) == (times.iso(end), False)
    used = tracer.reverse(str(store), built(), A[0], end + 2000, end + 4000)["candidates"]
    assert [one for one in used if one["mode"] == "sessions"] == []
