# SPDX-License-Identifier: GPL-3.0-or-later
"""A collector that was taken over is asked, by the playbook itself: its words are read, and not obeyed."""

from __future__ import annotations

import argparse
import json
import os
import sys
import unicodedata
from pathlib import Path

import pytest
import yaml

from cli import trace
from cli.errors import BaselineError

SAID = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\r"


def ask(folder, said):
    """Have a collector asked that says this, whichever module it runs."""
    (folder / "said").write_text(json.dumps({"changed": True, "failed": False, **said}))
    (folder / "python").write_text(f"#!/bin/sh\nexec cat '{folder / 'said'}'\n")
    (folder / "python").chmod(0o755)
    here = {"ansible_connection": "local", "ansible_python_interpreter": str(folder / "python")}
    groups = {"collectors": {"hosts": {"liar": {**here, "ansible_become": False}}}}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": groups}}))
    parser = argparse.ArgumentParser()
    trace.add_options(parser)
    options = parser.parse_args(["--case", "A-1"])
    options.inventory = folder / "hosts.yml"
    return trace.trace(options)


@pytest.fixture(autouse=True)
def ansible(monkeypatch):
    """Where ansible-playbook is."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def obeyed(text):
    return {one for one in text if unicodedata.category(one) in {"Cc", "Cf"}} - {"\n"}


def test_an_answer_is_printed_and_nothing_in_it_obeyed(tmp_path, capsys):
    assert ask(tmp_path, {"rc": 3, "stdout": f"nobody\n{SAID}", "stderr": ""}) == 3
    out = capsys.readouterr().out
    assert out.startswith("nobody\n\\u001b[2J")
    assert obeyed(out) == set()


def test_a_refusal_is_one_line(tmp_path):
    with pytest.raises(BaselineError, match="there is no case") as raised:
        ask(tmp_path, {"rc": 2, "stdout": "", "stderr": f"there is\nno case{SAID}"})
    assert obeyed(str(raised.value)) == set()
    assert "\n" not in str(raised.value)
