# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that was started outlives an interrupt, and failures say what failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.errors import BaselineError
from cli.lab.lock import changing
from cli.packages import missing
from cli.process import last_lines, parse_stat, run, side_by_side

CHECKOUT = Path(__file__).resolve().parents[3]
# Starts a child that leaves the session and the process group, as Ansible's workers do, then waits.
# A shell that runs the tests in the background makes all of them ignore SIGINT; who is to be interrupted does not.
STARTER = """
import signal, sys
from cli import process
signal.signal(signal.SIGINT, signal.default_int_handler)
process.adopt_orphans()
try:
    process.side_by_side(lambda mark: process.run(["sh", "-c", f"setsid sleep 60.{mark} & sleep 60.{mark}"]), sys.argv[1:])
except KeyboardInterrupt:
    process.end_descendants()
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_that_was_started(number: signal.Signals) -> None:
    marks = [f"{os.getpid()}{number:d}{index}" for index in range(3)]
    env = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen([sys.executable, "-c", STARTER, *marks], env=env) as starter:
        wait_until(lambda: sum(len(sleepers(mark)) for mark in marks) >= 6)
        starter.send_signal(number)
        assert starter.wait(20) == 130
    assert [sleepers(mark) for mark in marks] == [[], [], []]


def sleepers(mark: str) -> list[str]:
    """The processes that sleep under this mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", f"60.{mark}".encode()]:
            found.append(path.parent.name)
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def test_a_failure_says_what_failed_and_how_it_ended() -> None:
    with pytest.raises(BaselineError, match=r"painting failed \(exit code 3\): no colour"):
        run(["sh", "-c", "echo no colour >&2; exit 3"], failing="painting")
    assert run(["sh", "-c", "exit 3"]).returncode == 3


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(BaselineError, match="there is no program no-such-program here"):
        run(["no-such-program"], failing="painting")


def test_work_side_by_side_keeps_its_order_and_its_first_error() -> None:
    assert side_by_side(lambda number: number * 2, [1, 2, 3]) == [2, 4, 6]
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda number: 1 // number, [1, 0])


def test_a_process_name_with_brackets_is_no_trap() -> None:
    assert parse_stat("42 (a (b) c) S 7 42 42 0") == (42, 7, "a (b) c", "S")


def test_the_end_of_an_output_is_one_line() -> None:
    assert last_lines("a\nb\nc\nd\n") == "b | c | d"
    assert last_lines("") == "it said nothing"


def test_missing_packages_are_named_once() -> None:
    needs = {"sh": "dash", "no-such-program": "b", "/no/such/file": "b", "no-such-other": "a"}
    assert missing(needs) == ["a", "b"]


def test_a_second_change_of_one_lab_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("cli.lab.lock.state_of", lambda lab: tmp_path / lab)
    with changing("probe"):
        with pytest.raises(BaselineError, match=f"the lab probe is in use by process {os.getpid()}"), changing("probe"):
            pass
        with changing("other"):
            pass
    with changing("probe"):
        pass
