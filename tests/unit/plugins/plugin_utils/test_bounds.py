# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs are held as the connections of Ansible read them; with the connections themselves: test_hostile_hosts.py."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.bounds import Bounds, BoundsError

PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def communicate(*words, text=b""):
    program = subprocess.Popen(words, **PIPES)
    return (*program.communicate(text), program.returncode)


def test_a_program_within_them_is_as_without():
    before = subprocess.Popen
    with Bounds(60, 2_000_000):
        assert communicate("cat", text=b"x" * 1_000_000) == (b"x" * 1_000_000, b"", 0)
        assert communicate("sh", "-c", "echo out; echo err >&2; exit 7") == (b"out\n", b"err\n", 7)
        done = subprocess.run(["echo", "text"], capture_output=True, text=True)
        assert (done.stdout, done.returncode) == ("text\n", 0)
        program = subprocess.Popen(["seq", "3"], **PIPES)
        assert program.stdout.readlines() == [b"1\n", b"2\n", b"3\n"]
        assert program.wait() == 0
    assert subprocess.Popen is before


def test_a_pipe_that_nobody_waits_for_gives_what_there_is():
    with Bounds(60, 100):
        program = subprocess.Popen(["cat"], **PIPES)
        os.set_blocking(program.stdout.fileno(), False)
        assert program.stdout.read() is None
        program.stdin.write(b"now")
        program.stdin.close()
        assert program.wait() == 0
        assert program.stdout.read() == b"now"
        assert program.stdout.read() == b""


def test_all_programs_share_the_size():
    with Bounds(60, 20):
        communicate("echo", "so many")
    with pytest.raises(BoundsError, match="it answered with more than 20 bytes"), Bounds(60, 20):
        communicate("echo", "so many")
        communicate("sh", "-c", "echo so many >&2")
        communicate("echo", "so many")


def test_who_is_asked_twice_has_no_more():
    bounds = Bounds(0.5, 20)
    with bounds:
        communicate("echo", "so many")
    begin = time.monotonic()
    with pytest.raises(BoundsError, match=r"within 0.5 s"), bounds:
        communicate("sleep", "20")
    assert time.monotonic() - begin < 15
    bounds = Bounds(60, 10)
    with bounds:
        communicate("echo", "so many")
    with pytest.raises(BoundsError, match="more than 10 bytes"), bounds:
        communicate("echo", "so many")


def test_what_a_program_left_behind_holds_nobody_up():
    begin = time.monotonic()
    with pytest.raises(BoundsError, match=r"it did not answer within 0.5 s"), Bounds(0.5, 100):
        communicate("sh", "-c", "sleep 20 & echo begun")
    assert time.monotonic() - begin < 15


def test_one_that_reads_nothing_holds_nobody_up():
    with pytest.raises(BoundsError, match="within"), Bounds(0.5, 100):
        communicate("sleep", "20", text=b"x" * 1_000_000)


def test_none_begins_after_them():
    begin = time.monotonic()
    with pytest.raises(BoundsError, match="more than 1 bytes") as raised, Bounds(60, 1):
        communicate("echo", "more")
        communicate("sleep", "20")
        raise OSError("what the connection makes of it")
    assert time.monotonic() - begin < 15
    assert isinstance(raised.value.__cause__, OSError)


def test_other_errors_stay_what_they_are():
    with pytest.raises(KeyError), Bounds(60, 1):
        raise KeyError
