# SPDX-License-Identifier: GPL-3.0-or-later
"""order82 check: by hand and by its timer, on a file whose mode is right or not."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import host_command, maintenance
from ansible_collections.order82.baseline.plugins.module_utils.self_check import commands, left, memory, spoken
from ansible_collections.order82.baseline.plugins.module_utils.state import applying

LEFT_OUT = {"id": "probe.heavy", "left_out": "it takes long"}


@pytest.fixture
def host(place, monkeypatch, capsys):
    """A function that runs a self-check with words, and gives back exit code, standard output and standard error."""
    place.file = place.folder / "file"
    place.file.touch(0o644)
    place.leave(place.about(place.file), LEFT_OUT)
    place.between = lambda: None
    monkeypatch.setattr(commands.time, "sleep", lambda _seconds: place.between())

    def run(*words):
        code = host_command.main(["check", *words])
        return (code, *capsys.readouterr())

    place.run = run
    return place


def timed(host):
    """What the timer's run put on record: its alarms and the like, and the sentence on the whole."""
    _code, out, errors = host.run("--record")
    return errors.splitlines(), out.strip()


def test_all_as_it_should_be(host):
    code, out, errors = host.run()
    assert (code, errors) == (0, "")
    assert out.startswith("self-check: 1 passed, 0 not passed, 1 for inspections alone; checks ")
    assert spoken.read(out.strip()) == (1, 0, left.read().digest[:16])


def test_what_is_not_is_named_with_the_difference(host):
    host.file.chmod(0o600)
    code, out, errors = host.run()
    assert (code, errors) == (1, "")
    assert out.splitlines()[0] == "fail probe.file (high): expected mode is 0644, observed 0600"
    assert "0 passed, 1 not passed (probe.file)" in out


def test_as_json(host):
    host.file.chmod(0o600)
    document = json.loads(host.run("--json")[1])
    assert document["checks"][0]["outcome"] == "fail"
    assert document["left_out"] == {"probe.heavy": "it takes long"}


def test_the_list_says_why_a_check_is_not_asked_for(host):
    code, out, _errors = host.run("--list")
    assert code == 0
    assert "left out probe.heavy: it takes long" in out
    assert "asked    probe.file" in out
    assert out.endswith("1 asked, 1 left out\n")


def test_a_value_that_could_not_be_had_is_not_passed(host):
    host.leave(host.about(host.file), {"id": "probe.broken", "problem": "'x' is undefined"})
    code, out, _errors = host.run()
    assert code == 1
    assert "error probe.broken" in out


def test_an_unknown_comparison_or_observer_is_not_passed(host):
    odd = {**host.about(host.file, name="probe.odd"), "expect": {"mode": {"resembles": "0644"}}}
    strange = {**host.about(host.file, name="probe.strange"), "observe": {"oracle": {}}}
    host.leave(host.about(host.file), odd, strange)
    code, out, _errors = host.run()
    assert code == 1
    assert "1 passed, 2 not passed (probe.odd, probe.strange)" in out


def test_one_incident_is_one_alarm_and_one_word_when_it_is_over(host):
    assert timed(host)[0] == []
    host.file.chmod(0o600)
    alarms, whole = timed(host)
    assert alarms == ["<2>alarm: check probe.file is not passed: expected mode is 0644, observed 0600"]
    assert spoken.read(whole)[:2] == (0, 1)
    assert timed(host)[0] == []
    host.file.chmod(0o644)
    assert timed(host)[0] == ["<5>alarm over: check probe.file is passed again"]
    assert timed(host)[0] == []


def test_what_is_wrong_for_a_moment_is_no_alarm(host):
    host.file.chmod(0o600)
    host.between = lambda: host.file.chmod(0o644)
    alarms, whole = timed(host)
    assert alarms == []
    assert spoken.read(whole)[:2] == (1, 0)


