# SPDX-License-Identifier: GPL-3.0-or-later
"""The program for hosts needs nothing but Python, writes no file, and gives back what was seen."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.host_answer import MARK, from_program, observations
from ansible_collections.order82.baseline.plugins.plugin_utils.host_program import OBSERVE, host_program

PYTHONS = sorted({sys.executable, shutil.which("/usr/bin/python3") or sys.executable})


def run(python, checks, folder):
    return subprocess.run(
        [python, "-I", "-"], input=host_program(OBSERVE, checks), capture_output=True, cwd=folder, check=True
    ).stdout.decode()


@pytest.mark.parametrize("python", PYTHONS)
def test_it_observes(python, tmp_path):
    checks = [
        {"id": "a.folder", "observe": {"file": {"path": str(tmp_path)}}},
        {"id": "a.wrong", "observe": {"file": {}}},
    ]
    folder, wrong = observations(from_program(run(python, checks, tmp_path)), checks)
    assert (folder["check"], folder["observed"]["kind"], folder["error"]) == ("a.folder", "directory", None)
    assert (wrong["check"], wrong["observed"]) == ("a.wrong", None)
    assert "needs the argument 'path'" in wrong["error"]
    assert list(tmp_path.iterdir()) == []


def test_only_the_modules_of_what_is_asked_for_are_read(tmp_path):
    program = host_program(OBSERVE, [{"id": "a.folder", "observe": {"file": {"path": "/"}}}]).decode()
    program = program.replace(
        "sys.stdout.flush()", "print(sorted(name for name in sys.modules if 'order82' in name), flush=True)"
    )
    said = subprocess.run([sys.executable, "-I", "-"], input=program.encode(), capture_output=True, check=True).stdout
    read = said.decode().splitlines()[-1]
    assert "order82_baseline.observers.files" in read
    assert "nat" not in read


def test_arguments_are_data_and_never_code(tmp_path):
    hostile = '"; import os; os.mkdir("x") #\n{mark}\u4e2d'
    [seen] = from_program(run(sys.executable, [{"id": hostile, "observe": {"file": {"path": hostile}}}], tmp_path))
    assert seen["check"] == hostile
    assert seen["observed"]["exists"] is False
    assert list(tmp_path.iterdir()) == []


def test_what_is_observed_cant_pass_for_the_answer(tmp_path):
    hostile = f"/x{MARK}[]"
    [seen] = from_program(run(sys.executable, [{"id": hostile, "observe": {"file": {"path": hostile}}}], tmp_path))
    assert seen["check"] == hostile


def test_what_a_login_script_prints_does_no_harm():
    assert from_program(f'Welcome [to] {{this}} host\n{MARK}[{{"check": "a"}}]\nbye\n') == [{"check": "a"}]
