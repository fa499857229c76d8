# SPDX-License-Identifier: GPL-3.0-or-later
"""Each collector has the other's word for the days that it has had, and neither can take it back."""

from __future__ import annotations

import calendar
import datetime
import os

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers.history import history
from ansible_collections.order82.baseline.plugins.module_utils.records import holdings
from ansible_collections.order82.baseline.plugins.module_utils.records.settings import Settings

NOON = calendar.timegm((2026, 11, 24, 12, 0, 0))
TODAY = datetime.date(2026, 11, 24)
BOTH = ["c1", "c2"]


def back(days: int) -> datetime.date:
    return TODAY - datetime.timedelta(days=days)


def line(
    number: int, text: str, *, app: str = "order82", uid: int = 0, claims: str = "", unit: str = "u.service"
) -> str:
    return (
        f'<14>1 2026-11-24T12:00:00.{number:06}+00:00 c1 {app} 1 - [order82@32473 class="measure_state" boot="b" uid="{uid}" '
        f'audit="" claims="{claims}" login="" unit="{unit}"]'
        f'[stored@32473 at="2026-11-24T12:00:01+00:00" from="c1" marks=""] {text}\n'
    )


class Store:
    """A store of one collector; the records of another lie in it."""

    def __init__(self, root) -> None:
        self.root, self.number = root, 0
        self.settings = Settings(str(root), ("measure_state", "session"), ("c1", "c2", "web"), "nobody", 60, 1, 0)

    def days(self, first: int, last: int = 0, record_class: str = "session") -> None:
        for days in range(last, first + 1):
            (self.root / record_class / str(back(days))).mkdir(parents=True, exist_ok=True)

    def says(self, days: int, *texts: str, host: str = "c1", **known) -> None:
        folder = self.root / "measure_state" / str(back(days))
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{host}.log").open("a", encoding="utf-8") as file:
            for text in texts:
                self.number += 1
                file.write(line(self.number, text, **known))

    def seen(self, host: str = "c2", now: float = NOON) -> dict:
        return history(self.settings, host, BOTH, now)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def holds(first: int, last: int = 1) -> str:
    return f"holds session {back(first)}..{back(last)}"


def test_a_first_inspection_finds_nothing_wrong(store):
    assert store.seen() == {"lost": [], "silent": [], "oldest": {"c1": "", "c2": ""}}
    store.says(0, "holds session nothing", "holds measure_state nothing", "x")
    assert store.seen() == {"lost": [], "silent": [], "oldest": {"c1": "", "c2": ""}}


@pytest.mark.parametrize(("kept", "gone"), [(5, "55 oldest"), (0, "all but today")])
def test_who_deletes_his_oldest_days_is_seen_by_the_other(store, kept, gone):
    store.says(2, holds(62, 3))
    store.says(1, holds(61, 2))
    store.says(0, holds(60))
    assert store.seen()["lost"] == []
    store.says(0, holds(kept) if kept else "holds session nothing")
    last = kept + 1
    assert store.seen()["lost"] == [f"c1 had session, and has lost it: {back(59)}..{back(last)}"], gone


def test_a_day_of_the_middle_and_one_that_was_only_closed_are_missed(store):
    store.says(3, f"closed session {back(4)}: 5 files, 900 bytes")
    store.says(0, f"holds session {back(9)}..{back(1)}")
    assert store.seen()["lost"] == []
    store.says(0, f"holds session {back(9)}..{back(5)} {back(3)}..{back(1)}")
    assert store.seen()["lost"] == [f"c1 had session, and has lost it: {back(4)}"]


def test_before_it_says_what_it_has_nothing_is_held_against_it_for_two_days(store):
    store.says(1, f"closed session {back(2)}: 5 files, 900 bytes")
    assert (store.seen()["lost"], store.seen()["silent"]) == ([], [])
    store.says(2, "x")
    assert store.seen()["silent"] == ["c1"]
    store.says(0, holds(2))
    assert store.seen()["silent"] == []


