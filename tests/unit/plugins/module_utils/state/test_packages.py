# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages by the real apt-get and dpkg, in a root that is thrown away: others at work, and sources that are dead."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import threading
import time
import types

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.state import packages
from ansible_collections.order82.baseline.plugins.module_utils.state.errors import StateError

SETTINGS = """\
Dir "{root}";
Dir::State::status "{root}/var/lib/dpkg/status";
Dir::Bin::methods "/usr/lib/apt/methods";
Dir::Bin::dpkg "/usr/bin/dpkg";
DPkg::Options:: "--root={root}";
DPkg::Options:: "--force-not-root";
APT::Architecture "amd64";
APT::Sandbox::User "root";
"""
CONTROL = "Package: probe\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"
HOLDS = (
    "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); "
    "print(flush=True); time.sleep(float(sys.argv[2]))"
)
FOLDERS = (
    "etc/apt/sources.list.d etc/apt/preferences.d etc/apt/apt.conf.d var/lib/dpkg/info var/lib/dpkg/updates "
    "var/lib/apt/lists/partial var/cache/apt/archives/partial var/log/apt source/probe/DEBIAN"
)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A root with a package source of its own that has the package probe."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.skip("packages are root's to install, and Debian's")
    for folder in FOLDERS.split():
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for name in ("status", "diversions"):
        (tmp_path / "var/lib/dpkg" / name).touch()
    (tmp_path / "apt.conf").write_text(SETTINGS.format(root=tmp_path))
    source = tmp_path / "source"
    (source / "probe/DEBIAN/control").write_text(CONTROL)
    package = source / "probe_1_all.deb"
    subprocess.run(["dpkg-deb", "-b", source / "probe", package], check=True, capture_output=True)
    listed = f"Filename: ./probe_1_all.deb\nSize: {package.stat().st_size}\n"
    listed += f"SHA256: {hashlib.sha256(package.read_bytes()).hexdigest()}\n"
    (source / "Packages").write_text(CONTROL + listed)
    (tmp_path / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{source} ./\n")
    monkeypatch.setattr(packages, "_ENVIRONMENT", {**packages._ENVIRONMENT, "APT_CONFIG": str(tmp_path / "apt.conf")})
    monkeypatch.setattr(packages, "_BUSY_LOOK_SECONDS", 0.1)
    return tmp_path


@contextlib.contextmanager
def busy(path, seconds):
    """Another process holds a lock for a while."""
    with subprocess.Popen(["python3", "-c", HOLDS, path, str(seconds)], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        try:
            yield other
        finally:
            other.kill()


def installed(root):
    argv = ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show", "--showformat=${Status}", "probe"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(
    "lock", ["lib/apt/lists/lock", "cache/apt/archives/lock", "lib/dpkg/lock-frontend", "lib/dpkg/lock"]
)
def test_another_that_installs_or_fetches_is_waited_for(root, lock):
    with busy(root / "var" / lock, 0.5):
        assert packages.refresh() == ""
        packages._apt_install(["probe"], [], "")
    assert installed(root) == "install ok installed"


@pytest.mark.parametrize("lock", ["lock-frontend", "lock"])
def test_what_was_left_half_done_is_not_mended_under_anothers_hands(root, lock):
    with busy(root / "var/lib/dpkg" / lock, 0.5) as other:
        packages.patiently(["dpkg", f"--root={root}", "--configure", "-a"])
        assert other.wait(5) == 0


def test_one_that_does_not_end_is_named(root, monkeypatch):
    monkeypatch.setattr(packages, "_BUSY_SECONDS", 0.2)
    packages.refresh()
    with (
        busy(root / "var/cache/apt/archives/lock", 60) as other,
        pytest.raises(StateError, match=rf"Could not get lock .*held by process {other.pid}"),
    ):
        packages._apt_install(["probe"], [], "")


@pytest.fixture
def mute():
    """A server that takes every connection and says nothing: its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = []

        def take():
            with contextlib.suppress(OSError):
                while True:
                    taken.append(server.accept())

        threading.Thread(target=take, daemon=True).start()
        yield "http://127.0.0.1:%d" % server.getsockname()[1]


def test_a_dead_source_costs_little_and_is_named(root, mute, monkeypatch):
    # Its ten seconds are for the lines of real sites.
    monkeypatch.setattr(packages, "_UPDATE", [one.replace("Timeout=10", "Timeout=1") for one in packages._UPDATE])
    (root / "etc/apt/sources.list.d/third.list").write_text(f"deb [trusted=yes] {mute}/third stable main\n")
    began = time.monotonic()
    said = packages.refresh()
    assert time.monotonic() - began < 2 * 1 + 3
    assert said.startswith(f"could not read the package source {mute}/third/dists/stable (")
    assert "\n" not in said
    packages._apt_install(["probe"], [], said)  # from those that live
    assert installed(root) == "install ok installed"


def test_where_a_package_is_not_to_be_had_then_the_source_is_named(root):
    (root / "etc/apt/sources.list.d/third.list").write_text("deb [trusted=yes] http://127.0.0.1:9/third ./\n")
    said = r"Unable to locate package other could not read the package source http://127\.0\.0\.1:9/third \(Could not connect"
    with pytest.raises(StateError, match=said):
        packages._apt_install(["other"], [], packages.refresh())


def test_where_all_is_installed_nothing_is_fetched(root, mute):
    (root / "etc/apt/sources.list.d/third.list").write_text(f"deb [trusted=yes] {mute}/third ./\n")
    wanted = [{"name": "probe", "release": "", "at_least": "", "otherwise": ""}]
    assert packages.install(types.SimpleNamespace(packages={"probe": "1"}), wanted, [], check=False) == []
