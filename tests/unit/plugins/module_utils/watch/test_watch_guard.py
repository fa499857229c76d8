# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs is recorded before it is put right, and again after; what is excused is not touched; nobody is fought."""

from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.watch import excuses, guard
from ansible_collections.order82.baseline.plugins.module_utils.watch.comparing import AT_ONCE, BETWEEN, RUNS, Finding

FILE = Finding("time_sync", "/etc/chrony/chrony.conf", "content differs")
DOWN = Finding("time_sync", "chrony.service", "does not run (inactive)", RUNS)
BUSY = Finding("time_sync", "chrony.service", "does not run (deactivating)", BETWEEN)
KEY = Finding("backup", "/etc/order82/password", "content differs", because="it is a secret")
ROLES = {"time_sync", "backup"}


class Scene:
    """A host: what differs on it, and all that was said and done, in its order."""

    def __init__(self):
        self.now, self.differs, self.done = 1000.0, [], []
        self.excuse, self.heals, self.fails, self.applied = None, True, None, False
        self.begun, self.meanwhile = [], lambda: None
        tools = guard.Tools(self.look, self.mend, lambda _now: self.excuse, lambda _now: "by ops", self.done.append)
        self.guard = guard.Guard(tools)

    def look(self, roles):
        return [one for one in self.differs if one.role in roles]

    def mend(self, role):
        if self.applied:
            raise BlockingIOError
        self.done.append(("mended", role))
        self.begun.append(role)

    def mended(self, role):
        """The end of what was begun."""
        found = [one for one in self.differs if one.role == role and not one.because]
        if self.heals:
            self.differs = [one for one in self.differs if one not in found]
        self.meanwhile()
        return self.guard.mended(role, (["did it"], self.fails, found), self.now)

    def attend(self, after=0.0):
        self.now += after
        waits = [self.guard.attend(ROLES - set(self.guard.mending), self.now)]
        while self.begun:
            waits.append(self.mended(self.begun.pop()))
        return min((one for one in waits if one is not None), default=None)

    def heard(self):
        said, self.done[:] = list(self.done), []
        return said


@pytest.fixture
def scene():
    return Scene()


ABOUT = "time_sync was changed: /etc/chrony/chrony.conf: content differs"


def test_nothing_is_said_where_nothing_differs(scene):
    assert scene.attend() is None
    assert scene.heard() == []


def test_it_is_on_record_before_anything_is_done_and_over_in_the_same_words(scene):
    scene.differs = [FILE]
    assert scene.attend() is None
    assert scene.heard() == [
        f"alarm: {ABOUT}; by ops",
        ("mended", "time_sync"),
        "put right: time_sync: did it",
        f"alarm over: {ABOUT}; by ops",
    ]
    assert scene.guard.open == {}


def test_a_unit_that_runs_again_by_itself_was_restarted_and_is_no_alarm(scene):
    scene.differs = [DOWN]
    assert 0 < scene.attend() <= guard.CONFIRM_SECONDS
    scene.differs = []
    assert scene.attend(guard.CONFIRM_SECONDS) is None
    scene.differs = [DOWN]
    assert scene.attend(60) > 0, "it is another time"
    assert scene.heard() == []


def test_a_unit_that_stays_down_is_an_alarm_and_started(scene):
    scene.differs = [DOWN]
    wait = scene.attend()
    scene.attend(wait)
    assert scene.heard()[:2] == [
        "alarm: time_sync was changed: chrony.service: does not run (inactive); by ops",
        ("mended", "time_sync"),
    ]


def test_what_systemd_is_at_work_on_is_let_be_but_not_for_ever(scene):
    scene.differs = [BUSY]
    assert scene.attend() <= guard.CONFIRM_SECONDS
    assert scene.attend(guard.BUSY_SECONDS - 1) > 0
    assert scene.heard() == []
    scene.attend(1)
    assert scene.heard()[0].startswith("alarm: time_sync was changed: chrony.service")


@pytest.mark.parametrize("kind", ["apply", "dpkg", "boot"])
def test_what_is_excused_is_neither_alarmed_nor_touched_and_looked_at_again(scene, kind):
    scene.excuse, scene.differs = excuses.Excuse(kind, "it is so"), [FILE, DOWN]
    assert scene.attend() == guard.EXCUSED_SECONDS
    assert scene.attend(600) == guard.EXCUSED_SECONDS
    assert scene.heard() == []
    scene.excuse = None
    scene.attend(5)
    assert scene.heard()[0] == f"alarm: {ABOUT}; by ops"


def test_who_pretends_an_apply_for_ever_is_not_believed(scene):
    scene.excuse, scene.differs = excuses.Excuse("apply", "a measure is being applied"), [FILE]
    scene.attend()
    scene.attend(excuses.LONGEST_SECONDS)
    assert scene.heard() == []
    scene.attend(1)
    assert scene.heard()[0] == f"alarm: {ABOUT}; by ops"


def test_announced_work_is_said_once_and_told_apart_and_alarmed_when_it_is_over(scene):
    until = scene.now + 3 * 86400
    scene.excuse, scene.differs = excuses.Excuse("announced", "announced by ops: new disks", until), [FILE]
    assert scene.attend() == 60
    scene.attend(86400)
    scene.attend(86400)
    assert scene.heard() == [f"announced by ops: new disks: {ABOUT}"]
    assert scene.attend(86400 - 10) == 11
    scene.excuse = None
    scene.attend(20)
    assert scene.heard()[0] == f"alarm: {ABOUT}; by ops"


