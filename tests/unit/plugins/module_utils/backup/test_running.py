# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.backup import restic, running
from ansible_collections.order82.baseline.plugins.module_utils.backup.settings import Set


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "FAILED", str(tmp_path / "failed-%s.json"))
    monkeypatch.setattr(running, "MADE", str(tmp_path / "made.json"))
    monkeypatch.setattr(running, "SIZES", str(tmp_path / "sizes.json"))


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


WEB = Set("web", "files", ("/srv/www",))


def holds(files: int, each: int = 10) -> list[dict]:
    """A manifest's files."""
    return [{"type": "dir"}, *({"type": "file", "size": each} for _number in range(files))]


def doubt(files: list[dict], least_percent: int = 50) -> str:
    return running._doubt(WEB, files, least_percent).partition(";")[0]


def test_a_set_that_lost_most_of_its_files_or_bytes_is_in_doubt_until_somebody_says_so():
    assert doubt(holds(50)) == ""
    assert doubt(holds(24)) == "the set web had 50 files, and has 24"
    assert doubt(holds(50, each=4)) == "the set web had 500 bytes, and has 200"
    assert doubt(holds(0)) == "the set web had 50 files, and has 0"
    assert doubt(holds(0), least_percent=0) == ""
    assert doubt(holds(0)) == ""
    assert doubt(holds(3)) == ""
    assert doubt(holds(1)) == "the set web had 3 files, and has 1"


def test_a_set_may_lose_its_share_and_is_compared_with_what_is_left():
    for files in (50, 25, 13):
        assert doubt(holds(files)) == ""
    assert doubt(holds(12), least_percent=95) == "the set web had 13 files, and has 12"


def test_a_new_set_without_a_file_is_in_doubt():
    assert doubt(holds(0)) == "the set web has no file at all"
    assert running._doubt(WEB, holds(0), 50).endswith("say so: order82 backup run --smaller-is-right web")


def test_a_doubt_is_known_until_it_is_gone():
    said = {**made("web", "north", "1"), "doubt": "the set web has no file at all"}
    running.remember("run", [said])
    assert (running.failures("run"), running.made()) == ([said], [said])
    running.remember("run", [made("web", "north", "2")])
    assert running.failures("run") == []


def test_some_of_what_could_not_be_read_is_named_and_all_is_counted():
    unread = {f"/srv/{number}": "input/output error" for number in range(7)}
    said = running.not_read(unread)
    assert said.startswith("7 could not be read and are missing in it: /srv/0 (input/output error), /srv/1 (")
    assert said.endswith("/srv/4 (input/output error) and 2 more")
