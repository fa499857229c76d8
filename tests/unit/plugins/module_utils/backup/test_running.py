# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.backup import restic, running


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "FAILED", str(tmp_path / "failed-%s.json"))
    monkeypatch.setattr(running, "MADE", str(tmp_path / "made.json"))


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


def made(name, repository, manifest):
    return {"set": name, "repository": repository, "snapshot": "d" + manifest, "manifest": manifest, "at": "x"}


def test_the_newest_backup_of_each_set_in_each_repository_is_known():
    assert running.made() == []
    running.remember("run", [made("web", "north", "1"), made("web", "south", "2")])
    # It has a snapshot of the data, and none of the manifest: that is no backup.
    running.remember("run", [made("web", "north", "3"), {**result("web", "south", "full"), "snapshot": "d4"}])
    running.remember("run", [made("mail", "north", "5")])
    assert running.made() == [made("web", "south", "2"), made("web", "north", "3"), made("mail", "north", "5")]


class Place:
    """A repository with these locks; None is one that is gone."""

    def __init__(self, locks: str | None):
        self.locks = locks
        self.asked: list[tuple[str, ...]] = []

    def run(self, *words: str) -> str:
        self.asked.append(words)
        if self.locks is None:
            raise restic.ResticError("gone")
        return self.locks if words == ("list", "locks") else ""


def test_only_a_repository_with_locks_is_waited_for():
    free, locked, gone = Place(""), Place("2f3a\n"), Place(None)
    places, without = running._usable({"free": free, "locked": locked, "gone": gone})
    assert list(places) == ["free", "locked"]
    assert without == {"gone": "gone"}
    assert free.asked == [("list", "locks")]
    assert locked.asked == [("list", "locks"), ("unlock",), ("list", "snapshots")]