def test_what_was_announced_is_said_so_and_alarmed_when_the_time_is_over(host):
    maintenance.begin("ops", "new disks", 5, commands.time.time())
    host.file.chmod(0o600)
    said, whole = timed(host)
    assert said == [
        "<5>announced by ops: new disks: check probe.file is not passed: expected mode is 0644, observed 0600"
    ]
    assert "announced by ops: new disks" in whole
    assert timed(host)[0] == []
    maintenance.end("ops", commands.time.time())
    assert timed(host)[0] == ["<2>alarm: check probe.file is not passed: expected mode is 0644, observed 0600"]
    host.file.chmod(0o644)
    assert timed(host)[0] == ["<5>alarm over: check probe.file is passed again"]


def test_an_announcement_that_is_over_by_its_time_is_on_record_and_covers_nothing(host):
    now = commands.time.time()
    maintenance.begin("ops", "new disks", 1, now - 61)
    host.file.chmod(0o600)
    assert timed(host)[0] == ["<2>alarm: check probe.file is not passed: expected mode is 0644, observed 0600"]
    assert host.said[-1][1].startswith("maintenance ends: ")


def test_announced_and_mended_is_said_once(host):
    maintenance.begin("ops", "new disks", 5, commands.time.time())
    host.file.chmod(0o600)
    timed(host)
    host.file.chmod(0o644)
    assert timed(host)[0] == ["<5>announced, over: check probe.file is passed again"]


def test_while_an_apply_is_under_way_nothing_is_alarmed_and_afterwards_it_is(host):
    host.file.chmod(0o600)
    with applying.held():
        said, whole = timed(host)
    assert said == []
    assert "1 not passed (probe.file)" in whole
    assert "an apply is under way" in whole
    assert timed(host)[0] == ["<2>alarm: check probe.file is not passed: expected mode is 0644, observed 0600"]


def test_checks_that_were_emptied_are_an_alarm_and_no_self_check(host):
    host.write("[]")
    code, out, errors = host.run("--record")
    assert code == 2
    assert out == ""
    assert errors.startswith("<2>alarm: the self-check can't look: ")


@pytest.mark.parametrize(("until", "code"), [("2999-12-31", 0), ("2026-01-01", 1), ("", 1)])
def test_what_the_site_accepts_is_no_alarm_until_its_last_day(host, until, code):
    host.accept({"probe.file": until})
    host.file.chmod(0o600)
    assert host.run()[0] == code
    alarms, whole = timed(host)
    assert len(alarms) == code
    assert (", 1 waived" in whole) is not bool(code)


def test_what_can_not_be_looked_at_is_never_accepted(host):
    host.accept({"probe.file": "2999-12-31"})
    host.leave({**host.about(host.file), "observe": {"oracle": {}}})
    assert host.run()[0] == 1


@pytest.mark.parametrize("text", ["", "[]", "1", '{"probe.file": null}'])
def test_a_damaged_list_accepts_nothing(host, text):
    host.accept({})
    with open(left.WAIVERS, "w", encoding="utf-8") as file:
        file.write(text)
    host.file.chmod(0o600)
    assert host.run()[0] == 1


def test_a_list_of_another_account_accepts_nothing(host):
    host.accept({"probe.file": "2999-12-31"})
    os.chown(left.WAIVERS, 1000, 1000)
    host.file.chmod(0o600)
    assert host.run()[0] == 1


def test_by_hand_nothing_is_remembered(host):
    host.file.chmod(0o600)
    host.run()
    assert timed(host)[0]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"said": 3}', '{"at": "x", "said": {}}'])
def test_a_damaged_memory_costs_one_alarm_too_many_and_no_check(host, text):
    host.file.chmod(0o600)
    timed(host)
    with open(memory.FILE, "w", encoding="utf-8") as file:
        file.write(text)
    assert len(timed(host)[0]) == 1


def test_no_text_of_a_host_begins_a_line_of_its_own(host):
    hostile = host.folder / "x\n<2>alarm: forged\x1b[0m"
    host.leave({**host.about(hostile), "expect": {"owner": {"matches": "["}, "mode": {"equals": "0644"}}})
    alarms, _whole = timed(host)
    assert len(alarms) == 1
    assert "\x1b" not in alarms[0]
