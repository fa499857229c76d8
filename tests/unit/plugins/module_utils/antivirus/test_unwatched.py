# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder that the watch has lost is found by what the kernel watches, whatever an account places there."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.antivirus import unwatched

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a watch (fanotify) and mounts are root's")
HANG = 30
"""Seconds after which nobody waits any longer."""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder with some in it, looked at without pause; clamd finds something in what says so."""
    for name in ("top/a/b", "answer"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(unwatched, "KNOWN", str(tmp_path / "known.json"))
    monkeypatch.setattr(unwatched, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(unwatched, "SHARE", 0)
    monkeypatch.setattr(unwatched, "_STARTS_SECONDS", 0.01)
    monkeypatch.setattr(
        unwatched.clamd, "scan_open_file", lambda descriptor, _seconds: os.read(descriptor, 9) == b"infected!" and "Sig"
    )
    return tmp_path


@pytest.fixture
def looking(tree, monkeypatch):
    """Look until something is lost, beside the test; what was said of it in the end comes into a list."""
    over, ended = threading.Event(), []

    def process():
        if over.is_set():
            raise SystemExit
        return os.getpid()

    monkeypatch.setattr(unwatched, "_process", process)
    threads = []

    def look():
        with contextlib.suppress(SystemExit):
            ended.append(unwatched.until_lost(lambda: [str(tree / "top")], str(tree / "answer")))

    def begin():
        ended.clear()
        threads.append(threading.Thread(target=look, daemon=True))
        threads[-1].start()
        return ended

    yield begin
    over.set()
    for thread in threads:
        thread.join(HANG)


def eventually(condition):
    end = time.monotonic() + HANG
    while not condition() and time.monotonic() < end:
        threading.Event().wait(0.01)
    return condition()


def walk(top):
    return [path for _descriptor, path, _device in unwatched._folders(str(top), [])]


def test_what_the_kernel_does_not_watch_is_lost(tree, watch):
    top = str(tree / "top")
    assert unwatched.marks(os.getpid()) == set()
    watch.add(tree / "top")
    watch.add(tree / "top/a")
    found = unwatched.look([top], unwatched.marks(os.getpid()))
    assert (found.count, list(found.gone.values())) == (3, [top + "/a/b"])
    watch.add(tree / "top/a/b")
    assert unwatched.look([top], unwatched.marks(os.getpid())).gone == {}


def test_what_is_not_in_it_is_none_of_its_folders(tree):
    top, disk = tree / "top", tree / "top/disk"
    (top / "link").symlink_to("/etc")
    (top / "file").write_text("text")
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", disk], check=True)
    try:
        (disk / "inner").mkdir()
        found = walk(top)
    finally:
        subprocess.run(["umount", disk], check=True)
    assert sorted(found) == [str(top), str(top / "a"), str(top / "a/b")]
    assert unwatched.look([str(tree / "gone")], set()).count == 0


def test_one_that_becomes_a_symlink_is_not_gone_through_and_hides_no_other(tree):
    top = tree / "top"
    for name in ("b", "c"):
        (top / name / "below").mkdir(parents=True)
    seen = []
    for _descriptor, path, _device in unwatched._folders(str(top), []):
        seen.append(path)
        if len(seen) == 2:  # the names were read by now
            for name in {"a", "b", "c"} - {Path(path).name}:
                (top / name).rename(tree / name)
                (top / name).symlink_to("/etc")
    first = Path(seen[1]).name
    assert seen[:2] == [str(top), str(top / first)]
    assert {Path(path).parts[-2] for path in seen[2:]} == {first}
    assert walk(top)[:1] == [str(top)]


def test_what_is_infected_is_said_whatever_lies_beside_it(tree, capfdbinary):
    folder = tree / "top/a/b"
    (folder / "virus").write_text("infected!")
    (folder / "two\n/etc/passwd").mkdir(parents=True)
    (folder / "two\n/etc/passwd/x").write_text("infected!")
    os.mkfifo(folder / "fifo")
    (tree / "elsewhere").write_text("infected!")
    (folder / "link").symlink_to(tree / "elsewhere")
    unwatched.look([str(tree / "top")], set())
    assert capfdbinary.readouterr().err == b"%s: Sig FOUND\n" % os.fsencode(folder / "virus")


def test_for_what_there_was_no_time_the_next_look_has_it(tree, watch, monkeypatch, capfdbinary):
    top = str(tree / "top")
    watch.add(tree / "top")
    watch.add(tree / "top/a")
    watch.add(tree / "top/a/b")
    watched = unwatched.marks(os.getpid())
    seen = unwatched.look([top], watched).there
    (tree / "top/new").mkdir()
    watch.add(tree / "top/new")
    watched = unwatched.marks(os.getpid())
    watch.close()  # nobody answers it
    (tree / "top/new/virus").write_text("infected!")
    monkeypatch.setattr(unwatched, "TELL_SECONDS", -1)
    seen = unwatched.look([top], watched, seen).there
    assert capfdbinary.readouterr().err == b""
    monkeypatch.setattr(unwatched, "TELL_SECONDS", HANG)
    unwatched.look([top], watched, seen)
    assert b"top/new/virus: Sig FOUND" in capfdbinary.readouterr().err


def test_the_watch_is_started_anew_less_and_less_often_and_it_is_said_which_it_has_lost(
    tree, watch, looking, monkeypatch
):
    top = tree / "top"
    for one in (tree / "answer", top, top / "a"):
        watch.add(one)
    ended = looking()
    assert eventually(lambda: ended == [str(top / "a/b")])
    assert unwatched.in_vain() == []
    looking()
    assert eventually(lambda: unwatched.in_vain() == [str(top / "a/b")])
    watch.add(top / "a/b")
    assert eventually(lambda: unwatched.in_vain() == [])
    assert ended == []
    (top / "new").mkdir()
    assert eventually(lambda: unwatched.in_vain() == [str(top / "new")])
    monkeypatch.setattr(unwatched, "FIRST_GAP_SECONDS", 0)  # as when it is over
    assert eventually(lambda: ended == [str(top / "new")])


def test_what_the_watch_hears_of_a_moment_later_is_not_lost(tree, watch, looking, monkeypatch):
    for one in (tree / "answer", tree / "top", tree / "top/a"):
        watch.add(one)
    pause, looks = time.sleep, []

    def comes_behind(seconds):
        watch.add(tree / "top/a/b")
        looks.append(seconds)
        pause(seconds)

    monkeypatch.setattr(unwatched.time, "sleep", comes_behind)
    ended = looking()
    assert eventually(lambda: ended or len(looks) > 5)
    assert ended == []


def test_a_watch_that_has_not_begun_has_lost_nothing(tree, watch, looking):
    watch.add(tree / "top")
    ended = looking()
    time.sleep(0.3)  # in which it would have looked thirty times
    assert ended == []
    assert not (tree / "known.json").exists()
    watch.add(tree / "answer")
    assert eventually(lambda: ended)


def test_a_start_that_would_end_the_watch_for_all_is_none(tree, watch, looking, monkeypatch):
    """clamonacc ends where there are more folders than it may watch."""
    (tree / "most").write_text("3\n")
    monkeypatch.setattr(unwatched, "MOST_WATCHES", str(tree / "most"))
    watch.add(tree / "answer")
    ended = looking()
    assert eventually(lambda: str(tree / "top") in unwatched.in_vain())  # at the second look it is lost
    assert unwatched.in_vain()[-1] == "3 folders: fs.inotify.max_user_watches is 3"
    assert ended == []


def test_neither_depth_nor_number_costs_more_than_it_may(tree, monkeypatch):
    (tree / "top/a/b/c/d").mkdir(parents=True)
    monkeypatch.setattr(unwatched, "LONGEST_PATH", len(str(tree / "top/a/b")))
    for number in range(50):
        (tree / f"top/{number}").mkdir()
    found = unwatched.look([str(tree / "top")], set())
    assert found.unseen == [f"too long a path: {tree}/top/a/b/c"]
    assert unwatched.too_long([str(tree / "top")]) == [f"{tree}/top/a/b/c"]
    assert len(found.gone) == 53
    assert unwatched._named(found.gone)[-1] == "and 33 more"
    monkeypatch.setattr(unwatched, "MOST_FOLDERS", 10)
    found = unwatched.look([str(tree / "top")], set())
    assert (found.count, found.unseen) == (10, ["more than 10 folders"])


def test_where_nobody_has_looked_for_long_that_is_said(tree):
    (tree / "known.json").write_text(json.dumps({"unwatched": [], "starts": [], "due": 0}))
    assert unwatched.in_vain() == ["nobody has looked since 1970-01-01T00:00:00Z"]
