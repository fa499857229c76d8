# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import tracer
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import build
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import record_text
from by_hand import NOON, day_of, flow, question

pytest.importorskip("duckdb")
A, B, C = ("100.64.0.7", 50000), ("100.64.0.8", 50001), ("100.64.0.9", 50002)
PUBLIC = ("203.0.113.1", 4000)
TODAY = day_of(NOON)


def bad_lines(folder):
    document = json.loads((folder / f"{TODAY}.json").read_text())
    bad = json.loads((folder / document["folder"] / "bad.json").read_text())
    return {line: reason for _file, line, reason in bad["lines"]}


def insides(store, folder, *requests):
    return [
        [one["inside_address"] for one in answer["candidates"]]
        for answer in tracer.trace_many(str(store), folder, list(requests))
    ]


def test_a_damaged_list_is_named_and_gives_what_is_left_of_it(store, gateway, built):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 9000, NOON - 10), flow(B, ("203.0.113.1", 4001), NOON - 9000, NOON - 5))
    gateway.flows(NOON + 60000, flow(C, ("203.0.113.1", 4002), NOON, NOON + 59990))
    gateway.stop(NOON + 600000)
    path = gateway.file(NOON)
    path.write_bytes(path.read_bytes().replace(b"6,100.64.0.8,50001", b"6,100.64.0.8,5\xff001"))
    folder = built()
    number = next(n for n, line in enumerate(path.read_bytes().splitlines(), 1) if b"\xff" in line)
    assert list(bad_lines(store.parent / "index")) == [number]
    assert "CRC-32" in bad_lines(store.parent / "index")[number]
    good, gone, after = tracer.trace_many(
        str(store),
        folder,
        [
            question(when=NOON - 1000),
            question(port=4001, when=NOON - 1000),
            question(port=4002, when=NOON + 50000),
        ],
    )
    assert [one["inside_address"] for one in good["candidates"]] == ["100.64.0.7"]
    assert good["candidates"][0]["evidence"]["intact"] is False
    assert gone["status"] == "unknown"
    assert f"damaged: line {number}" in gone["gaps"][0]["reason"]
    assert after["status"] == "one"


@pytest.mark.parametrize("closed", [True, False])
def test_a_line_that_is_cut_off_is_bad_only_when_nobody_writes_it_any_more(store, gateway, built, closed):
    gateway.flows(NOON, flow(A, PUBLIC, NOON - 9000, NOON - 10))
    gateway.flows(NOON + 1000, flow(B, PUBLIC, NOON, NOON + 990), flow(C, ("203.0.113.1", 4001), NOON, NOON + 995))
    path = gateway.file(NOON)
    path.write_bytes(path.read_bytes()[:-6])
    if closed:
        gateway.close(NOON)
    folder = built()
    number = len(path.read_bytes().splitlines())
    assert [*bad_lines(store.parent / "index")] == ([number] if closed else [])
    assert insides(store, folder, question(when=NOON - 500), question(when=NOON + 500), question(port=4001)) == [
        ["100.64.0.7"],
        ["100.64.0.8"] if closed else [],
        [],
    ]
    if not closed:
        assert build.stale(str(store), folder) == []
        with path.open("ab") as file:
            file.write(b"\n")
        assert build.stale(str(store), folder) == [TODAY]


def test_what_comes_twice_and_out_of_order_counts_once(store, gateway, built):
    for number in range(20):
        gateway.flows(NOON + number * 1000, flow(A, ("203.0.113.1", 4000 + number), NOON - 9000, NOON + number * 1000))
    gateway.stop(NOON + 600000)
    path = gateway.file(NOON)
    whole = path.read_bytes().splitlines(keepends=True)
    again = [line.replace(b'.001000+00:00" from', b'.777000+00:00" from') for line in whole[5:15]]
    path.write_bytes(b"".join(whole[::-1] + again))
    folder = built()
    document = json.loads((store.parent / "index" / f"{TODAY}.json").read_text())
    assert document["duplicates"] == 10
    assert document["bad_total"] == 0
    answers = tracer.trace_many(
        str(store), folder, [question(port=4000 + number, when=NOON - 100) for number in range(20)]
    )
    assert {answer["status"] for answer in answers} == {"one"}
    assert {len(answer["candidates"]) for answer in answers} == {1}


