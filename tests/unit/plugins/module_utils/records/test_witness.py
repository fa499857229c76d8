# SPDX-License-Identifier: GPL-3.0-or-later
"""What a collector says of its seals is kept by the other one, and what it says later must agree with it."""

from __future__ import annotations

import os

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import seals as observer
from ansible_collections.order82.baseline.plugins.module_utils.records import witness
from sealed_store import DAY, NOON, Collector, back

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chattr +a and +i need root")

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


@pytest.fixture
def two(tmp_path, monkeypatch):
    one = Collector(tmp_path / "c2", monkeypatch, "collector2")
    one.tend(0)
    yield one
    one.gone()


def sealed(days, digest, before):
    return f"sealed session {back(days)} {digest} before {before} files 1 records 1 bytes 4"


def says(two, days, *texts):
    for text in texts:
        two.file(NOON - days * DAY, "collector1", text)


def told(two):
    found = observer.witness(two.settings, NOON)
    assert found["contradictions_count"] == len(found["contradictions"])
    return [one.partition("collector1: ")[2] for one in found["contradictions"]]


def in_order(two):
    says(two, 2, sealed(3, A, "first"))
    says(two, 1, sealed(2, B, A), f"seals session 1/1 {back(3)} {A} {back(2)} {B}")
    says(two, 0, f"seals session 1/1 {back(3)} {A} {back(2)} {B}", sealed(1, C, B))


def test_words_that_agree(two):
    in_order(two)
    assert told(two) == []
    assert observer.witness(two.settings, NOON)["silent"] == []


def test_another_hash_for_the_same_day(two):
    in_order(two)
    says(two, 0, f"seals session 1/1 {back(3)} {C} {back(2)} {B} {back(1)} {C}")
    [sentence] = told(two)
    assert sentence.startswith(
        f"session/{back(3)}/SHA256SUMS: it said two different hashes of its seal: {A} on {back(2)}, then {C} on {back(0)}"
    )


def test_a_day_that_it_has_no_more(two):
    in_order(two)
    says(two, 0, f"seals session 1/1 {back(3)} {A} {back(1)} {C}")
    assert told(two) == [f"session/{back(2)}/SHA256SUMS: it had sealed this day, and has it no more"]
    says(two, 0, "seals session 1/1 nothing")
    assert len(told(two)) == 3


def test_a_list_in_parts_is_one_list(two):
    in_order(two)
    says(two, 0, f"seals session 1/2 {back(3)} {A}", f"seals session 2/2 {back(2)} {B} {back(1)} {C}")
    assert told(two) == []


def test_a_seal_before_it_of_which_it_never_spoke(two):
    in_order(two)
    says(two, 0, sealed(0, "d" * 64, "e" * 64))
    assert told(two) == [f"session/{back(0)}/SHA256SUMS: it names before it a seal of which it never spoke: {'e' * 64}"]


def test_a_second_beginning(two):
    in_order(two)
    says(two, 0, sealed(0, "d" * 64, "first"))
    assert [one.split(":")[0] for one in told(two)] == [
        f"session/{back(3)}/SHA256SUMS",
        f"session/{back(0)}/SHA256SUMS",
    ]


def test_a_day_whose_time_is_over_may_go(two):
    says(two, 60, sealed(61, A, "first"), sealed(60, B, A))
    says(two, 0, f"purged session {back(61)}: 1 files, 9 bytes, older than 60 days, SHA-256 of its manifest {A}")
    says(two, 0, f"seals session 1/1 {back(60)} {B}")
    assert told(two) == []


def test_a_purge_before_its_time_is_none(two):
    in_order(two)
    says(two, 0, f"purged session {back(3)}: 1 files, 9 bytes, older than 60 days, SHA-256 of its manifest {A}")
    says(two, 0, f"seals session 1/1 {back(2)} {B} {back(1)} {C}")
    assert told(two) == [f"session/{back(3)}/SHA256SUMS: it had sealed this day, and has it no more"]


def test_who_is_heard_and_lists_no_seals_hides_them(two):
    says(two, 3, "heartbeat")
    assert observer.witness(two.settings, NOON)["silent"] == ["collector1"]
    says(two, 1, "seals session 1/1 nothing")
    assert observer.witness(two.settings, NOON)["silent"] == []


def test_nobody_elses_words_count(two):
    in_order(two)
    path = two.day(0, "measure_state") / "collector1.log"
    text = path.read_text().splitlines()[-1].replace(C, A)
    with path.open("a") as file:
        for forged in (
            text.replace('uid="0"', 'uid="1000"').replace("order82-records.service", "user.slice"),
            text.replace(" order82 ", " logger "),
            text.replace('claims=""', 'claims="measure_state"'),
        ):
            file.write(forged + "\n")
    two.file(NOON, "web", sealed(2, C, A))
    assert told(two) == []


def test_lies_of_another_turn_nothing_red_but_what_is_said_of_it(two):
    in_order(two)
    says(
        two,
        0,
        f"seals session 1/1 {back(3)} {C}",
        "seals session 9/1 x",
        "seals with ssh-ed25519 AAAA",
        "sealed session x",
    )
    assert told(two)
    two.tend(0)
    assert observer.seals(two.settings, NOON)["faults"] == []


def test_who_lies_without_end_costs_no_more_than_who_lies_once(two):
    in_order(two)
    before = witness.heard(two.settings, "collector1", NOON)
    for number in range(3000):
        digest = f"{number:064x}"
        says(
            two,
            0,
            sealed(2, digest, "f" * 64),
            f"sealed c{chr(97 + number % 26)} {back(2)} {digest} before {A} files 1",
        )
        says(
            two, 0, sealed(-number - 2, digest, A), sealed(number + 62, digest, A), f"seals with ssh-ed25519 A{number}"
        )
    after = witness.heard(two.settings, "collector1", NOON)
    assert set(after.hashes) == set(before.hashes)
    assert max(len(hashes) for hashes in after.hashes.values()) <= 4
    assert len(after.keys) <= 100
    assert all(len(sentence) < 1000 for sentence in told(two))


def test_all_seals_are_listed_once_a_day_and_short_enough_for_a_record(two, monkeypatch):
    monkeypatch.setattr(witness, "_DAYS_IN_ONE", 2)
    for days in range(3, -1, -1):
        report = two.tend(days)
        assert [text for text in two.tend(days, seconds=60).holds if text.startswith("seals ")] == []
    listed = [text.rpartition("seals session ")[2].split()[0] for text in report.holds if "seals session" in text]
    assert listed == ["1/2", "2/2"]
    assert all(len(text) < 8192 - 500 for text in report.holds)


def test_a_list_of_two_months_is_no_long_record():
    assert witness._DAYS_IN_ONE * (10 + 1 + 64 + 1) < 8192 - 500


def test_a_day_that_went_is_told_of_within_a_minute(two):
    for days in (3, 2, 1, 0):
        two.tend(days)
    two.loosen()
    os.rename(two.day(3), two.folder / "away")
    [listed] = [text for text in two.tend(0, seconds=60).holds if text.startswith("seals session")]
    assert back(3) not in listed
    assert back(2) in listed
