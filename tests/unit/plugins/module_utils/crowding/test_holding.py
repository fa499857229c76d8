# SPDX-License-Identifier: GPL-3.0-or-later
"""Real processes of another account are stopped, and go on. Needs root."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.crowding import holding

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
UID = 54321
HANG = 20
"""Seconds after which nobody waits any longer."""
WAITS = ["sleep", "60"]
FLEE = 'sleep 0.01; sh -c "$0" "$0" &'
FLEES = ["sh", "-c", 'for one in 1 2 3; do sh -c "$0" "$0" & done; sleep 60', FLEE]
"""Each of them has made another when it ends."""
LAST_NUMBER = Path("/proc/sys/kernel/ns_last_pid")


def is_theirs(uid):
    return uid == UID


def theirs(ended=False):
    """The processes of the account: number to state."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            said = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
            if int(said["Uid"].split()[0]) == UID and (ended or said["State"][0] != "Z"):
                found[int(path.parent.name)] = said["State"][0]
    return found


def start(words):
    return subprocess.Popen(words, user=UID, group=UID, extra_groups=[], cwd="/")


@contextlib.contextmanager
def started(words, **options):
    """The same, and ended whatever happens."""
    child = subprocess.Popen(words, cwd="/", **{"user": UID, "group": UID, "extra_groups": [], **options})
    try:
        yield child
    finally:
        child.kill()
        child.wait()


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    end = time.monotonic() + HANG
    holding.hold(is_theirs)  # what makes others does not any more
    while left := theirs():
        assert time.monotonic() < end
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def first():
    """Before all others, as the service is (CPUWeight=)."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    yield
    os.setpriority(os.PRIO_PROCESS, 0, before)


def running():
    """Those that are not stopped, and do not wait for one that is on its way into a program (vfork(2))."""
    return {pid for pid, state in theirs().items() if state not in "TtD"}


def until(there):
    end = time.monotonic() + HANG
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_all_stop_and_all_go_on():
    children = [start(["sh", "-c", "sleep 60 & sleep 60"]) for _one in range(3)]
    until(lambda: len(theirs()) == 9)
    assert holding.hold(is_theirs, seconds=HANG)
    assert running() == set()
    holding.let_go(is_theirs)
    until(lambda: len(running()) == 9)
    for child in children:
        child.kill()
        child.wait()


def test_nobody_gets_away_by_making_others(first):
    with started(["nice", "-n", "10", *FLEES]):
        until(theirs)
        assert holding.hold(is_theirs, seconds=HANG)
        stopped = theirs()
        assert running() == set()
        time.sleep(0.1)  # in which they would have made dozens
        assert theirs() == stopped
        holding.let_go(is_theirs)
        until(lambda: "T" not in theirs().values())
        holding.hold(is_theirs, seconds=HANG)


def test_one_that_the_kernel_answers_only_later_goes_on_too(tmp_path, watch):
    """It was told to stop while it waited for the kernel, and let go before it could."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    (tmp_path / "file").write_text("text")
    watch.add(tmp_path)
    with started(["cat", str(tmp_path / "file")], stdout=subprocess.PIPE) as child:
        until(lambda: theirs().get(child.pid) == "D")
        assert holding.hold(is_theirs, seconds=HANG)
        holding.let_go(is_theirs)
        watch.close()
        assert child.communicate(timeout=HANG)[0] == b"text"


def test_one_whose_first_thread_has_ended_or_is_traced_is_stopped_too():
    """Its status is that of the first thread."""
    code = "import ctypes, threading, time; threading.Thread(target=lambda: [time.sleep(0.01) for _x in range(30000)]).start(); ctypes.CDLL(None).pthread_exit(None)"
    with started(["/usr/bin/python3", "-c", code]) as child:
        until(lambda: theirs(ended=True).get(child.pid) == "Z")
        assert holding.hold(is_theirs, seconds=HANG)
        states = [one.read_text() for one in Path(f"/proc/{child.pid}/task").glob("[0-9]*/status")]
        assert any("State:\tT" in one for one in states)


def test_the_real_user_counts_and_not_in_whose_name_a_root_process_acts():
    code = f"import os, time; os.seteuid({UID}); time.sleep(60)"
    with started(["/usr/bin/python3", "-c", code], user=0, group=0) as child:
        until(lambda: f"Uid:\t0\t{UID}" in Path(f"/proc/{child.pid}/status").read_text())
        assert holding.hold(is_theirs, seconds=HANG)
        assert "State:\tT" not in Path(f"/proc/{child.pid}/status").read_text()


def test_who_has_ended_and_whose_number_another_has_is_not_taken_for_him():
    """The other comes before the process is taken hold of, or after it was looked at: he runs on."""
    if not os.access(LAST_NUMBER, os.W_OK):
        pytest.skip("no number of a process can be chosen here")
    for when in (1, 2):
        child, others, asked = start(WAITS), [], []

        def swap(uid, child=child, others=others, asked=asked, when=when):
            if uid != UID:
                return False
            asked.append(uid)
            if len(asked) == when:
                child.kill()
                child.wait()
                others.append(with_number(child.pid))
            return True

        holding._send(child.pid, swap, signal.SIGSTOP)
        [other] = others
        assert other.pid == child.pid
        state = Path(f"/proc/{other.pid}/status").read_text()
        assert "State:\tT" not in state
        other.kill()
        other.wait()


def with_number(pid):
    """A process of root's that was given this number."""
    for _time in range(200):
        LAST_NUMBER.write_text(str(pid - 1))
        other = subprocess.Popen(WAITS)
        if other.pid == pid:
            return other
        other.kill()
        other.wait()
    raise AssertionError("the number was not to be had")


BECOME = """
import ctypes, encodings.ascii, os
from {module} import can_signal, hold, let_go
libc = ctypes.CDLL(None)
assert libc.prctl(8, 1, 0, 0, 0) == 0  # PR_SET_KEEPCAPS
os.setgroups([])
os.setgid({uid})
os.setuid({uid})
rights = {rights}
assert libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(rights, rights, 0, 0, 0, 0)) == 0
{then}
"""


def as_another(rights, then):
    """Run something as an account of its own that has these capabilities (a bit mask), and no other."""
    code = BECOME.format(module=holding.__name__, uid=54300, rights=rights, then=then)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_the_right_to_signal_is_all_it_needs():
    with started(WAITS) as child:
        until(lambda: theirs().get(child.pid) == "S")
        done = as_another(1 << 5, f"can_signal(); assert hold(lambda uid: uid == {UID})")
        assert (done.returncode, done.stderr) == (0, "")
        assert theirs()[child.pid] == "T"
        done = as_another(1 << 5, f"let_go(lambda uid: uid == {UID})")
        assert (done.returncode, done.stderr) == (0, "")
        assert theirs()[child.pid] != "T"


def test_without_it_it_says_so():
    assert "PermissionError" in as_another(0, "can_signal()").stderr
