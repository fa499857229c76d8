# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.order82.baseline.plugins.module_utils.nat.plan import plan_id
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import record_text
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import settings as nat_settings
from ansible_collections.order82.baseline.plugins.module_utils.nat.record.translation_log import TranslationLog
from recording import AT, MIDNIGHT, PLAN, Texts, flow, settings


def make(texts: Texts, **others) -> TranslationLog:
    return TranslationLog(settings(**others), texts.append, AT)


# Translations that ended


def test_an_entry(texts):
    one = make(texts)
    one.flows_ended([flow(5, begin=AT - 1, end=AT)], AT, 0.0)
    one.flush(AT + 4)
    assert texts == [
        "flows run=1790000000123 seq=1 at=1790000000.127 n=1 crc=%s %s" % (record_text.checksum(entry), entry)
        for entry in ["17,100.64.0.7,5,198.51.100.10,1029,1790000000.122,1790000000.123"]
    ]


def test_destination_only_when_asked(texts):
    one = make(texts, log_destinations=True)
    one.flows_ended([flow(5, end=AT)], AT, 0.0)
    one.flush(AT)
    assert texts.entries()[0].endswith(",203.0.113.7,53")


def test_waits_a_second_from_the_first_entry(texts):
    one = make(texts)
    one.flows_ended([flow(1, end=AT)], AT, 10.0)
    one.flows_ended([flow(2, end=AT)], AT, 10.9)
    assert one.due() == 11.0
    one.tick(AT, 10.99)
    assert not texts
    one.tick(AT, 11.0)
    assert len(texts.entries()) == 2
    assert one.due() is None


def test_a_full_list_is_written_at_once(texts):
    one = make(texts)
    one.flows_ended([flow(number, end=AT) for number in range(1000)], AT, 0.0)
    assert len(texts) > 5
    one.flush(AT)
    assert len(texts.entries()) == 1000
    assert max(map(len, texts)) <= 8192
    assert [len(part) for part in record_text.parts(texts.entries())] == [
        int(pairs["n"]) for pairs in texts.pairs("flows")
    ]


def test_without_an_end_it_ended_now(texts):
    one = make(texts)
    one.flows_ended([flow(1, end=0)], AT, 0.0)
    one.flush(AT)
    assert texts.entries()[0].endswith(",1790000000.123")


def test_a_begin_that_nobody_noted_lies_before_the_run(texts):
    one = make(texts)
    one.flows_ended([flow(1, begin=0, end=AT + 5000)], AT + 5000, 0.0)
    one.flush(AT)
    assert texts.entries()[0].split(",")[5] == "1790000000.123"


# Translations that go on


def look(one: TranslationLog, flows: list, at: int, everything: bool = False) -> None:
    one.look_begins()
    one.flows_open(flows, at, 0.0, everything)
    one.look_ends()
    one.flush(at)


def test_open_ones_are_written_once(texts):
    one = make(texts)
    look(one, [flow(1)], AT)
    look(one, [flow(1)], AT + 30000)
    assert texts.entries() == ["17,100.64.0.7,1,198.51.100.10,1025,1789999940.123,"]
    assert one.open == 1


def test_young_ones_wait(texts):
    one = make(texts)
    look(one, [flow(1, begin=AT - 29999)], AT)
    assert not texts
    look(one, [flow(1, begin=AT - 29999)], AT + 1)
    assert len(texts.entries()) == 1


def test_all_at_the_first_and_the_last_look(texts):
    one = make(texts)
    look(one, [flow(1), flow(2, begin=AT)], AT, everything=True)
    look(one, [flow(1), flow(2, begin=AT)], AT + 30000)
    assert len(texts.entries()) == 2
    look(one, [flow(1), flow(2, begin=AT)], AT + 30000, everything=True)
    assert len(texts.entries()) == 4


def test_those_that_ended_are_forgotten(texts):
    one = make(texts)
    look(one, [flow(number) for number in range(100)], AT)
    look(one, [flow(1)], AT + 30000)
    assert len(one._written) == 1


def test_midnight_writes_plan_and_open_ones_again(texts):
    one = make(texts)
    look(one, [flow(1)], MIDNIGHT - 1000)
    assert not one.tick(MIDNIGHT - 1, 0.0)
    assert one.tick(MIDNIGHT, 0.0)
    assert sorted(texts.entries("plan")) == sorted(PLAN)
    assert not one.tick(MIDNIGHT + 1, 0.0)
    look(one, [flow(1)], MIDNIGHT + 1)
    assert len(texts.entries()) == 2


def test_midnight_in_the_middle_of_a_look(texts):
    one = make(texts)
    one.look_begins()
    one.flows_open([flow(1)], MIDNIGHT - 1, 0.0)
    one.tick(MIDNIGHT, 0.0)
    one.flows_open([flow(2)], MIDNIGHT, 0.0)
    one.look_ends()
    look(one, [flow(1), flow(2)], MIDNIGHT + 1)
    assert [entry.split(",")[2] for entry in texts.entries()] == ["1", "2", "1"]


def test_what_waits_at_midnight_is_written_before_the_new_plan(texts):
    one = make(texts)
    one.flows_ended([flow(1, end=AT)], MIDNIGHT - 1, 0.0)
    one.tick(MIDNIGHT, 0.1)
    assert [text.split()[0] for text in texts] == ["flows", "plan"]


# Plan, beat, stop


def test_a_large_plan_takes_several_texts(texts):
    plan = tuple("block,homes,100.64.%d.%d,198.51.100.10,1024,2047" % divmod(number, 256) for number in range(1000))
    one = TranslationLog(nat_settings.Settings(plan=plan), texts.append, AT)
    one.write_plan()
    assert tuple(texts.entries("plan")) == plan
    assert {pairs["id"] for pairs in texts.pairs("plan")} == {plan_id(plan)}


def test_numbers_have_no_gap(texts):
    one = make(texts)
    one.write_plan()
    one.beat(AT, None, 0, 0)
    one.flows_ended([flow(number, end=AT) for number in range(300)], AT, 0.0)
    one.stop(AT)
    found = [int(record_text.parse(text)[1]["seq"]) for text in texts]
    assert found == list(range(1, len(texts) + 1))
    assert texts[-1].startswith("stop ")
    assert texts[1].endswith("plan=none open=0 begun=0 ended=0 lost=0 clock=none")
