# SPDX-License-Identifier: GPL-3.0-or-later
"""For how much of the past records of translations are missing, and what accounts for it."""

from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import history, tracer
from ansible_collections.order82.baseline.plugins.module_utils.nat.times import iso
from ansible_collections.order82.baseline.plugins.module_utils.observers import translation_index
from ansible_collections.order82.baseline.plugins.module_utils.records.settings import Settings
from by_hand import DAY, NOON, Gateway, flow

pytest.importorskip("duckdb")
A, B = ("100.64.0.7", 50000), ("100.64.0.8", 50001)
PUBLIC = ("203.0.113.1", 4000)
MINUTE = 60000


@pytest.fixture
def seen(store, built):
    """Tells what is missing up to a time at which the index is built."""

    def look(until=NOON + 10 * MINUTE, working=("gateway",), explained=()):
        with tracer.Tracer(str(store), built()) as one:
            return history.missing(
                one.completeness.sums(until - 60 * DAY, until),
                set(working),
                until - 60 * DAY,
                until,
                history.explanations(explained),
            )

    return look


def again(store, when, minutes=10):
    one = Gateway(store, run=when)
    one.begin()
    one.beats_until(when + minutes * MINUTE)
    return one


def test_a_recorder_that_began_today_has_missed_nothing(gateway, seen):
    gateway.beats_until(NOON + 10 * MINUTE)
    assert seen() == (0, [], [], 0)


def test_a_recorder_that_was_killed_is_missed_until_it_is_back(store, gateway, seen):
    gateway.beats_until(NOON)
    again(store, NOON + 5 * MINUTE, 5)
    found = seen()
    assert found.missing == 5 * MINUTE
    assert [(gap[0], gap[1], gap[2]) for gap in found.gaps] == [("gateway", NOON, NOON + 5 * MINUTE)]
    assert "killed" in history.sentence(found.gaps[0])
    assert "(300 s)" in history.sentence(found.gaps[0])


def test_what_was_lost_is_remembered_when_the_recorder_begins_anew(store, gateway, seen):
    gateway.beats_until(NOON)
    gateway.lost = 7
    gateway.beats_until(NOON + 2 * MINUTE)
    gateway.stop(NOON + 2 * MINUTE + 1000)
    again(store, NOON + 2 * MINUTE + 2000, 8)
    found = seen()
    assert (found.missing, found.restarts) == (MINUTE, 1000)
    assert "7 events" in found.gaps[0][3]


def test_a_day_without_a_record_is_missing(store, gateway, seen):
    gateway.beats_until(NOON)
    again(store, NOON + 2 * DAY)
    assert seen(NOON + 2 * DAY + 10 * MINUTE).missing == 2 * DAY


def test_a_gateway_that_fell_silent_is_missing_unless_it_is_none_any_more(gateway, seen):
    """What is younger than half an hour may be on its way."""
    gateway.beats_until(NOON)
    assert seen(NOON + 32 * MINUTE).missing == 0
    assert seen(NOON + 90 * MINUTE).missing == 60 * MINUTE
    assert seen(NOON + 90 * MINUTE, working=()).missing == 0


def beats_without_a_plan(gateway, *minutes):
    for minute in minutes:
        gateway.beat(NOON + minute * MINUTE, plan=None)


def test_a_recorder_that_begins_before_its_plan_has_missed_nothing(store, seen):
    one = Gateway(store, run=NOON)
    beats_without_a_plan(one, 0, 1)
    one.epoch(NOON + MINUTE + 20000)
    one.plan_texts(NOON + MINUTE + 20000)
    one.beat(NOON + 2 * MINUTE)
    one.beats_until(NOON + 10 * MINUTE)
    assert seen().missing == 0


def test_rules_that_were_flushed_without_a_word_are_missed_until_they_are_back(gateway, seen):
    gateway.beats_until(NOON)
    beats_without_a_plan(gateway, 1, 2)
    gateway.epoch(NOON + 2 * MINUTE + 20000)
    gateway.beats_until(NOON + 10 * MINUTE)
    found = seen()
    assert found.missing == 2 * MINUTE + 20000  # since the last beat that knew of a plan
    assert "no ruleset" in found.gaps[0][3]


@pytest.mark.parametrize(("away", "missing"), [(30, 0), (61, 61000)])
def test_a_restart_in_order_is_short(store, gateway, seen, away, missing):
    gateway.stop(NOON)
    again(store, NOON + away * 1000)
    found = seen()
    assert (found.missing, found.restarts) == (missing, 0 if missing else away * 1000)


def test_where_no_plan_was_in_force_nothing_was_translated(store, gateway, seen):
    gateway.beats_until(NOON)
    gateway.epoch(NOON, "end")
    gateway.stop(NOON + 1000)
    again(store, NOON + 5 * MINUTE, 5)
    assert seen().missing == 0