def test_a_collector_sees_its_own_loss_by_its_own_word(store):
    store.days(5, record_class="measure_state")
    store.days(5)
    store.says(1, holds(60, 2), host="c2")
    assert store.seen()["lost"] == [f"c2 had session, and has lost it: {back(59)}..{back(6)}"]
    assert store.seen()["oldest"]["c2"] == str(back(5))


def test_what_is_past_retention_may_go(store):
    store.says(50, holds(110, 51))
    store.says(0, holds(60))
    assert store.seen()["lost"] == []


def test_a_clock_that_was_ahead_and_is_set_back_has_lost_nothing(store):
    store.days(3)
    store.says(0, f"holds session {back(3)}..{back(-1)}", host="c2")
    assert store.seen()["lost"] == []


def test_a_rightful_purge_is_none_where_the_retention_was_raised_and_a_false_one_is_no_excuse(store):
    store.settings = store.settings._replace(retention_days=184)
    store.says(20, f"holds session {back(90)}..{back(21)}")
    store.says(20, f"purged session {back(90)}: 5 files, 900 bytes, older than 60 days, SHA-256 of its manifest none")
    store.says(20, f"purged session {back(30)}: 5 files, 900 bytes, older than 1 days, SHA-256 of its manifest none")
    store.says(0, f"holds session {back(89)}..{back(31)} {back(29)}..{back(1)}")
    assert store.seen()["lost"] == [f"c1 had session, and has lost it: {back(30)}"]


@pytest.mark.parametrize(
    "known", [{"uid": 33}, {"claims": "measure_state"}, {"app": "sshd"}, {"unit": "", "uid": 1000}]
)
def test_nobody_else_speaks_for_a_collector(store, known):
    store.says(1, holds(60), **known)
    store.says(0, holds(3))
    assert store.seen()["lost"] == []


def test_a_line_that_arrives_twice_is_not_the_last_word_again(store):
    store.says(0, holds(3), holds(60))
    name = store.root / "measure_state" / str(TODAY) / "c1.log"
    name.write_text(name.read_text() + name.read_text().splitlines(keepends=True)[0])
    assert store.seen()["lost"] == []


@pytest.mark.parametrize(
    "text",
    [
        "holds session 0001-01-01..9999-12-31",
        "holds session 2026-02-31..2026-13-99",
        "holds session " + " ".join(["2026-11-23..2026-11-23"] * 300),
        "holds ../../etc 2026-11-01",
        "holds session",
        "closed session 2026-99-99: x",
    ],
)
def test_no_word_costs_more_than_its_days(store, text):
    store.says(0, text)
    assert store.seen()["lost"] == []


def test_a_file_that_is_none_is_not_read(store):
    folder = store.root / "measure_state" / str(TODAY)
    folder.mkdir(parents=True)
    os.mkfifo(folder / "pipe")
    (folder / "c1.log").symlink_to("pipe")
    assert store.seen()["lost"] == []


def test_it_says_its_days_when_they_change_and_once_a_day(store, tmp_path):
    path = str(tmp_path / "holds.json")
    store.days(3)
    assert holdings.say(store.settings, NOON, path) == [
        "holds measure_state nothing",
        f"holds session {back(3)}..{back(1)}",
    ]
    assert holdings.say(store.settings, NOON + 60, path) == []
    os.rmdir(store.root / "session" / str(back(2)))
    assert holdings.say(store.settings, NOON + 120, path) == [f"holds session {back(3)} {back(1)}"]
    assert holdings.say(store.settings, NOON + 86400, path)[1] == f"holds session {back(3)} {back(1)}..{TODAY}"


def test_what_it_says_is_understood(store, tmp_path):
    store.days(70)
    [_state, text] = holdings.say(store.settings, NOON, str(tmp_path / "holds.json"))
    store.says(0, text)
    assert holdings.heard(store.settings, "c1", NOON).last["session"] == {back(days) for days in range(1, 61)}
