# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed at any step, with a full disk or a damaged memory: nothing is lost, and nothing told twice but what was under way."""

from __future__ import annotations

import collections
import errno
import json
import os

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.alarms import memory, telling

DOWN = "the interface eth{} is down"
STEPS = 2 + 4 * 4
"""Save what was heard; then send each of four messages, and save that it was taken."""


class Killed(BaseException):
    """As by kill -9: nothing runs after it."""


@pytest.fixture
def kill(monkeypatch, first):
    """Let it die at the Nth step: before or after a replacement of the memory, before or after a message is sent."""
    count = {"left": -1}

    def step():
        if count["left"] == 0:
            count["left"] = -1
            raise Killed
        count["left"] -= 1

    replace, send = os.replace, first.send

    def replacing(source, target):
        if str(target) == str(first.memory):
            step()
            replace(source, target)
            step()
        else:
            replace(source, target)

    def sending(receiver, message):
        step()
        answer = send(receiver, message)
        step()
        return answer

    monkeypatch.setattr(memory.os, "replace", replacing)
    first.send = sending
    return count


@pytest.mark.parametrize("number", range(STEPS + 1))
def test_killed_at_any_step_it_goes_on(site, first, kill, number):
    site.is_up = {"collector1"}
    first.begin()
    site.say("web", "alarm: " + DOWN.format(0))
    site.say("db", "alarm: " + DOWN.format(0))
    kill["left"] = number
    was_killed = False
    for _round in range(3):
        try:
            site.step()
        except Killed:
            was_killed = True
            first.begin()
    kill["left"] = -1
    site.say("web", "alarm over: " + DOWN.format(0))
    site.step(2)
    assert was_killed == (number < STEPS), "STEPS is how many there are"
    told = collections.Counter(first.told("duty")) + collections.Counter(first.told("robot"))
    assert set(told) == {"opened web: " + DOWN.format(0), "opened db: " + DOWN.format(0), "over web: " + DOWN.format(0)}
    twice = {what for what, times in told.items() if times > 2}
    was_under_way = 2 <= number < STEPS and (number - 2) % 4 in (1, 2)
    assert len(twice) == was_under_way, "only what was sent, and not yet written down"
    identities = [message.identity for who, message in first.sent if who == "duty"]
    assert was_under_way or len(set(identities)) == len(identities)


def test_a_full_disk_is_told_of_once_and_alarms_all_the_same(site, first, monkeypatch, capsys):
    def full(*_what):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(memory.os, "fsync", full)
    site.say("web", "alarm: " + DOWN.format(0))
    site.later(20, every=5)
    assert first.told() == ["opened web: " + DOWN.format(0)]
    assert capsys.readouterr().err.count("<3>error: what is known of the alarms can't be written") == 2, (
        "one a collector"
    )


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"version": 2}', '{"version": 1, "notices": 3}', '{"version": 1, "incidents": []}', "\0" * 9],
)
def test_a_damaged_memory_is_set_aside(site, first, text, capsys):
    site.say("web", "alarm: " + DOWN.format(0))
    site.step()
    first.memory.write_text(text, encoding="utf-8")
    first.begin()
    site.step()
    assert "is set aside" in capsys.readouterr().err
    assert first.memory.with_name("memory.json.damaged").read_text(encoding="utf-8") == text
    assert "opened web: " + DOWN.format(0) in first.told()
    assert first.known()["version"] == memory.VERSION


@pytest.mark.parametrize(
    ("part", "key"), [("incidents", "by"), ("notices", "to"), ("receivers", "failing"), ("notices", "until")]
)
def test_what_is_not_as_it_must_be_does_not_end_the_service_again_and_again(site, first, part, key, capsys):
    site.answers["duty"] = telling.ways.UnreachableError("away")
    site.say("web", "alarm: " + DOWN.format(0))
    site.step()
    known = first.known()
    rows = known[part] if part == "notices" else list(known[part].values())
    del rows[0][key]
    if key == "until":
        rows[0][key] = "soon"
    first.memory.write_text(json.dumps(known), encoding="utf-8")
    site.answers.clear()
    first.begin()
    site.step()
    assert f"its {part} are not as they must be" in capsys.readouterr().err
    assert "opened web: " + DOWN.format(0) in first.told()


def test_nobody_else_reads_what_is_remembered(first):
    assert first.memory.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/etc/passwd", path)])
def test_what_is_no_file_is_neither_followed_nor_waited_for(tmp_path, make):
    make(tmp_path / "memory.json")
    with pytest.raises((OSError, ValueError)):
        memory.read(str(tmp_path / "memory.json"))
    assert memory.load(str(tmp_path / "memory.json")) == memory.new()
    memory.save(memory.new(), str(tmp_path / "memory.json"))


def test_a_clock_that_is_set_back_holds_nothing_up(site, first):
    site.answers["duty"] = telling.ways.UnreachableError("away")
    site.say("web", "alarm: " + DOWN.format(0))
    site.later(600)
    site.answers.clear()
    site.now -= 7200
    first.begin()
    site.later(30, every=10)
    assert "opened web: " + DOWN.format(0) in first.told() + site.collectors["collector2"].told()


def test_memory_has_what_is_needed_and_no_more(site, first):
    for number in range(10):
        site.say("web", "alarm: " + DOWN.format(number))
    site.later(120)
    known = json.loads(first.memory.read_text(encoding="utf-8"))
    assert len(known["incidents"]) == 10
    assert known["notices"] == []
    assert set(known) == set(memory.new())