@pytest.mark.parametrize(
    ("envelope", "reason"),
    [
        ({"uid": 1000, "unit": None}, "written by the user 1000"),
        ({"program": "logger"}, "the program logger"),
        ({"uid": 33, "unit": "nginx.service"}, "the unit nginx.service"),
        ({"uid": 33, "unit": ""}, "the unit -"),
    ],
)
def test_what_a_stranger_writes_is_named_and_is_neither_used_nor_damage(store, gateway, built, envelope, reason):
    gateway.stop(NOON + 600000)
    gateway.write(record_text.Stream(1).flows(NOON, [flow(A, PUBLIC, NOON - 9000, NOON + 9000)]), NOON, **envelope)
    folder = built()
    document = json.loads((store.parent / "index" / f"{TODAY}.json").read_text())
    bad = json.loads((store.parent / "index" / document["folder"] / "bad.json").read_text())
    assert (document["bad_total"], document["foreign_total"]) == (0, 1)
    assert reason in bad["foreign"]["lines"][0][2]
    [answer] = tracer.trace_many(str(store), folder, [question()])
    assert answer["status"] == "nobody"


def test_noise_and_a_wrong_entry_are_named(store, gateway, built):
    gateway.flows(
        NOON, flow(A, PUBLIC, NOON - 9000, NOON - 10), flow(B, ("203.0.113.1", 99999), NOON - 9000, NOON - 10)
    )
    with gateway.file(NOON).open("ab") as file:
        file.write(b"\x00\x01 noise\n\n")
    gateway.write("beat run=x seq=1 at=1.000", NOON)
    gateway.stop(NOON + 600000)
    folder = built()
    reasons = list(bad_lines(store.parent / "index").values())
    assert len(reasons) == 4
    assert sum("not well-formed" in reason for reason in reasons) == 1
    assert insides(store, folder, question(when=NOON - 1000)) == [["100.64.0.7"]]


def test_lists_of_every_kind_in_several_chunks(store, gateway, built):
    six = flow(("2001:db8::7", 50000), ("2001:db8:ffff::1", 4000), NOON - 9000, NOON + 9000, protocol=17)
    wide = flow(B, ("203.0.113.1", 4001), NOON - 9000, NOON + 9000, destination=("192.0.2.5", 443))
    going = flow(C, ("203.0.113.1", 4002), NOON - 9000, None)
    for number in range(6):
        gateway.flows(NOON + 9500 + number, flow(A, ("203.0.113.1", 5000 + number), NOON - 9000, NOON + 9000))
    gateway.flows(NOON + 9600, wide)
    gateway.flows(NOON + 9700, six, going, flow(A, PUBLIC, NOON - 9000, NOON + 9000))
    gateway.stop(NOON + 600000)
    folder = built(chunk_bytes=100)
    found = tracer.trace_many(
        str(store),
        folder,
        [
            question(),
            question(port=4001),
            question(port=4001, destination_address="192.0.2.5"),
            question(port=4001, destination_address="192.0.2.6"),
            question(port=4002),
            question("2001:db8:FFFF:0::1", protocol="udp"),
            *[question(port=5000 + number) for number in range(6)],
        ],
    )
    assert [[one["inside_address"] for one in answer["candidates"]] for answer in found] == [
        ["100.64.0.7"],
        ["100.64.0.8"],
        ["100.64.0.8"],
        [],
        ["100.64.0.9"],
        ["2001:db8::7"],
        *[["100.64.0.7"]] * 6,
    ]
    assert all(one["evidence"]["entry"] for answer in found for one in answer["candidates"])
    assert found[4]["candidates"][0]["end_unknown"] is True


@pytest.mark.parametrize(
    "envelope", [{"unit": None}, {"uid": 0, "unit": ""}, {"uid": 0, "unit": "session-4.scope"}, {"uid": 997}]
)
def test_the_recorder_root_and_a_recorder_of_earlier_versions_are_believed(store, gateway, built, envelope):
    gateway.stop(NOON + 600000)
    gateway.write(record_text.Stream(1).flows(NOON, [flow(A, PUBLIC, NOON - 9000, NOON + 9000)]), NOON, **envelope)
    [answer] = tracer.trace_many(str(store), built(), [question()])
    assert answer["status"] == "one"


def test_a_day_in_which_strangers_counted_as_damage_is_built_anew(store, gateway, built):
    gateway.stop(NOON + 600000)
    folder = built()
    path = store.parent / "index" / f"{TODAY}.json"
    document = json.loads(path.read_text())
    del document["foreign_total"]
    path.write_text(json.dumps(document))
    assert build.stale(str(store), folder) == []
    path.write_text(json.dumps({**document, "bad_total": 1}))
    assert build.stale(str(store), folder) == [TODAY]


def test_what_was_sent_before_and_after_an_upgrade_counts_once(store, gateway, built):
    text = gateway.stream.flows(NOON, [flow(A, PUBLIC, NOON - 9000, NOON - 10)])
    for unit in (None, "order82-nat-record.service"):
        gateway.write(text, NOON, unit=unit)
    built()
    document = json.loads((store.parent / "index" / f"{TODAY}.json").read_text())
    assert (document["duplicates"], document["foreign_total"], document["bad_total"]) == (1, 0, 0)
