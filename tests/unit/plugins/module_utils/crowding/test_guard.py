# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard with a real journal and real processes: alarm, hold, release, midnight, and its own end. Needs root."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.crowding import accounts, control, guard
from ansible_collections.order82.baseline.plugins.module_utils.observers import observe

pytestmark = pytest.mark.parametrize("journal", ["compact"], indirect=True)
FLOODER, OTHER = 54321, 54322
BUDGET = 1 << 20
NOON = 1_000_000_000 // 86400 * 86400 + 43200


@pytest.fixture
def begin(journal, tmp_path, monkeypatch):
    """A function that starts a guard, and a later one: nothing was written before the first."""
    monkeypatch.setattr(accounts, "ADMINISTRATORS", str(tmp_path / "none"))
    state = str(tmp_path / "state.json")

    def start(**settings):
        one = guard.Guard({"budget_bytes": BUDGET, "spared": [], **settings}, state, journal.where)
        looks(one)
        return one

    return start


@pytest.fixture
def sleeper():
    """A process of the account that floods, and one of another: whether each is stopped (T), or not (S)."""
    both = [
        subprocess.Popen(["sleep", "300"], user=uid, group=uid, extra_groups=[], cwd="/") for uid in (FLOODER, OTHER)
    ]
    status = [Path(f"/proc/{one.pid}/stat") for one in both]
    yield lambda: ["T" if ") T " in path.read_text() else "S" for path in status]
    for one in both:
        one.kill()
        one.wait()


def looks(one, now=NOON):
    for _time in range(2):
        one.look(now)


def flood(journal, uid=FLOODER):
    journal.write(uid, "flood", 300, 12_000)


def test_who_writes_too_much_is_stopped_and_told_of_once_and_nobody_else(begin, journal, sleeper, capfd):
    one = begin()
    journal.write(OTHER, "b", 50, 1000)
    looks(one)
    assert (one.held, sleeper()) == ({}, ["S", "S"])
    flood(journal)
    looks(one)
    assert sleeper() == ["T", "S"]
    assert set(one.held) == {FLOODER}
    flood(journal)
    looks(one)
    [alarm] = [line for line in capfd.readouterr().err.splitlines() if line.startswith("<2>alarm: ")]
    assert f"the account {FLOODER} ({FLOODER}) has written " in alarm
    assert f"order82 forward release {FLOODER}" in alarm
    one.let_all_go()
    assert sleeper() == ["S", "S"]


def test_a_process_that_comes_later_is_stopped_too(begin, journal):
    one = begin()
    flood(journal)
    looks(one)
    with subprocess.Popen(["sleep", "300"], user=FLOODER, group=FLOODER, extra_groups=[], cwd="/") as late:
        one.look(NOON)
        assert "State:\tT" in Path(f"/proc/{late.pid}/status").read_text()
        one.let_all_go()
        late.kill()


def test_at_midnight_it_goes_on(begin, journal, sleeper, capfd):
    one = begin()
    flood(journal)
    looks(one)
    one.look(NOON + 43199)
    assert sleeper() == ["T", "S"]
    one.look(NOON + 43200)
    assert sleeper() == ["S", "S"]
    assert (one.held, one.over()) == ({}, {})
    assert "<5>alarm over: the account 54321" in capfd.readouterr().err
    flood(journal)
    looks(one, NOON + 43260)
    assert sleeper() == ["T", "S"]
    one.let_all_go()


def test_what_it_counted_is_kept_over_its_end_and_nobody_is_left_stopped(begin, journal, sleeper, capfd):
    one = begin()
    flood(journal)
    looks(one)
    flood(journal)  # while nobody looks
    later = guard.Guard({"budget_bytes": 0, "spared": []}, one._state, "")
    later.let_all_go()  # as C(order82 forward guard --let-go) does after a kill
    assert sleeper() == ["S", "S"]
    capfd.readouterr()
    later = begin()
    assert sleeper() == ["T", "S"]
    assert later.over()[FLOODER] > 1.9 * one.over()[FLOODER]
    assert "alarm" not in capfd.readouterr().err
    larger = begin(budget_bytes=1 << 30)
    assert sleeper() == ["S", "S"]
    assert larger.held == {}


def test_who_administers_is_told_of_and_not_stopped(begin, journal, sleeper, capfd):
    one = begin(spared=[str(FLOODER)])
    flood(journal)
    looks(one)
    assert sleeper() == ["S", "S"]
    assert "is not held back, since it may administer this host" in capfd.readouterr().err
    answer = one.answer({})
    assert (answer["over"], answer["held"]) == ([str(FLOODER)], [])


def test_who_becomes_an_administrator_goes_on(begin, journal, sleeper):
    flood_held = begin()
    flood(journal)
    looks(flood_held)
    assert sleeper() == ["T", "S"]
    begin(spared=[str(FLOODER)])
    assert sleeper() == ["S", "S"]


def test_root_lets_it_go_on_by_the_socket_and_its_day_begins_anew(begin, journal, sleeper, tmp_path, monkeypatch):
    path = str(tmp_path / "control")
    monkeypatch.setattr(control.ask, "__defaults__", (path,))
    assert observe("crowding", {})["running"] is False
    one = begin()
    flood(journal)
    looks(one)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()

        def served(question):
            answering = threading.Thread(target=control.serve, args=(listener, one.answer))
            answering.start()
            try:
                return question()
            finally:
                answering.join()

        seen = served(lambda: observe("crowding", {}))
        assert seen == {"running": True, "unable": [], "over": ["54321"], "held": ["54321"]}
        with pytest.raises(ValueError, match="54999 has written nothing today"):
            served(lambda: control.ask({"release": "54999"}))
        assert served(lambda: control.ask({"release": "54321"})) == {"account": "54321", "held": True}
        assert sleeper() == ["S", "S"]
        assert json.loads(Path(one._state).read_text())["held"] == []
        looks(one)
        assert sleeper() == ["S", "S"]
        flood(journal)
        looks(one)
        assert sleeper() == ["T", "S"]
        one.let_all_go()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:  # who asks nothing holds nobody up for long
            silent.connect(path)
            control.serve(listener, one.answer)


def test_without_a_journal_it_says_so(begin, journal, tmp_path):
    one = guard.Guard({"budget_bytes": BUDGET, "spared": []}, str(tmp_path / "other.json"), str(tmp_path / "none"))
    assert one.look(NOON)
    [sentence] = one.answer({})["unable"]
    assert sentence.startswith("the journal can't be read: ")


def test_it_sees_that_sudos_rules_have_changed(begin, tmp_path, monkeypatch):
    rules = tmp_path / "sudoers"
    rules.write_text("root ALL=(ALL) ALL\n")
    monkeypatch.setattr(accounts, "_RULES", (str(rules),))
    left = str(tmp_path / "left")
    accounts.write_administrators(left, (str(rules),))
    monkeypatch.setattr(accounts.administrators, "__defaults__", (left,))
    one = begin()
    assert not one.rules_have_changed()
    os.utime(rules, ns=(1, 1))
    assert one.rules_have_changed()
