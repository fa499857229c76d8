# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import tracer
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import build
from ansible_collections.order82.baseline.plugins.module_utils.nat.plan import plan_id
from by_hand import NOON, day_of, flow, question

pytest.importorskip("duckdb")
A, B = ("100.64.0.7", 50000), ("100.64.0.8", 50001)
PUBLIC = ("203.0.113.1", 4000)
TODAY = day_of(NOON)


def test_an_answer_is_the_record_itself(store, gateway, built):
    entry = flow(A, PUBLIC, NOON - 5000, NOON + 5000)
    gateway.flows(NOON + 5300, flow(B, ("203.0.113.1", 4001), NOON - 9000, NOON + 4900), entry)
    gateway.stop(NOON + 600000)
    digest = gateway.close(NOON)
    [answer] = tracer.trace_many(str(store), built(), [question()])
    assert answer["status"] == "one"
    assert answer["covered"] and not answer["gaps"]
    [candidate] = answer["candidates"]
    number = candidate["evidence"].pop("line")
    line = gateway.file(NOON).read_bytes().splitlines(keepends=True)[number - 1]
    assert candidate == {
        "mode": "sessions",
        "inside_address": "100.64.0.7",
        "inside_port": 50000,
        "begin": "2026-09-22T11:59:55.000Z",
        "end": "2026-09-22T12:00:05.000Z",
        "end_unknown": False,
        "last_seen": "2026-09-22T12:00:05.000Z",
        "protocol": 6,
        "public_address": "203.0.113.1",
        "public_port": 4000,
        "destination_address": None,
        "destination_port": None,
        "gateway": "gateway",
        "pool": "homes",
        "plan": plan_id(gateway.plan),
        "evidence": {
            "file": f"nat_mapping/{TODAY}/gateway.log",
            "entry": entry,
            "line_sha256": hashlib.sha256(line).hexdigest(),
            "file_sha256": digest,
            "seal": "closed",
            "intact": True,
        },
        "accounts": [],
    }


def test_the_index_of_a_day_knows_its_records_again_when_they_are_compressed(store, gateway, built):
    entry = flow(A, PUBLIC, NOON - 5000, NOON + 5000)
    gateway.flows(NOON + 5300, entry)
    gateway.stop(NOON + 600000)
    gateway.close(NOON)
    index = built()
    [before] = tracer.trace_many(str(store), index, [question()])
    digest = gateway.seal(NOON)
    assert build.stale(str(store), index) == []
    [after] = tracer.trace_many(str(store), index, [question()])
    old, new = (answer["candidates"][0].pop("evidence") for answer in (before, after))
    assert after == before
    assert new == {
        **old,
        "file": f"nat_mapping/{TODAY}/gateway.log.zst",
        "file_sha256": digest,
        "seal": "sealed",
    }
    again = built()
    [answer] = tracer.trace_many(str(store), again, [question()])
    assert answer["candidates"][0].pop("evidence") == new
    assert answer == after
