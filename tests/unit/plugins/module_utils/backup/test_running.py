# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.backup import running


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "FAILED", str(tmp_path / "failed-%s.json"))


def result(name, repository, error=""):
    return {"set": name, "repository": repository, **({"error": error} if error else {})}


def test_what_failed_is_known_until_it_succeeds():
    running.remember("run", [result("web", "north", "full"), result("web", "south")])
    assert running.failures("run") == [result("web", "north", "full")]
    running.remember("run", [result("web", "north"), result("web", "south")])
    assert running.failures("run") == []


def test_a_run_of_one_set_says_nothing_of_another():
    running.remember("run", [result("web", "north", "full")])
    running.remember("run", [result("mail", "north")])
    assert running.failures("run") == [result("web", "north", "full")]


def test_the_log_is_remembered_beside_the_backups():
    running.remember("log", [result("shop", "north", "gone")])
    assert running.failures("run") == []
    assert running.failures("log") == [result("shop", "north", "gone")]
