# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches the receiver of a collector, by what the kernel says of processes and sockets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import origin

RECEIVER, FRONT = "order82-collect.service", "order82-front.service"
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = "   0: %s:%04X 00000000:0000 %s 00000000:00000000 00:00000000 00000000 %5d        0 1 1 0 100 0 0 10 0\n"
GOOD = {"apart": True, "together": True, "others": [], "open": []}
US = os.getuid()
COLLECTIONS = str(Path(__file__).resolve().parents[5] / ".cache" / "collections")


class Proc:
    """What the kernel of a collector shows."""

    def __init__(self, folder):
        self.folder = folder
        self.process("self", "host", "")
        (folder / "self" / "net").mkdir()
        self.listens()

    def process(self, pid, network, unit, name="x"):
        """One of its processes."""
        place = self.folder / str(pid)
        (place / "ns").mkdir(parents=True)
        (place / "ns" / "net").symlink_to(f"net:[{network}]")
        (place / "cgroup").write_text(f"4:misc:/\n0::/system.slice/{unit}\n")
        (place / "comm").write_text(name + "\n")

    def listens(self, *rows):
        """Its sockets: port, state, user."""
        text = "".join(ROW % ("0" * 32, port, state, user) for port, state, user in rows)
        (self.folder / "self" / "net" / "tcp6").write_text(HEAD + text)

    def seen(self, receiver=20, front=21):
        return origin.seen(str(self.folder), receiver, front, (RECEIVER, FRONT))


@pytest.fixture
def proc(tmp_path):
    made = Proc(tmp_path)
    made.process(1, "host", "init.scope")
    made.process(20, "apart", RECEIVER)
    made.process(21, "apart", FRONT)
    return made


def test_the_two_are_by_themselves(proc):
    proc.process(30, "another", "order82-admit.service")
    (proc.folder / "77").mkdir()  # it ends while it is looked at
    proc.listens((2514, "0A", US + 1), (22, "0A", US + 2), (40000, "01", US))
    assert proc.seen() == GOOD


def test_a_receiver_where_everybody_is(proc):
    """As it was before, and as a drop-in with PrivateNetwork=false makes it."""
    proc.process(22, "host", RECEIVER)
    proc.listens((2514, "0A", US))
    assert proc.seen(receiver=22) == {"apart": False, "together": False, "others": [], "open": [2514]}


def test_a_front_that_is_elsewhere_or_gone(proc):
    assert proc.seen(front=1)["together"] is False
    assert proc.seen(front=0)["together"] is False
    assert proc.seen(front=99)["together"] is False


def test_no_receiver(proc):
    assert proc.seen(receiver=0) == {"apart": False, "together": False, "others": [], "open": []}


def test_somebody_elses_program_beside_them(proc):
    proc.process(23, "apart", RECEIVER)  # a child of the receiver's
    proc.process(30, "apart", "cron.service", "sh")
    assert proc.seen() == {**GOOD, "others": ["sh (cron.service, process 30)"]}


LOOK = """
import json, os, socket, subprocess
from ansible_collections.order82.baseline.plugins.module_utils.observers import origin
words = ["unshare", "--net", "sh", "-c", "echo; exec sleep 60"]
with subprocess.Popen(words, stdout=subprocess.PIPE) as apart, socket.create_server(("127.0.0.1", 0)) as listens:
    apart.stdout.readline()
    with open("/proc/self/cgroup", encoding="ascii") as file:
        unit = file.read().strip().rpartition("/")[2]
    here = listens.getsockname()[1]
    good = origin.seen("/proc", apart.pid, apart.pid, (unit,))
    print(json.dumps({
        "apart": good["apart"], "together": good["together"], "others": good["others"], "open": here in good["open"],
        "strange": [one.split()[0] for one in origin.seen("/proc", apart.pid, os.getpid(), ("none",))["others"]],
        "not apart": origin.seen("/proc", os.getpid(), os.getpid(), (unit,))["apart"],
    }))
    apart.kill()
"""


@pytest.mark.skipif(US != 0 or not shutil.which("unshare"), reason="only root makes namespaces")
def test_as_this_kernel_says_it():
    """In a process namespace of its own, all of which root may see."""
    words = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", LOOK]
    done = subprocess.run(words, env=os.environ | {"PYTHONPATH": COLLECTIONS}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "apart": True,
        "together": True,
        "others": [],
        "open": True,  # the test itself listens, as the same user
        "strange": ["sleep"],
        "not apart": False,
    }


def test_who_only_passes_by_is_no_other_and_who_comes_to_stay_is():
    looks = iter([["nft (a, process 1)", "nc (b, process 2)"], ["nc (b, process 2)"], ["nc (b, process 2)"]])
    last = ["nc (b, process 2)", "nft (a, process 3)"]
    facts = origin.stays(lambda: {**GOOD, "others": next(looks, last)}, seconds=0.5)
    assert facts == {**GOOD, "others": ["nc (b, process 2)"]}


def test_where_nobody_is_nobody_waits():
    assert origin.stays(lambda: GOOD, seconds=600) == GOOD
