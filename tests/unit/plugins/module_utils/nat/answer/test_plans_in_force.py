# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat import times
from ansible_collections.order82.baseline.plugins.module_utils.nat.plan import plan_id
from by_hand import NOON, Gateway

pytest.importorskip("duckdb")


def insides(answer):
    return [one["inside_address"] for one in answer["candidates"]]


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
    assert [plan["plan"] for plan in during["plans"]] == [plan_id(old), plan_id(new)]
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