def test_a_plan_that_was_replaced_ends_while_the_new_one_is_in_force(store, gateway, seen):
    gateway.beats_until(NOON)
    gateway.epoch(NOON + 1000, "begin", plan=["shared,other,100.64.0.0/10,203.0.113.9,1024,65535"])
    gateway.epoch(NOON + 2000, "end")
    again(store, NOON + 5 * MINUTE, 5)
    assert seen().missing == 5 * MINUTE


def test_a_machine_that_was_switched_off_without_a_word_is_missed(store, gateway, seen):
    gateway.beats_until(NOON)
    gateway.epoch(NOON - DAY, "end", plan=["shared,other,100.64.0.0/10,203.0.113.9,1024,65535"])
    again(store, NOON + 5 * MINUTE, 5)
    assert seen().missing == 5 * MINUTE


def test_what_people_explain_is_shown_and_the_rest_stays(store, gateway, seen):
    gateway.beats_until(NOON)
    again(store, NOON + 5 * MINUTE, 5)
    why = {"gateway": "gateway", "since": iso(NOON - MINUTE), "until": iso(NOON + 4 * MINUTE), "reason": "a power cut"}
    found = seen(explained=[why])
    assert (found.missing, len(found.gaps)) == (MINUTE - 1, 1)
    assert "a power cut" in history.sentence(found.explained[0])
    assert seen(explained=[{**why, "gateway": "other"}]).missing == 5 * MINUTE


@pytest.mark.parametrize("wrong", [{"reason": " "}, {"since": "2026-09-22 12:00"}, {"until": "soon"}])
def test_an_explanation_has_a_reason_and_times_with_their_offset(wrong):
    why = {"gateway": "gateway", "since": iso(NOON), "until": iso(NOON + MINUTE), "reason": "a power cut"}
    with pytest.raises(ValueError, match=r"reason|offset|time"):
        history.explanations([{**why, **wrong}])


class Collector:
    """A collector that is asked by its observer."""

    def __init__(self, store, built, monkeypatch):
        self.built = built
        settings = Settings(str(store), ("nat_mapping",), ("gateway",), "nobody", 60, 1, 0, gateways=("gateway",))
        monkeypatch.setattr(translation_index.record_settings, "load", lambda: settings)

    def seen(self, explained=()):
        return translation_index.nat_history(self.built(), list(explained))


@pytest.fixture
def collector(store, built, monkeypatch):
    return Collector(store, built, monkeypatch)


def test_a_recorded_translation_of_each_pool_is_asked_for_and_found(gateway, collector):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 60000, NOON - 1000), flow(B, PUBLIC, NOON - 900, NOON - 10))
    gateway.beats_until(NOON + MINUTE)
    found = collector.seen()
    assert (found["asked"], found["unanswered"]) == (["homes of gateway"], [])


def test_it_is_asked_for_before_midnight_too_when_the_files_of_the_next_day_are_there(store, gateway, collector):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 60000, NOON - 1000))
    gateway.beats_until(NOON + MINUTE)
    tomorrow = gateway.file(NOON + DAY)
    tomorrow.parent.mkdir(parents=True, exist_ok=True)
    tomorrow.touch()
    index = collector.built()
    assert translation_index.nat_history(index, [])["asked"] == ["homes of gateway"]


def test_an_index_that_names_another_is_red(store, gateway, collector, monkeypatch):
    """Built of other records: the records are the evidence."""
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 60000, NOON - 1000))
    index = collector.built()
    name = gateway.file(NOON)
    content = name.read_bytes()
    other = gateway.line(gateway.stream.flows(NOON, [flow(B, PUBLIC, NOON - 60000, NOON - 1000)]), NOON)
    own = next(line for line in content.splitlines(keepends=True) if b" flows " in line)
    name.write_bytes(content.replace(own, other))
    found = translation_index.nat_history(index, [])
    assert found["asked"] == ["homes of gateway"]
    [sentence] = found["unanswered"]
    assert "is not 100.64.0.8 port 50001" in sentence


@pytest.mark.parametrize("who", [{"uid": 1000, "unit": "x.service"}, {"program": "other"}])
def test_what_others_wrote_is_not_asked_for(gateway, collector, who):
    gateway.write(gateway.stream.flows(NOON, [flow(A, PUBLIC, NOON - 60000, NOON - 1000)]), NOON, **who)
    assert collector.seen()["asked"] == []


def test_before_anything_was_recorded_nothing_is_asked_and_nothing_missing(store, collector, gateway):
    found = collector.seen()
    assert (found["asked"], found["unanswered"]) == ([], [])


def test_without_an_index_there_is_no_history(tmp_path, collector):
    found = translation_index.nat_history(str(tmp_path / "none"), [])
    assert (found["gap_seconds"], found["gaps"], found["unanswered"]) == (0, [], [])
