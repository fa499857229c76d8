# SPDX-License-Identifier: GPL-3.0-or-later
"""An alarm is what the journal vouches for, of whose file it stands in; each once, of days that are open or sealed."""

from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.alarms import following, memory

DOWN = "alarm: the interface eth0 is down"


@pytest.fixture
def read(first, site):
    known = memory.new()

    def reading():
        follower = following.Follower(first.store, known)
        return [(one.host, one.word, one.text) for one in follower.read(site.now)]

    reading()
    reading.known = known
    return reading


def test_by_root_or_a_unit_of_the_measures(site, read):
    site.say("web", DOWN)
    site.say("web", DOWN.replace("eth0", "eth1"), uid=33)
    site.say("web", DOWN.replace("eth0", "eth2"), unit="x.service")
    assert [text for _host, _word, text in read()] == [f"the interface eth{number} is down" for number in range(3)]


@pytest.mark.parametrize(
    "by",
    [
        {"uid": 1000, "unit": "user@1000.service"},
        {"uid": 33, "unit": "nginx.service"},
        {"app": "logger", "unit": "x.service"},
        {"claims": "measure_state"},
        {"app": "order82-front"},
        {"uid": "", "unit": ""},
    ],
)
def test_nobody_else_raises_one(site, read, by):
    site.say("web", DOWN, **by)
    assert read() == []


def test_a_text_that_only_has_the_words_in_it_raises_none(site, read):
    site.say("web", "he said] alarm: the interface eth0 is down")
    site.say(
        "web",
        '[order82@32473 class="measure_state" uid="0" unit="order82-x"] alarm: x',
        uid=1000,
        unit="user@1000.service",
    )
    assert read() == []


def test_under_its_own_name_whatever_the_record_says(site, first, read):
    site.say("db", DOWN)
    path = first.file("web")
    path.write_text(path.read_text(encoding="utf-8") + first.file("db").read_text(encoding="utf-8"), encoding="utf-8")
    assert {host for host, _word, _text in read()} == {"db", "web"}


def test_what_is_sent_twice_is_heard_once(site, read):
    site.say("web", DOWN)
    site.say("web", "alarm over: the interface eth0 is down")
    assert len(read()) == 2
    at, site.now = site.now, site.now + 100
    site.say("web", DOWN, at=at)
    site.say("web", "alarm over: the interface eth0 is down", at=at)
    assert read() == []
    site.say("web", DOWN)
    assert len(read()) == 1


def test_what_is_half_written_is_heard_when_it_is_whole(site, first, read):
    site.say("web", DOWN)
    path = first.file("web")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert read() == []
    path.write_bytes(whole)
    assert read() == [("web", "alarm", DOWN[7:])]


def test_it_goes_on_in_days_that_were_sealed_while_nobody_followed(site, first, read, pack):
    site.say("web", DOWN)
    read()
    site.say("web", DOWN.replace("eth0", "eth1"))
    pack(first.file("web"))
    site.now += 86400
    site.say("web", DOWN.replace("eth0", "eth2"))
    pack(first.file("web"))
    site.now += 86400
    site.say("web", DOWN.replace("eth0", "eth3"))
    assert [text for _host, _word, text in read()] == [f"the interface eth{number} is down" for number in (1, 2, 3)]
    assert read() == []
    assert read.known["places"]["first"] == "2026-11-26"
    assert {name[:10] for name in read.known["places"]["at"]} == {"2026-11-26"}


def test_a_day_that_is_sealed_while_it_is_followed_is_not_read_anew(site, first, pack):
    follower = following.Follower(first.store, memory.new())
    site.say("web", DOWN)
    assert len(follower.read(site.now)) == 1
    site.now += 86400
    pack(first.root / "measure_state" / "2026-11-24" / "web.log")
    assert [follower.read(site.now) for _number in range(3)] == [[]] * 3


def test_a_damaged_file_costs_no_other_its_alarms(site, first, read, pack):
    site.say("web", DOWN)
    site.say("db", DOWN)
    pack(first.file("web"))
    first.file("web").with_suffix(".log.zst").write_bytes(b"x" * 100)
    assert [host for host, _word, _text in read()] == ["db"]


def test_who_writes_without_end_holds_up_nobody(site, first, monkeypatch):
    monkeypatch.setattr(following, "_AT_ONCE", 4000)
    follower = following.Follower(first.store, memory.new())
    for number in range(200):
        site.say("db", f"alarm: flood {number}")
    site.say("web", DOWN)
    found = follower.read(site.now)
    assert follower.behind
    assert ("web", "alarm") in {(one.host, one.word) for one in found}
    passes = 1
    while follower.behind:
        found += follower.read(site.now)
        passes += 1
    assert passes > 10
    assert len([one for one in found if one.host == "db"]) == 200


def test_a_line_without_end_holds_up_nobody(site, first, monkeypatch):
    monkeypatch.setattr(following, "_AT_ONCE", 4000)
    with open(first.file("web"), "a", encoding="utf-8") as file:
        file.write("x" * 9000 + "\n")
    site.say("web", DOWN)
    follower, found = following.Follower(first.store, memory.new()), []
    for _number in range(6):
        found += follower.read(site.now)
    assert [one.text for one in found] == [DOWN[7:]]


def test_a_clock_in_1970_is_not_believed(site, first):
    follower = following.Follower(first.store, memory.new())
    site.say("web", DOWN, at=1000)
    assert [one.at for one in follower.read(site.now)] == [site.now]


def test_who_is_no_sender_is_not_heard(site, first, read):
    site.say("web", DOWN)
    first.file("web").rename(first.file("unknown-10.0.0.9"))
    assert read() == []
