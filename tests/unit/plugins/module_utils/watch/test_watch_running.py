# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole watch over files that are laid down on this machine's own file system, with the true kernel to tell of it."""

from __future__ import annotations

import contextlib
import os
import threading
import time

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.state import applying
from ansible_collections.order82.baseline.plugins.module_utils.watch import (
    asked,
    comparing,
    excuses,
    running,
    senses,
    status,
    view,
)

SECONDS = 20


class Scene:
    """C(said): what was put on record. C(excuse): what counts as one."""

    def __init__(self, place, monkeypatch):
        self.place, self.said, self.excuse = place, [], None
        self.path = place.etc / "probe/one"
        self.state = place.state(
            folders=[str(place.etc / "probe")],
            files=[{"path": str(self.path), "text": "one\n"}],
            nothing_else_in=[str(place.etc / "probe/*")],
        )
        place.laid(self.state)
        monkeypatch.setattr(running, "say", self.said.append)
        monkeypatch.setattr(asked, "around", lambda _now: "by ops")
        monkeypatch.setattr(excuses, "current", lambda _now, _alone: self.excuse)
        monkeypatch.setattr(applying, "FILE", str(place.base / "run/applying"))
        monkeypatch.setattr(status, "FILE", str(place.base / "watch.json"))
        monkeypatch.setattr(view, "UNITS", ())
        monkeypatch.setattr(senses, "Bus", self._no_bus)
        monkeypatch.setattr(running.signal, "signal", lambda *_what: None)
        monkeypatch.setattr(comparing, "of_accounts", list)

    @staticmethod
    def _no_bus(_units):
        raise senses.BusError("none here")

    @contextlib.contextmanager
    def watched(self):
        watch = running.Watch()
        thread = threading.Thread(target=watch.run, daemon=True)
        thread.start()
        self.heard("watching ")
        try:
            yield watch
        finally:
            watch._ends = True
            thread.join(SECONDS)

    def heard(self, words, times=1):
        self.until(lambda: len([one for one in self.said if words in one]) >= times, words)

    def until(self, what, words="it"):
        end = time.monotonic() + SECONDS
        while not what():
            assert time.monotonic() < end, f"{words}: not within {SECONDS} s: {self.said}"
            time.sleep(0.02)


@pytest.fixture
def scene(place, monkeypatch):
    return Scene(place, monkeypatch)


@pytest.mark.parametrize(
    ("act", "how"),
    [
        (lambda path: path.write_text("evil\n"), "content differs"),
        (lambda path: os.truncate(path, 0), "content differs"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.chmod(0o666), "mode 0666 and not 0644"),
        (lambda path: (path.unlink(), path.symlink_to("/dev/null")), ""),
        (lambda path: (path.unlink(), path.mkdir()), ""),
        (lambda path: path.parent.rename(path.parent.with_name("away")), "is missing"),
        (lambda path: path.parent.chmod(0o777), "mode 0777 and not 0755"),
        (lambda path: path.with_name("foreign").write_text("x"), "lies where only the measure lays something"),
    ],
)
def test_what_is_changed_is_on_record_and_as_it_was_within_seconds(scene, act, how):
    with scene.watched():
        begun = time.monotonic()
        act(scene.path)
        scene.heard("alarm over: ")
        assert time.monotonic() - begun < 10
        scene.until(lambda: os.listdir(scene.path.parent) == ["one"])
        assert scene.path.read_text() == "one\n"
        assert not scene.path.is_symlink()
    alarm = next(one for one in scene.said if one.startswith("alarm: "))
    assert "probe was changed: " in alarm and how in alarm and alarm.endswith("; by ops")
    assert not scene.place.laid(scene.state)["changed"], "an apply finds nothing to do"


