# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever asks while a measure is laid down, or a moment after one was changed, is told so; and nobody later."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.state import applying, manifest, request


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(applying, "FILE", str(tmp_path / "order82" / "applying"))


def later() -> float:
    return time.time() + applying.SECONDS + 1


def test_nobody_applies_where_nobody_ever_did():
    assert not applying.under_way()


def test_it_is_under_way_while_a_call_works_and_between_calls_that_change_something():
    with applying.held() as changed:
        assert applying.under_way(later())
    assert not applying.under_way(), "it changed nothing"
    with applying.held() as changed:
        changed()
    assert applying.under_way()
    assert not applying.under_way(later())


def test_two_at_a_time_do_not_wait_for_each_other():
    with applying.held(), applying.held():
        assert applying.under_way()
    assert not applying.under_way()


def test_a_call_that_is_killed_holds_nothing():
    code = f"import fcntl, os, time\nf = os.open({applying.FILE!r}, os.O_RDWR)\nfcntl.flock(f, fcntl.LOCK_SH)\nprint('held', flush=True)\ntime.sleep(60)"
    with applying.held():
        pass
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        assert applying.under_way()
        process.kill()
    assert not applying.under_way()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another account")
def test_what_another_account_put_there_counts_for_nothing():
    Path(applying.FILE).parent.mkdir()
    Path(applying.FILE).write_text("x")
    os.chown(applying.FILE, 1000, 1000)
    assert not applying.under_way()


def test_a_manifest_that_was_written_anew_counts_as_a_change(monkeypatch, tmp_path):
    monkeypatch.setattr(manifest, "FOLDER", str(tmp_path))

    def bring_about(_state, _beforehand, _check, _host):
        (tmp_path / "probe.json").write_text("{}")
        return {"changed": False}

    monkeypatch.setattr(request, "bring_about", bring_about)
    request.carry_out({"bring": {"state": {"role": "probe"}}, "look": [], "check": False})
    assert applying.under_way()


def test_who_puts_right_does_so_alone():
    with applying.alone():
        assert applying.under_way()
        assert not applying.under_way(ours=True)
        with pytest.raises(BlockingIOError), applying.alone():
            pass
    assert not applying.under_way()
    with applying.held(), pytest.raises(BlockingIOError), applying.alone():
        pass


def test_a_time_in_the_future_is_no_apply():
    with applying.held():
        pass
    os.utime(applying.FILE, (later(), later()))
    assert not applying.under_way()


@pytest.mark.parametrize(
    ("check", "changes", "expected"), [(False, True, True), (False, False, False), (True, True, False)]
)
def test_the_controllers_calls_say_so(monkeypatch, check, changes, expected):
    seen = []

    def bring_about(_state, _beforehand, _check, _host):
        seen.append(applying.under_way())
        return {"changed": changes, "failed": True}

    monkeypatch.setattr(request, "bring_about", bring_about)
    request.carry_out({"bring": {"state": {"role": "probe"}}, "look": [], "check": check})
    assert seen == [not check]
    assert applying.under_way() is expected
