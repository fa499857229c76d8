# SPDX-License-Identifier: GPL-3.0-or-later
"""A service's side of what systemd tells it and is told, with a socket as systemd has it on the other side."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import service_manager

ASKS = "import sys; sys.path[:0] = sys.argv[2:]; from ansible_collections.order82.baseline.plugins.module_utils.service_manager import kept; print(kept(sys.argv[1]))"


@pytest.fixture(name="systemd")
def _systemd(monkeypatch, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield systemd


def test_ready_is_said(systemd):
    service_manager.ready()
    assert systemd.recv(100) == b"READY=1"


def test_the_very_descriptor_is_kept(systemd):
    reading, writing = os.pipe()
    service_manager.keep("ended", reading)
    text, [given], _flags, _from = socket.recv_fds(systemd, 100, 1)
    assert text == b"FDSTORE=1\nFDNAME=ended"
    os.write(writing, b"x")
    assert os.read(given, 1) == b"x"
    for one in (reading, writing, given):
        os.close(one)


def test_without_systemd_nothing_is_told(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    service_manager.ready()


@pytest.mark.parametrize(
    ("pid", "name", "found"), [("$$", "ended", "4"), ("$$", "other", "None"), ("1", "ended", "None")]
)
def test_what_was_kept_is_found_by_its_name(pid, name, found):
    program = f'exec 4</dev/null; LISTEN_PID={pid} LISTEN_FDNAMES=first:ended exec "$@"'
    command = ["sh", "-c", program, "sh", sys.executable, "-c", ASKS, name, *sys.path]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == found
