# SPDX-License-Identifier: GPL-3.0-or-later
"""What only claims to be of a class is counted and told of, once, by host and account."""

from __future__ import annotations

import calendar

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import claims
from ansible_collections.order82.baseline.plugins.module_utils.records.settings import Settings

NOON = calendar.timegm((2026, 11, 24, 12, 0, 0))


def row(
    number: int, sent: str = "", *, marks: str = "", uid: int = 33, text: str = "x", record_class: str = "system"
) -> str:
    return (
        f'<14>1 2026-11-24T12:00:00.{number:06}+00:00 web a 1 - [order82@32473 class="{record_class}" boot="b" '
        f'uid="{uid}" audit="" claims="{sent}" login="" unit=""][stored@32473 at="2026-11-24T12:00:01+00:00" from="10.0.0.1" marks="{marks}"] {text}\n'
    )


@pytest.fixture
def file(tmp_path):
    folder = tmp_path / "records" / "system" / "2026-11-24"
    folder.mkdir(parents=True)
    return folder / "web.log"


@pytest.fixture
def look(tmp_path, file):
    settings = Settings(str(tmp_path / "records"), ("system",), ("web",), "nobody", 60, 1, 0)
    return lambda now=NOON: dict(claims.fresh(settings, now, str(tmp_path / "claims.json")))


def test_each_account_and_class_is_counted_once(look, file):
    file.write_text(
        row(1) + row(2, "nat_mapping") + row(3, "session", uid=1000) + row(4, "nat_mapping"), encoding="utf-8"
    )
    assert look() == {("web", "33", "nat_mapping"): 2, ("web", "1000", "session"): 1}
    assert look() == {}
    with file.open("a", encoding="utf-8") as more:
        more.write(row(5, "disclosure") + row(6, "session")[:-9])  # the last is still being written
    assert look() == {("web", "33", "disclosure"): 1}
    with file.open("a", encoding="utf-8") as more:
        more.write(row(6, "session")[-9:])
    assert look() == {("web", "33", "session"): 1}


def test_what_a_host_may_not_write_is_a_claim_too(look, file):
    file.write_text(row(1, marks="name class", record_class="nat_mapping", uid=0), encoding="utf-8")
    assert look() == {("web", "0", "nat_mapping"): 1}


def test_a_text_makes_and_hides_no_claim(look, file):
    words = '[order82@32473 class="system" claims="session" uid="0"] claims="session" marks="class"'
    file.write_text(row(1, text=words) + row(2, "session", text='claims="" marks=""'), encoding="utf-8")
    assert look() == {("web", "33", "session"): 1}


def test_what_comes_at_midnight_is_not_missed(look, file):
    file.write_text(row(1, "session"), encoding="utf-8")
    assert look(NOON + 12 * 3600 + 60) == {("web", "33", "session"): 1}
    assert look(NOON + 13 * 3600) == {}


def test_what_arrives_twice_is_one_record(file):
    file.write_text(row(1, "session") + row(1, "session").replace("12:00:01+", "12:00:09+"), encoding="utf-8")
    assert dict(claims.count([str(file)])) == {("web", "33", "session"): 1}


def test_the_alarm_names_host_and_account_but_not_what_nobody_can_know(look, file):
    file.write_text(row(1, "nat_mapping") + row(2, "session") + row(3, "session?", uid=1000), encoding="utf-8")
    assert dict(claims.count([str(file)]))[("web", "1000", "session?")] == 1
    (sentence,) = claims.sentences(look())
    assert sentence == (
        "on web the account 33 writes what only claims to be of class nat_mapping (1), session (1): "
        "it is kept as system and believed nowhere"
    )
