# SPDX-License-Identifier: GPL-3.0-or-later
"""How long restic may try again, and what is told of why it ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import processes
from ansible_collections.order82.baseline.plugins.module_utils.backup import restic

AGAIN = (
    b"Save(<lock/6104>) returned error, retrying after 918ms: unexpected HTTP response (507): Insufficient Storage\n"
)


def test_it_may_try_again_for_half_a_minute_and_anew_after_a_success() -> None:
    times = iter([0.0, 0.0, 29.0, 100.0, 100.0, 131.0])
    enough = restic.Impatience(lambda: next(times))
    assert not enough(AGAIN)
    assert not enough(AGAIN)
    assert not enough(b"Save(<lock/6104>) operation successful after 3 retries\n")
    assert not enough(AGAIN)
    assert enough(AGAIN)


def test_a_program_that_said_enough_is_ended_and_what_it_printed_is_there() -> None:
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "print('out', flush=True)\n"
        "try:\n"
        "    print('enough', file=sys.stderr, flush=True)\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(7)"
    )
    done = processes.watched([sys.executable, "-c", program], 30, {}, lambda line: line == b"enough\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"enough\n")


def test_a_program_that_takes_too_long_is_killed() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        processes.watched([sys.executable, "-c", "import time; time.sleep(60)"], 0.2, {}, lambda _line: False)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (AGAIN + b"Fatal: unable to create lock\n", "Fatal: unable to create lock"),
        (b'{"message_type":"exit_error","code":1,"message":"Fatal: no room"}\n', "Fatal: no room"),
        (b"something\nelse\n", "something"),
        (b"", "exit code 1"),
    ],
)
def test_the_fatal_line_is_the_reason(said: bytes, why: str) -> None:
    assert restic.reason(subprocess.CompletedProcess([], 1, b"", said)) == why


LOCKED = b"unable to create lock in backend: repository is already locked exclusively by PID 7 on north by root\n"


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited; time goes on by that, and by nothing else."""
    waited = []
    monkeypatch.setattr(restic.time, "sleep", waited.append)
    monkeypatch.setattr(restic.time, "monotonic", lambda: sum(waited))
    return waited


def test_it_waits_while_others_lock_it_out_and_removes_what_they_left(naps: list[float]) -> None:
    ran, answers = [], [LOCKED, b"", LOCKED, b"", b""]

    def run(*words: str) -> subprocess.CompletedProcess:
        ran.append(words)
        said = answers.pop(0)
        return subprocess.CompletedProcess([], 1 if said else 0, b"", said)

    assert restic.when_free(run, "backup", "/etc").returncode == 0
    assert ran == [("backup", "/etc"), ("unlock",), ("backup", "/etc"), ("unlock",), ("backup", "/etc")]
    assert len(naps) == 2


def test_it_does_not_wait_for_ever(naps: list[float]) -> None:
    done = restic.when_free(lambda *_words: subprocess.CompletedProcess([], 1, b"", LOCKED), "backup")
    assert done.stderr == LOCKED
    assert 0 < sum(naps) < 2 * restic.LOCKED_SECONDS


def test_another_error_is_not_waited_for(naps: list[float]) -> None:
    assert restic.when_free(lambda *_words: subprocess.CompletedProcess([], 1, b"", b"Fatal: no room"), "backup")
    assert naps == []


OLD = '{"message_type":"error","error":{"Op":"read","Path":"%s","Err":%d},"during":"archival","item":"%s"}'
NEW = '{"message_type":"error","error":{"message":"%s %s: %s"},"during":"archival","item":"%s"}'


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (OLD % ("/srv/bad", 5, "/srv/bad"), {"/srv/bad": "Input/output error"}),
        (
            NEW % ("read", "/srv/bad", "input/output error", "/srv/bad"),
            {"/srv/bad": "read /srv/bad: input/output error"},
        ),
        # What was removed meanwhile is no loss; what is there, and was not found, is one.
        (OLD % ("/nowhere", 2, "/nowhere"), {}),
        (NEW % ("lstat", "/nowhere", "no such file or directory", "/nowhere"), {}),
        (
            NEW % ("lstat", "/etc", "no such file or directory", "/etc"),
            {"/etc": "lstat /etc: no such file or directory"},
        ),
        ('{"message_type":"exit_error","code":3,"message":"Warning"}\nnot JSON\n[]', {"": "restic does not say which"}),
    ],
)
def test_what_could_not_be_read_is_known_by_name(said: str, found: dict[str, str]) -> None:
    assert restic.unread(said.encode()) == found


def test_true_names_are_those_of_the_list_for_people() -> None:
    paths = [b"/a", b"/a/\xba\xcf\xcd\xac", b"/a/\xba\xcf\xcd\xad", b"/a/\xef\xbf\xbd", b"/b\n/c", b"/b\xff\n"]
    nodes = [{"path": re.sub(b"[\xba\xcf\xff]", "\ufffd".encode(), path).decode()} for path in paths]
    nodes[3]["path"] = "/a/\ufffd"
    assert [os.fsencode(one) for one in restic.true_names(nodes, b"\n".join(paths) + b"\n")] == paths
    with pytest.raises(restic.ResticError, match="two ways that differ"):
        restic.true_names(nodes, b"\n".join(paths[1:]) + b"\n")
