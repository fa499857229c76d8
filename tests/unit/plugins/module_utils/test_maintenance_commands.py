# SPDX-License-Identifier: GPL-3.0-or-later
"""order82 maintenance: who announces is named by the account that logged in, whatever he calls himself."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import (
    host_command,
    maintenance,
    maintenance_commands,
)


@pytest.fixture
def announced(monkeypatch):
    """What was announced, and nothing in a file or journal of this machine."""
    kept = []
    monkeypatch.setattr(maintenance_commands.login, "account", lambda: "ops")
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def begin(by, reason, minutes, now):
        kept.append(maintenance.Work(by, reason, now, now + 60 * minutes))
        return kept[-1]

    monkeypatch.setattr(maintenance, "begin", begin)
    monkeypatch.setattr(maintenance, "current", lambda _now: kept[-1] if kept else None)
    monkeypatch.setattr(maintenance, "end", lambda _by, _now: kept.pop() if kept else None)
    return kept


def test_by_the_account_that_logged_in(announced, capsys):
    assert host_command.main(["maintenance", "begin", "--reason", "new disks", "--minutes", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["by"] == announced[0].by == "ops"


def test_by_his_own_word_with_the_account_beside_it(announced):
    assert host_command.main(["maintenance", "begin", "--by", "li", "--reason", "new disks", "--minutes", "5"]) == 0
    assert announced[0].by == "li (as ops)"


def test_begin_show_end_show(announced, capsys):
    del announced
    host_command.main(["maintenance", "begin", "--reason", "new disks", "--minutes", "5"])
    host_command.main(["maintenance", "show"])
    assert capsys.readouterr().out.count("announced by ops: new disks") == 2
    assert host_command.main(["maintenance", "end"]) == 0
    capsys.readouterr()
    assert host_command.main(["maintenance", "end"]) == host_command.main(["maintenance", "show", "--json"]) == 0
    assert capsys.readouterr().out.splitlines() == ["nothing was announced", "null"]


@pytest.mark.parametrize("words", [["begin", "--reason", "x", "--minutes", "5"], ["end"]])
def test_only_root_announces(announced, monkeypatch, capsys, words):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert host_command.main(["maintenance", *words]) == 2
    assert not announced
    assert capsys.readouterr().err.startswith("order82: only root")
