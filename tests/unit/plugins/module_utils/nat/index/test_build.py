# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import shutil

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import tracer
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import build, catalogue
from by_hand import DAY, NOON, day_of, flow, question

pytest.importorskip("duckdb")
A, B = ("100.64.0.7", 50000), ("100.64.0.8", 50001)
PUBLIC = ("203.0.113.1", 4000)
TODAY = day_of(NOON)


def insides(store, folder, *requests):
    return [
        [one["inside_address"] for one in answer["candidates"]]
        for answer in tracer.trace_many(str(store), folder, list(requests))
    ]


def test_a_killed_build_leaves_the_old_index_in_use(store, gateway, built, monkeypatch):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 9000, NOON - 10))
    folder = built()
    before = sorted(os.listdir(folder))
    gateway.flows(NOON + 1000, flow(B, PUBLIC, NOON, NOON + 900))

    def killed(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(build, "_sync", killed)
        patch.setattr(build.shutil, "rmtree", lambda *_arguments, **_more: None)
        with pytest.raises(KeyboardInterrupt):
            build.build(str(store), folder, TODAY, threads=1, memory="256MB")
    assert any(name.startswith(".building-") for name in os.listdir(folder))
    assert insides(store, folder, question(when=NOON - 500), question(when=NOON + 500)) == [["100.64.0.7"], []]
    built()
    assert not any(name.startswith(".building-") for name in os.listdir(folder))
    assert len(os.listdir(folder)) == len(before)
    assert insides(store, folder, question(when=NOON - 500), question(when=NOON + 500)) == [
        ["100.64.0.7"],
        ["100.64.0.8"],
    ]


def test_two_builds_at_once_and_a_day_without_records_are_refused(store, gateway, built):
    folder = built()
    with build.alone(folder), pytest.raises(build.BuildError, match="at work"):
        build.build(str(store), folder, TODAY)
    with pytest.raises(build.BuildError, match="no NAT records"):
        build.build(str(store), folder, TODAY.replace(year=2020))


def test_the_least_form_still_says_who(store, gateway, built):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 9300, NOON - 10, destination=("192.0.2.5", 443)))
    gateway.stop(NOON + 600000)
    folder = built(least=True)
    [answer] = tracer.trace_many(str(store), folder, [question(when=NOON - 5000)])
    assert answer["status"] == "one"
    assert answer["candidates"][0]["inside_port"] is None


def test_the_index_of_a_day_goes_with_its_records(store, gateway, built):
    gateway.flows(NOON + DAY + 2000, flow(A, PUBLIC, NOON + DAY, NOON + DAY + 1000))
    folder = built()
    assert build.forget(str(store), folder) == []
    shutil.rmtree(store / "nat_mapping" / str(TODAY))
    assert build.forget(str(store), folder) == [str(TODAY)]
    assert [name for name in os.listdir(folder) if name.startswith(str(TODAY))] == []
    assert [day.name for day in catalogue.load(folder)] == [str(day_of(NOON + DAY))]