def test_what_ends_within_the_announced_work_is_said_again_when_it_comes_again(scene):
    scene.excuse, scene.differs = excuses.Excuse("announced", "announced by ops: x", 1e9), [FILE]
    scene.attend()
    scene.differs = []
    scene.attend()
    scene.differs = [FILE]
    scene.attend()
    assert scene.heard() == [f"announced by ops: x: {ABOUT}"] * 2


def test_what_can_not_be_put_right_is_said_with_the_reason_once_and_nothing_is_restarted_for_it(scene):
    scene.differs = [KEY]
    for _number in range(5):
        scene.attend(300)
    about = "backup was changed: /etc/order82/password: content differs"
    assert scene.heard() == [f"alarm: {about}; by ops", f"could not be put right: {about}: it is a secret"]
    scene.differs = []
    scene.attend()
    assert scene.heard() == [f"alarm over: {about}; by ops"]


def test_what_fails_is_tried_again_less_and_less_often_and_said_once(scene):
    scene.differs, scene.heals, scene.fails = [FILE], False, "no room"
    waits = []
    for _number in range(6):
        wait = scene.attend()
        waits.append(wait)
        scene.now += wait
    said = scene.heard()
    assert said.count(f"could not be put right: {ABOUT}: no room") == 1
    assert said.count(("mended", "time_sync")) <= 6
    assert waits == sorted(waits) and waits[-1] >= 120


def test_a_look_in_between_does_not_hurry_what_failed(scene):
    scene.differs, scene.heals, scene.fails = [FILE], False, "no room"
    scene.attend()
    scene.heard()
    for _number in range(10):
        scene.attend(1)
    assert scene.heard() == []


def test_somebody_who_changes_it_again_and_again_is_told_of_and_not_fought(scene):
    times = 0
    for _second in range(600):
        if not scene.differs:
            scene.differs = [FILE]
        scene.attend(1)
        times += len([one for one in scene.heard() if one == ("mended", "time_sync")])
    assert guard.FIGHT_TIMES <= times <= guard.FIGHT_TIMES + 6
    assert [key for key in scene.guard.open if key[0] == "fights"] == [("fights", *FILE.key)]
    scene.differs = []
    scene.attend(guard.FIGHT_SECONDS)
    assert scene.guard.open == {}


def test_an_apply_that_begins_meanwhile_goes_first(scene):
    scene.differs, scene.applied = [FILE], True
    assert scene.attend() <= guard.EXCUSED_SECONDS
    scene.applied = False
    scene.attend(5)
    assert ("mended", "time_sync") in scene.heard()


def test_what_comes_while_something_is_put_right_is_seen_soon(scene):
    scene.differs = [FILE]
    scene.meanwhile = lambda: scene.differs.append(DOWN)
    assert scene.attend() == guard.CONFIRM_SECONDS


def test_what_happened_after_the_look_and_was_put_right_with_the_rest_is_on_record(scene):
    scene.differs = [FILE]
    scene.guard.attend(ROLES, scene.now)
    other = Finding("time_sync", "/etc/chrony/other", "is missing")
    scene.differs.append(other)
    scene.mended("time_sync")
    said = scene.heard()
    about = "time_sync was changed: /etc/chrony/other: is missing; by ops"
    assert (
        said.index(f"alarm: {about}") < said.index("put right: time_sync: did it") < said.index(f"alarm over: {about}")
    )


def test_two_ways_in_which_one_unit_differs_are_two_alarms_and_a_figure_makes_no_third(scene):
    masked = Finding("time_sync", "chrony.service", "is masked")
    scene.differs, scene.heals = [masked, DOWN._replace(when=AT_ONCE)], False
    scene.attend()
    scene.differs[1] = DOWN._replace(how="does not run (failed)", when=AT_ONCE)
    scene.attend(1)
    assert len([one for one in scene.heard() if str(one).startswith("alarm: ")]) == 2


def test_what_could_not_be_put_right_is_tried_again_soon_when_something_else_was(scene):
    frozen = Finding("time_sync", "chrony.service", "is frozen")
    scene.differs, scene.heals, scene.fails = [frozen], False, "not found"
    assert scene.attend() == guard.RETRY_SECONDS
    scene.differs.append(FILE)
    scene.guard.attend(ROLES, scene.now)
    scene.differs.remove(FILE)
    scene.fails = None
    assert scene.mended(scene.begun.pop()) <= guard.EXCUSED_SECONDS
    scene.heals = True
    scene.attend(guard.EXCUSED_SECONDS)
    assert scene.guard.open == {}


def test_others_are_not_called_over(scene):
    scene.differs, scene.heals = [FILE, KEY], False
    scene.attend()
    scene.heard()
    scene.guard.attend({"log_forwarder"}, scene.now)
    assert scene.heard() == []
    assert len(scene.guard.open) == 2


def test_who_comes_after_it_was_killed_calls_over_what_is_over(scene):
    scene.differs, scene.heals = [FILE, KEY], False
    scene.attend()
    scene.heard()
    after = Scene()
    after.differs = [KEY]
    after.guard.restore(scene.guard.alarms(), 5000)
    after.attend(5000)
    assert after.heard()[0] == f"alarm over: {ABOUT}; by ops"
    assert [one for one in after.heard() if str(one).startswith("alarm: ")] == []


def test_what_is_no_alarm_is_noticed_now_and_then(scene):
    for second in range(1200):
        scene.guard.notice("fell", "it fell", scene.now + second)
    assert scene.heard() == ["noticed: it fell"] * 2
