# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a service that was started stays, by what systemd says of it and by what its program is at."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.state import staying

UP = {"ActiveState": "active", "SubState": "running", "Result": "success", "MainPID": "7"}
DOWN = {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code", "MainPID": "0"}
FALLING = {**DOWN, "ActiveState": "failed", "SubState": "failed-before-auto-restart"}
"""What systemd 254 and newer say for a moment before that."""
FAILED = {"ActiveState": "failed", "SubState": "failed", "Result": "exit-code", "MainPID": "0"}
KILLED_ON_PURPOSE = {**DOWN, "Result": "success"}
WITHOUT_A_PROGRAM = {"ActiveState": "active", "SubState": "exited", "Result": "success", "MainPID": "0"}
WORKS, RESTS = None, ("7", "3", "1")


def after(*looks):
    seen = staying.Started()
    for properties, work in looks:
        seen.look(properties, work)
    return seen.falls, seen.fell, seen.rests


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        ([(UP, RESTS)], (False, False, False)),  # one look says nothing
        ([(UP, RESTS)] * 3, (False, False, False)),
        ([(UP, RESTS)] * 4, (False, False, True)),
        ([(UP, RESTS)] * 3 + [(UP, WORKS), (UP, RESTS)], (False, False, False)),
        ([*[(UP, WORKS)] * 9], (False, False, False)),
        ([(UP, ("7", str(ticks), "1")) for ticks in range(9)], (False, False, False)),
        ([(WITHOUT_A_PROGRAM, None)], (False, False, True)),
        ([(UP, WORKS), (DOWN, None)], (False, True, False)),
        ([(UP, WORKS), (DOWN, None), (DOWN, None)], (False, True, False)),
        ([(UP, WORKS), (FALLING, None), (DOWN, None)], (False, True, False)),
        ([(DOWN, None), (UP, WORKS), (DOWN, None)], (True, True, False)),
        ([(DOWN, None), *[(UP, RESTS)] * 4], (False, True, True)),  # what it wanted is there now
        ([(KILLED_ON_PURPOSE, None), (UP, WORKS), (KILLED_ON_PURPOSE, None)], (False, False, False)),
        ([(UP, WORKS), (FAILED, None)], (True, True, False)),
    ],
)
def test_what_is_seen_of_it(looks, found):
    assert after(*looks) == found


@pytest.fixture
def program():
    """Start a Python program, and end it."""
    running = []

    def start(text):
        running.append(subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE))
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.wait()


def test_a_program_that_waits_rests(program):
    one = program("import time; print(flush=True); time.sleep(60)")
    one.stdout.readline()
    until = time.monotonic() + 5
    while (seen := staying.work(str(one.pid))) is None and time.monotonic() < until:
        time.sleep(0.01)
    assert seen[0] == str(one.pid)
    time.sleep(0.05)
    assert staying.work(str(one.pid)) == seen


def test_one_that_reads_its_configuration_does_not(program):
    one = program("print(flush=True)\nwhile True: pass")
    one.stdout.readline()
    assert staying.work(str(one.pid)) is None


def test_one_that_has_ended_does_not(program):
    one = program("")
    one.wait()
    assert staying.work(str(one.pid)) is None
