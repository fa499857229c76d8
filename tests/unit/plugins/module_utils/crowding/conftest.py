# SPDX-License-Identifier: GPL-3.0-or-later
"""A journald of its own for a test: in a mount namespace, with its sockets and files in the test's folder. Needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

JOURNALD = Path("/usr/lib/systemd/systemd-journald")
SETTINGS = "[Journal]\nStorage=persistent\nRateLimitBurst=0\nRateLimitIntervalSec=0\nReadKMsg=no\nAudit=no\n"
HANG = 20
"""Seconds after which nobody waits any longer."""
SET_UP = """
mount --make-rprivate / && mount --bind "$1/run" /run && mount --bind "$1/log" /var/log &&
mount --bind "$1/machine-id" /etc/machine-id && mount -t cgroup2 none /sys/fs/cgroup && exec {}
"""
WRITE = """
import fcntl, os, pathlib, socket, sys
path, uid, program, number, size, kind, group = sys.argv[1:]
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect(path)
if group:
    pathlib.Path(group).mkdir(parents=True, exist_ok=True)
    pathlib.Path(group, "cgroup.procs").write_text(str(os.getpid()))
os.setgroups([])
os.setgid(int(uid))
os.setuid(int(uid))
for one in range(int(number)):
    text = os.urandom(int(size) // 2).hex() if kind == "random" else "x" * int(size)
    sent = f"SYSLOG_IDENTIFIER={program}\\nMESSAGE={one} {text}\\n".encode()
    if len(sent) < 100_000:
        journal.sendall(sent)
    else:
        memory = os.memfd_create("message", os.MFD_ALLOW_SEALING)
        os.write(memory, sent)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, 0xF)
        socket.send_fds(journal, [b""], [memory])
        os.close(memory)
"""


class Journal:
    """What journald writes, and how to write to it as anybody."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._daemon: subprocess.Popen | None = None

    @property
    def where(self) -> str:
        return str(self.folder / "log/journal" / (self.folder / "machine-id").read_text().strip())

    def start(self, environment: dict[str, str]) -> None:
        for name in ("run/systemd/journald.conf.d", "run/systemd/journal", "log/journal"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        (self.folder / "run/systemd/journald.conf.d/test.conf").write_text(SETTINGS)
        (self.folder / "run/systemd/journal/flushed").touch()
        words = ["unshare", "--mount", "sh", "-c", SET_UP.format(JOURNALD), "sh", str(self.folder)]
        with (self.folder / "said").open("wb") as said:
            self._daemon = subprocess.Popen(words, env=os.environ | environment, stdout=said, stderr=said)
        self._until((self.folder / "run/systemd/journal/io.systemd.journal").exists)
        self.write(0, "first", 1)

    def stop(self) -> None:
        if self._daemon:
            self._daemon.terminate()
            self._daemon.wait(HANG)

    def write(
        self, uid: int, program: str, number: int, size: int = 10, *, kind: str = "random", unit: str = ""
    ) -> None:
        """Write so many messages as an account; they are in the file when this returns."""
        socket = self.folder / "run/systemd/journal/socket"
        group = f"/proc/{self._daemon.pid}/root/sys/fs/cgroup/system.slice/{unit}" if unit else ""
        words = [sys.executable, "-c", WRITE, str(socket), str(uid), program, str(number), str(size), kind, group]
        subprocess.run(words, check=True, timeout=HANG)
        if group:
            Path(group).rmdir()
        self.sync()

    def sync(self) -> None:
        words = ["nsenter", f"--mount=/proc/{self._daemon.pid}/ns/mnt", "journalctl", "--sync"]
        subprocess.run(words, check=True, timeout=HANG, capture_output=True)

    def rotate(self) -> None:
        words = ["nsenter", f"--mount=/proc/{self._daemon.pid}/ns/mnt", "journalctl", "--rotate"]
        subprocess.run(words, check=True, timeout=HANG, capture_output=True)

    def _until(self, there) -> None:
        end = time.monotonic() + HANG
        while not there():
            assert time.monotonic() < end, (self.folder / "said").read_text()
            assert self._daemon.poll() is None, (self.folder / "said").read_text()
            time.sleep(0.02)


@pytest.fixture(params=["compact", "regular"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    """A journald whose files have the one form or the other; Debian's have the first."""
    if os.geteuid() or not JOURNALD.exists() or not shutil.which("unshare"):
        pytest.skip("needs root and systemd")
    one = Journal(tmp_path)
    try:
        one.start({"SYSTEMD_JOURNAL_COMPACT": str(int(request.param == "compact"))})
        yield one
    finally:
        one.stop()
