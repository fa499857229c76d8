# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed before each thing that it does and run again, a measure ends as if nothing had happened.

With systemd's units: tests/hosts/standby/test_host_state.py, on real hosts.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import broken_off
import pytest
from ansible_collections.order82.baseline.plugins.module_utils import processes

SECRET = "gate-ajar-7"


@pytest.fixture
def quick(place, tmp_path, monkeypatch):
    """A place in memory, where nothing waits for a disk; and dpkg, which is asked a hundred times, knows no package."""
    (tmp_path / "dpkg/info").mkdir(parents=True)
    (tmp_path / "dpkg/status").touch()
    monkeypatch.setitem(processes._ENVIRONMENT, "DPKG_ADMINDIR", str(tmp_path / "dpkg"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", place.base], check=True)
    place.etc.mkdir(0o755)
    yield place
    subprocess.run(["umount", place.base], check=True)


def first(place):
    """A state: a folder with a secret in it, a file in a folder that is made along, one that another replaces."""
    etc = place.etc
    return place.state(
        folders=[{"path": str(etc / "a"), "owner": "nobody", "mode": "0750"}, str(etc / "old")],
        files=[
            {"path": str(etc / "a/secret"), "text": f"{SECRET}\n", "secret": True, "mode": "0600"},
            {"path": str(etc / "along/with/one"), "text": "1\n", "validate": ["bash", "-n", "%s"]},
            {"path": str(etc / "old/gone"), "text": "gone\n"},
            {"path": str(etc / "only/gone"), "text": f"{SECRET}\n", "secret": True},
        ],
        nothing_else_in=[str(etc / "only/*")],
        formerly=[str(etc / "former-*")],
        keep=[str(etc / "kept")],
    )


def second(place):
    """Another state of the same measure."""
    etc = place.etc
    return place.state(
        folders=[{"path": str(etc / "a"), "mode": "0700"}, {"path": str(etc / "a/b"), "group": "nogroup"}],
        files=[
            {"path": str(etc / "a/secret"), "text": "another\n", "secret": True, "group": "nogroup", "mode": "0640"},
            {"path": str(etc / "along/with/one"), "text": "2\n", "mode": "0755", "validate": ["bash", "-n", "%s"]},
            {"path": str(etc / "a/b/new"), "text": "new\n"},
            {"path": str(etc / "kept"), "text": "kept\n"},
        ],
        nothing_else_in=[str(etc / "only/*")],
        formerly=[str(etc / "former-*")],
        keep=[str(etc / "kept")],
    )


def absent(place):
    return dict(second(place), present=False)


def before(place):
    """What somebody else put there."""
    (place.etc / "former-1").write_text("of a version before\n")
    (place.etc / "only").mkdir()
    (place.etc / "only/stray").write_text("stray\n")
    (place.etc / "theirs").write_text("theirs\n")


def lying(place):
    """All that lies there: kind, rights and contents; when something was set aside does not matter."""
    found = {re.sub(r"\d{8}T\d{6}Z", "TIME", path): now[:4] for path, now in place.tree().items()}
    return {path: (*now[:3], json.loads(now[3]) if path.endswith(".json") else now[3]) for path, now in found.items()}


def save(place, to):
    """Copy all that lies there, with its rights."""
    subprocess.run(["cp", "-a", place.etc, place.kept, to], check=True)


def restore(place, saved):
    for folder in (place.etc, place.kept):
        shutil.rmtree(folder)
    subprocess.run(["cp", "-a", *saved.iterdir(), place.base], check=True)


@pytest.fixture
def stations(quick, tmp_path):
    """What lies there before the first step and after each, as a folder to restore it from and as it is compared."""
    before(quick)
    quick.kept.mkdir()
    found = []
    for number, step in enumerate((None, first, second, absent)):
        if step:
            quick.laid(step(quick))
        saved = tmp_path / str(number)
        saved.mkdir()
        save(quick, saved)
        found.append((saved, lying(quick)))
    return found


def test_what_the_steps_lead_to(quick, stations):
    etc, kept = quick.etc, quick.kept
    assert SECRET not in str([lying for _saved, lying in stations[1:]][1:])
    assert {path for path in stations[-1][1] if "/set_aside" not in path} == {
        *map(str, (quick.base, etc, etc / "kept", etc / "theirs", etc / "only", kept))
    }
    [stray] = [path for path in stations[-1][1] if path.endswith("stray")]
    assert "/set_aside/TIME/" in stray


@pytest.mark.parametrize("at", [1, 2, 3], ids=["first", "second", "absent"])
def test_nothing_is_lost_wherever_it_is_broken_off(quick, stations, at):
    state, number, killed = [first, second, absent][at - 1](quick), 0, True
    while killed:
        number += 1
        restore(quick, stations[at - 1][0])
        done, about_to = broken_off.run(lambda: quick.lay(state), number)
        killed = done is None
        again = quick.laid(state)
        assert killed or not again["changed"]
        assert lying(quick) == stations[at][1], f"killed before its effect {number}: {about_to}"
    assert "failed" not in done
    assert number > 10, "it was killed at many places"


def test_another_state_follows_the_one_that_was_broken_off(quick, stations):
    """Nobody comes back to what was under way; nothing of it stays all the same, a secret least of all."""
    (stations[0][0] / "etc/only/stray").unlink()  # dpkg would be asked about it each time
    restore(quick, stations[0][0])
    quick.laid(second(quick))
    wanted, number, killed = lying(quick), 0, True
    while killed:
        number += 1
        restore(quick, stations[0][0])
        done, about_to = broken_off.run(lambda: quick.lay(first(quick)), number)
        killed = done is None
        quick.laid(second(quick))
        assert lying(quick) == wanted, f"killed before its effect {number}: {about_to}"
    assert SECRET not in str(wanted)
    assert number > 10
