# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat import times
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import tracer, translations
from ansible_collections.order82.baseline.plugins.module_utils.nat.plan import plan_id
from by_hand import DAY, NOON, Gateway, day_of, flow, question

pytest.importorskip("duckdb")
A, B = ("100.64.0.7", 50000), ("100.64.0.8", 50001)
PUBLIC = ("203.0.113.1", 4000)
MIDNIGHT = NOON + DAY // 2


def insides(answer):
    return [one["inside_address"] for one in answer["candidates"]]


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
    assert (one["pool"], one["plan"], one["protocol"]) == ("homes", plan_id(gateway.plan), 17)
    assert one["begin"] == times.iso(NOON - 3600000)
    assert one["evidence"]["entry"] == "block,homes,100.64.0.8,203.0.113.1,2048,3071"
    assert one["evidence"]["intact"] is True
    assert [plan["plan"] for plan in answer["plans"]] == [plan_id(gateway.plan)]
    assert insides(asked(port=8200)) == ["100.64.0.8"]
    assert asked(port=5000)["status"] == "nobody"
    assert insides(asked(port=None)) == ["100.64.0.7", "100.64.0.8", "100.64.0.8"]


@pytest.mark.parametrize(
    ("public", "inside", "beside"),
    [
        ("2001:db8:9:7::42", "fd00:1:2:7::42", "2001:db8:a::1"),
        ("203.0.113.39", "10.9.0.7", "203.0.113.31"),
        ("198.51.100.130", "198.51.100.130", "198.51.100.127"),  # only routed
    ],
)
def test_a_prefix_is_moved_back(store, asked, public, inside, beside):
    plan = [
        "prefix,homes,fd00:1:2::/48,2001:db8:9::/48",
        "prefix,offices,10.9.0.0/29,203.0.113.32/29",
        "prefix,hosting,198.51.100.128/25,198.51.100.128/25",
        "block,others,100.64.0.8,203.0.113.31,2048,3071",
    ]
    gateway = Gateway(store, plan=plan)
    gateway.begin()
    gateway.stop(NOON + 600000)
    answer = asked(public, port=443, protocol="tcp")
    assert answer["status"] == "one"
    [one] = answer["candidates"]
    assert (one["mode"], one["inside_address"], one["inside_port"]) == ("prefix", inside, 443)
    assert asked(beside)["status"] == "nobody"
    assert insides(asked("203.0.113.31", port=2048)) == ["100.64.0.8"]


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
        "prefix,offices,10.9.0.0/29,203.0.113.32/29",
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
    assert used("10.9.0.7")[1] == [("203.0.113.39", None)]
    answer, uses = used("100.64.0.7", most=2)
    assert answer["cut"] and len(uses) == 2


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


def test_a_question_while_a_day_is_built_anew_is_answered_from_the_new(store, gateway, built):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 9000, NOON - 10))
    folder = built()
    with tracer.Tracer(str(store), folder) as one:
        gateway.flows(NOON + 1000, flow(B, PUBLIC, NOON, NOON + 900))
        built()
        assert len(one.ask([question(when=NOON - 500)])[0]["candidates"]) == 1
