# SPDX-License-Identifier: GPL-3.0-or-later
"""Each watched folder is tried, and each mount below one; a watch that does not answer holds up nobody who tries it."""

from __future__ import annotations

import os
import subprocess
import threading

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.antivirus import commands, trial

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a watch (fanotify) and mounts are root's")


def test_a_watch_that_does_not_answer_is_named_and_waited_for_no_longer(tmp_path, monkeypatch, watch):
    monkeypatch.setattr(trial, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(trial, "SECONDS", 0)
    for name in ("hangs", "open"):
        (tmp_path / name).mkdir()
    watch.add(tmp_path / "hangs")
    found = trial.tried([str(tmp_path / "hangs"), str(tmp_path / "open")])
    assert found == {
        "unguarded": [str(tmp_path / "open")],
        "unanswered": [str(tmp_path / "hangs")],
        "untried": [],
    }
    assert list(tmp_path.rglob("*/*")) == []
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # nobody is left of those who tried


def test_a_file_that_was_taken_away_was_refused_to_nobody(tmp_path, monkeypatch):
    """The quarantine of a scanner that looks at folders which it does not watch, or their owner, takes it away."""

    def read_once(name: str, descriptor: int, readable=trial._readable) -> bool:
        answer = readable(name, descriptor)
        os.unlink(name, dir_fd=descriptor)
        return answer

    monkeypatch.setattr(trial, "_readable", read_once)
    assert trial.tried([str(tmp_path)])["unguarded"] == [str(tmp_path)]


def test_it_is_seen_when_a_watch_ceases_to_answer(tmp_path, monkeypatch, watch):
    monkeypatch.setattr(trial, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(trial, "ASK_SECONDS", 0.01)
    file = tmp_path / "watched" / "file"
    over = threading.Event()

    def ask():
        trial.until_silent(str(file))
        over.set()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    assert not over.wait(0.2)  # nobody watches: there is no such file
    file.parent.mkdir()
    file.write_text("text")
    assert not over.wait(0.2)
    watch.add(file.parent)
    assert over.wait(30)


def test_where_no_file_can_be_put_nothing_is_shown(tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", tmp_path], check=True)
    try:
        found = trial.tried([str(tmp_path)])
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert found == {"unguarded": [], "unanswered": [], "untried": [f"{tmp_path}: Read-only file system"]}


MOUNTS = """\
22 1 0:20 / / rw - ext4 /dev/vda rw
23 22 0:21 / /srv/www rw shared:1 - ext4 /dev/vdb rw
24 23 0:22 / /srv/www/disk rw - xfs /dev/vdc rw
25 24 0:23 / /srv/www/disk/a\\040b rw - tmpfs none rw
26 22 0:24 / /srv/www2 rw - tmpfs none rw
27 22 0:25 / /home/wang rw - nfs server:/wang rw
28 22 0:26 / /home/li rw - autofs auto.home rw
"""


@pytest.fixture
def mounts(tmp_path):
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS)
    return str(path)


def test_the_mounts_below_watched_folders_are_known_the_deepest_first(mounts):
    found = ["/srv/www/disk/a b", "/srv/www/disk", "/home/wang"]
    assert trial.mounts_below(["/srv/www", "/home"], mounts) == found
    assert trial.mounts_below(["/var"], mounts) == []


def test_a_real_mount_below_a_watched_folder_is_tried(tmp_path, monkeypatch):
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(trial, "SECONDS", 0)
    monkeypatch.setattr(trial.clamd, "scan_bytes", lambda content: content == trial.test_file() or None)
    subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path / "disk"], check=True)
    try:
        found = trial.look([str(tmp_path)])
    finally:
        subprocess.run(["umount", tmp_path / "disk"], check=True)
    assert found["unguarded"] == [str(tmp_path), str(tmp_path / "disk")]


@pytest.fixture
def told(tmp_path, monkeypatch, mounts):
    """What the watch is told: a file."""
    below = trial.mounts_below
    monkeypatch.setattr(commands, "ANSWER", str(tmp_path / "answer" / "file"))
    monkeypatch.setattr(commands, "FOLDERS", str(tmp_path / "folders"))
    monkeypatch.setattr(commands, "LEFT_OUT", str(tmp_path / "left-out"))
    monkeypatch.setattr(commands, "_settings", lambda: {"watched": ["/srv", "/srv/www"]})
    monkeypatch.setattr(trial, "mounts_below", lambda folders: below(folders, mounts))
    return tmp_path / "folders"


def test_the_watch_is_told_of_each_mount_before_what_it_is_below(told):
    commands.command_folders(None)
    own = os.path.dirname(commands.ANSWER)
    assert told.read_text().splitlines() == ["/srv/www/disk/a b", "/srv/www/disk", "/srv/www", "/srv/www2", "/srv", own]
    assert os.path.isfile(commands.ANSWER)


def test_the_watch_is_told_where_a_symlink_leads(told, tmp_path, monkeypatch):
    (tmp_path / "release").mkdir()
    (tmp_path / "current").symlink_to("release")
    monkeypatch.setattr(commands, "_settings", lambda: {"watched": [str(tmp_path / "current")]})
    commands.command_folders(None)
    assert told.read_text().splitlines()[0] == str((tmp_path / "release").resolve())


@pytest.mark.parametrize(
    ("found", "helps"),
    [
        ({"unguarded": [], "unanswered": ["/srv"]}, True),
        ({"unguarded": ["/srv"], "unanswered": []}, True),
        ({"unguarded": ["/srv/new"], "unanswered": []}, True),
        # Who mounts something that can't be watched, or that hangs by itself, does not have the watch ended again and again.
        ({"unguarded": ["/srv/www/disk"], "unanswered": []}, False),
        ({"unguarded": [], "unanswered": ["/srv/www/disk"]}, False),
    ],
)
def test_the_watch_is_started_anew_where_that_may_help(told, found, helps):
    commands.command_folders(None)
    assert commands._helps(found, ["/srv"]) is helps


def test_it_is_started_anew_for_a_mount_that_it_was_told_of_long_ago_or_not_at_all(told):
    found = {"unguarded": ["/srv/www/disk"], "unanswered": []}
    assert commands._helps(found, ["/srv"])
    commands.command_folders(None)
    os.utime(told, (0, 0))
    assert commands._helps(found, ["/srv"])