def test_what_is_excused_is_left_and_put_right_when_that_is_over(scene):
    scene.excuse = excuses.Excuse("announced", "announced by ops: disks", time.time() + 1e6)
    with scene.watched():
        scene.path.write_text("work\n")
        scene.heard("announced by ops: disks: probe was changed")
        assert scene.path.read_text() == "work\n"
        scene.excuse = None
        scene.path.chmod(0o600)
        scene.heard("alarm over: ")
        assert scene.path.read_text() == "one\n"


def test_what_an_apply_lays_down_otherwise_is_taken_for_what_is_to_be_there(scene):
    other = scene.place.state(
        folders=[str(scene.place.etc / "probe")], files=[{"path": str(scene.path), "text": "another\n"}]
    )
    with scene.watched() as watch:
        scene.excuse = excuses.Excuse("apply", "a measure is being applied")
        with applying.held() as changed:
            scene.place.laid(other)
            changed()
        scene.until(lambda: watch._applied)
        scene.excuse = None
        os.utime(applying.FILE, (0, 0))
        scene.heard("an apply changed the manifest of probe")
        scene.path.write_text("evil\n")
        scene.heard("alarm over: ")
        assert scene.path.read_text() == "another\n"
        assert watch._manifests.differing() == {}
    assert len([one for one in scene.said if one.startswith("alarm: probe")]) == 1


def test_a_manifest_that_nobody_applied_is_put_back_before_anything_is_laid_down_by_it(scene):
    path = scene.place.kept / "manifest/probe.json"
    before = path.read_bytes()
    with scene.watched():
        path.write_bytes(before.replace(b"0644", b"0666"))
        scene.path.chmod(0o666)
        scene.heard("alarm over: ", 2)
        assert path.read_bytes() == before
        scene.until(lambda: scene.path.stat().st_mode & 0o777 == 0o644)
    assert any(one.startswith("alarm: the manifest of probe was changed") for one in scene.said)


def test_who_changes_it_without_end_costs_bounded_work(scene):
    """Ten thousand changes a second: some looks, and no more."""
    looks = []
    with scene.watched() as watch:
        look = watch._guard._tools.look
        watch._guard._tools = watch._guard._tools._replace(look=lambda roles: looks.append(1) or look(roles))
        end = time.monotonic() + 6
        while time.monotonic() < end:
            for _number in range(500):
                scene.path.with_name(".a").touch()
                scene.path.with_name(".a").rename(scene.path.with_name(".b"))
                scene.path.chmod(0o644)
        assert len(looks) <= 8
        scene.path.write_text("evil\n")
        scene.until(lambda: scene.path.read_text() == "one\n")


def test_its_end_is_an_alarm_which_the_next_one_calls_over(scene, monkeypatch):
    monkeypatch.setattr(running, "_is_restarted", lambda: False)
    with scene.watched():
        scene.until(lambda: status.read() is not None)
        assert not status.read()["ended"]
    assert scene.said[-1] == "alarm: measure_watch was changed: order82-watch.service: is stopped; by ops"
    assert status.read()["ended"]


def test_who_was_killed_is_told_of_by_the_next(scene):
    with scene.watched():
        scene.until(lambda: status.read() is not None)
        said = status.read()
    status.write(said)
    scene.said.clear()
    with scene.watched():
        scene.heard("noticed: the watch over measures ended without a word")


def test_where_the_disk_is_read_only_it_says_so_and_goes_on(scene, monkeypatch):
    monkeypatch.setattr(comparing, "put_right", lambda role: ([], f"{role}: Read-only file system", []))
    with scene.watched():
        scene.path.write_text("evil\n")
        scene.heard("could not be put right: probe was changed: ")
        scene.until(lambda: status.read()["alarms"])


def test_a_look_that_breaks_is_no_end(scene, monkeypatch):
    look = comparing.look
    monkeypatch.setattr(comparing, "look", lambda *_what: 1 / 0)
    with scene.watched():
        scene.path.write_text("evil\n")
        scene.heard("noticed: the watch could not look: ZeroDivisionError")
        monkeypatch.setattr(comparing, "look", look)
        scene.path.chmod(0o600)
        scene.heard("alarm over: ")
