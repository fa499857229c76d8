# SPDX-License-Identifier: GPL-3.0-or-later
"""Announced work: on record before it counts, over by itself, and nobody's but root's."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import journal, maintenance

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root announces work")
NOW = 1_800_000_000.0


@pytest.fixture
def said(monkeypatch):
    """What was written to the journal; the announcement's file lies where nobody but root can place anything."""
    words = []
    folder = Path(tempfile.mkdtemp(prefix="order82-test-", dir="/run"))
    monkeypatch.setattr(maintenance, "FILE", str(folder / "maintenance.json"))
    monkeypatch.setattr(journal, "write", lambda program, text: words.append((program, text)))
    yield words
    shutil.rmtree(folder)


def test_it_is_announced_recorded_and_over_by_itself(said):
    work = maintenance.begin("ops", " new disks ", 10, NOW)
    assert work == maintenance.current(NOW) == ("ops", "new disks", NOW, NOW + 600)
    [(program, text)] = said
    assert program == "order82"
    assert json.loads(text.removeprefix("maintenance begins: ")) == work._asdict()
    assert maintenance.current(NOW + 599)
    assert maintenance.current(NOW + 600) is None
    assert maintenance.in_words(work) == "announced by ops: new disks"


def test_who_ends_it_is_on_record_with_the_true_end(said):
    maintenance.begin("ops", "new disks", 10, NOW)
    assert maintenance.end("li", NOW + 60).until == NOW + 60
    assert maintenance.current(NOW + 61) is None
    told = json.loads(said[-1][1].removeprefix("maintenance ends: "))
    assert told == {"by": "ops", "reason": "new disks", "since": NOW, "until": NOW + 60, "ended_by": "li"}
    assert maintenance.end("li", NOW + 61) is None
    assert len(said) == 2


def test_that_its_time_is_over_is_on_record_once(said):
    maintenance.begin("ops", "new disks", 10, NOW)
    assert maintenance.end_by_itself(NOW + 599) is None
    assert maintenance.end_by_itself(NOW + 600).until == NOW + 600
    assert maintenance.end_by_itself(NOW + 601) is None
    assert json.loads(said[-1][1].removeprefix("maintenance ends: "))["ended_by"] == "itself"


@pytest.mark.parametrize(
    ("by", "reason", "minutes"),
    [
        ("ops", "", 5),
        ("ops", " ", 5),
        ("ops", "x" * 201, 5),
        ("ops", "two\nlines", 5),
        ("", "new disks", 5),
        ("ops", "new disks", 0),
        ("ops", "new disks", 7 * 24 * 60 + 1),
        ("ops", "new disks", float("nan")),
    ],
)
def test_what_is_no_announcement_is_refused_and_nothing_is_recorded(said, by, reason, minutes):
    with pytest.raises(ValueError, match="must be"):
        maintenance.begin(by, reason, minutes, NOW)
    assert not said
    assert maintenance.current(NOW) is None


def test_what_can_not_be_recorded_does_not_count(said, monkeypatch):
    def no_journal(_program, _text):
        raise OSError("there is no journal")

    monkeypatch.setattr(journal, "write", no_journal)
    with pytest.raises(OSError, match="no journal"):
        maintenance.begin("ops", "new disks", 5, NOW)
    assert maintenance.current(NOW) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '"x"',
        json.dumps({"by": "ops", "reason": "for ever", "since": NOW, "until": NOW + 8 * 86400}),
        json.dumps({"by": "ops", "reason": "from the future", "since": NOW + 3600, "until": NOW + 7200}),
        json.dumps({"by": "ops", "reason": "backwards", "since": NOW, "until": NOW - 1}),
        '{"by": "ops", "reason": "no number", "since": NaN, "until": Infinity}',
    ],
)
def test_a_file_that_is_no_announcement_announces_nothing(said, text):
    with open(maintenance.FILE, "w", encoding="utf-8") as file:
        file.write(text)
    assert maintenance.current(NOW) is None


def test_a_file_of_another_account_announces_nothing(said):
    maintenance.begin("ops", "new disks", 5, NOW)
    os.chown(maintenance.FILE, 1000, 1000)
    assert maintenance.current(NOW) is None


def test_a_link_announces_nothing(said):
    maintenance.begin("ops", "new disks", 5, NOW)
    os.rename(maintenance.FILE, maintenance.FILE + ".elsewhere")
    os.symlink(maintenance.FILE + ".elsewhere", maintenance.FILE)
    assert maintenance.current(NOW) is None


def on_record(monkeypatch, *entries):
    """What the journal has: pairs of seconds since 1970 and text."""
    monkeypatch.setattr(maintenance, "_said", lambda _since: entries)
    return maintenance.recorded(0)


def test_what_was_announced_is_read_from_the_record_with_its_true_end(said, monkeypatch):
    first = maintenance.begin("ops", "new disks", 60, NOW)
    maintenance.begin("ops", "and new cables", 60, NOW + 600)
    maintenance.end("li", NOW + 1200)
    texts = [text for _program, text in said]
    assert on_record(monkeypatch, *zip((NOW, NOW + 600, NOW + 1200), texts, strict=True)) == [
        first._replace(until=NOW + 600),
        ("ops", "and new cables", NOW + 600, NOW + 1200),
    ]


def test_words_that_are_no_announcement_are_passed_over(said, monkeypatch):
    work = maintenance.begin("ops", "new disks", 60, NOW)
    texts = ("maintenance begins: x", "maintenance ends: {}", said[0][1])
    assert on_record(monkeypatch, *((NOW, text) for text in texts)) == [work]


def test_nobody_announces_what_has_been(said, monkeypatch):
    maintenance.begin("ops", "new disks", 60, NOW)
    assert on_record(monkeypatch, (NOW + 300, said[0][1])) == []
