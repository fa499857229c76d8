# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder that the watch has lost is found by what the kernel watches; what an account places there leads nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.antivirus import unwatched

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a watch (fanotify) and mounts are root's")


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder with some in it, looked at without pause."""
    for name in ("top/a/b", "answer"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(unwatched, "KNOWN", str(tmp_path / "known.json"))
    monkeypatch.setattr(unwatched, "GRACE_SECONDS", 0)
    monkeypatch.setattr(unwatched, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(unwatched, "SHARE", 0)
    monkeypatch.setattr(unwatched, "_STARTS_SECONDS", 0.01)
    monkeypatch.setattr(unwatched, "_process", os.getpid)
    return tmp_path


def until_lost(tree):
    return unwatched.until_lost(lambda: [str(tree / "top")], str(tree / "answer"))


def eventually(condition):
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_what_the_kernel_does_not_watch_is_lost(tree, watch):
    top = tree / "top"
    assert unwatched.marks(os.getpid()) == set()
    watch.add(top)
    watch.add(top / "a")
    there, before = unwatched.folders([str(top)]), unwatched.marks(os.getpid())
    assert sorted(there.values()) == [str(top), str(top / "a"), str(top / "a/b")]
    assert list(unwatched.lost(there, os.getpid(), before).values()) == [str(top / "a/b")]
    watch.add(top / "a/b")
    assert unwatched.lost(there, os.getpid(), before) == {}


def test_what_is_not_in_it_is_none_of_its_folders(tree):
    top, disk = tree / "top", tree / "top/disk"
    (top / "link").symlink_to("/etc")
    (top / "file").write_text("text")
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", disk], check=True)
    try:
        (disk / "inner").mkdir()
        found = unwatched.folders([str(top), str(tree / "gone")])
    finally:
        subprocess.run(["umount", disk], check=True)
    assert sorted(found.values()) == [str(top), str(top / "a"), str(top / "a/b")]


def test_a_symlink_in_the_place_of_a_folder_is_not_gone_through(tree):
    a = tree / "top/a"
    seen = os.stat(a)
    a.rename(tree / "top/was")
    a.symlink_to("/etc")
    with pytest.raises(OSError, match="Not a directory"), unwatched._opened(str(a), seen):
        pytest.fail("it was opened")
    (tree / "top/a").unlink()
    a.mkdir()
    with pytest.raises(FileNotFoundError), unwatched._opened(str(a), seen):
        pytest.fail("another was opened")


def test_the_watch_is_started_anew_once_for_a_folder_and_then_it_is_said(tree, watch):
    top, ended = tree / "top", []
    for one in (tree / "answer", top, top / "a"):
        watch.add(one)
    assert until_lost(tree) == [str(top / "a/b")]
    assert unwatched.in_vain() == []
    again = threading.Thread(target=lambda: ended.append(until_lost(tree)), daemon=True)
    again.start()
    assert eventually(lambda: unwatched.in_vain() == [str(top / "a/b")])
    watch.add(top / "a/b")
    assert eventually(lambda: unwatched.in_vain() == [])
    (top / "new").mkdir()
    again.join(30)
    assert ended == [[str(top / "new")]]


def test_a_watch_that_has_not_begun_has_lost_nothing(tree, watch):
    ended = []
    watch.add(tree / "top")
    waits = threading.Thread(target=lambda: ended.append(until_lost(tree)), daemon=True)
    waits.start()
    waits.join(0.3)
    assert waits.is_alive()
    assert not (tree / "known.json").exists()
    watch.add(tree / "answer")
    waits.join(30)
    assert [set(paths) for paths in ended] == [{str(tree / "top/a"), str(tree / "top/a/b")}]


def test_where_nobody_has_looked_for_long_that_is_said(tree):
    (tree / "known.json").write_text(json.dumps({"unwatched": [], "tried": {}, "due": 0}))
    assert unwatched.in_vain() == ["nobody has looked since 1970-01-01T00:00:00Z"]
