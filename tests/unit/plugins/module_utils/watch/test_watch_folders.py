# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel itself tells of changes in folders."""

from __future__ import annotations

import os
import select

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.watch import folders


@pytest.fixture
def watched(tmp_path):
    one = folders.Folders()
    assert one.add(str(tmp_path))
    yield one
    one.close()


def told(watched, seconds=5):
    """What is told from now on, until there is a moment of silence."""
    found, more = set(), False
    while select.select([watched], [], [], seconds)[0]:
        changes, overflow = watched.read()
        found, more, seconds = found | changes, more or overflow, 0.05
    return found, more


@pytest.mark.parametrize(
    "act",
    [
        lambda path: path.write_text("other"),
        lambda path: os.truncate(path, 0),
        lambda path: path.unlink(),
        lambda path: path.chmod(0o600),
        os.utime,
        lambda path: path.rename(path.with_name("gone")),
        lambda path: os.replace(path.parent / "below/other", path),
        lambda path: path.with_name("link").symlink_to("/dev/null"),
        lambda path: os.link(path, path.with_name("second")),
    ],
)
def test_each_kind_of_change_is_told_with_its_name(tmp_path, watched, act):
    path = tmp_path / "file"
    path.write_text("one")
    (tmp_path / "below").mkdir()
    (tmp_path / "below/other").write_text("two")
    told(watched)
    act(path)
    found, more = told(watched)
    assert not more
    assert found & {(str(tmp_path), name) for name in ("file", "link", "second")}


def test_who_only_reads_is_not_told_of(tmp_path, watched):
    (tmp_path / "file").write_text("one")
    told(watched)
    (tmp_path / "file").read_text()
    os.listdir(tmp_path)
    assert told(watched, 0.2) == (set(), False)


def test_a_folder_that_is_moved_away_is_told_of_and_can_be_watched_anew(tmp_path, watched):
    folder = tmp_path / "folder"
    folder.mkdir()
    assert watched.add(str(folder))
    assert not watched.add(str(folder))
    told(watched)
    folder.rename(tmp_path / "elsewhere")
    found, _more = told(watched)
    assert (str(folder), "") in found
    assert str(folder) not in watched
    folder.mkdir()
    assert watched.add(str(folder))
    told(watched)
    (folder / "file").touch()
    assert (str(folder), "file") in told(watched)[0]


def test_a_name_that_is_no_text_and_one_with_a_line_feed(tmp_path, watched):
    for name in (b"\xff\xfe", b"one\ntwo"):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb"):
            pass
    names = {name for _folder, name in told(watched)[0]}
    assert names == {os.fsdecode(b"\xff\xfe"), "one\ntwo"}


def test_two_ways_to_one_folder_tell_both(tmp_path, watched):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    watched.add(str(tmp_path / "real"))
    watched.add(str(tmp_path / "link"))
    told(watched)
    (tmp_path / "real/file").touch()
    found = told(watched)[0]
    assert {(str(tmp_path / "real"), "file"), (str(tmp_path / "link"), "file")} <= found


def test_what_is_wanted_no_more_is_watched_no_more(tmp_path, watched):
    (tmp_path / "folder").mkdir()
    watched.add(str(tmp_path / "folder"))
    watched.keep({str(tmp_path)})
    assert len(watched) == 1
    told(watched)
    (tmp_path / "folder/file").touch()
    assert (str(tmp_path / "folder"), "file") not in told(watched, 0.2)[0]


def test_a_folder_that_is_not_there_is_no_trouble(tmp_path, watched):
    assert not watched.add(str(tmp_path / "nowhere"))
    assert watched.unwatched == {}


def test_a_flood_is_told_of_as_such_and_costs_no_memory(tmp_path, watched):
    """More than fs.inotify.max_queued_events, 16,384 by default."""
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
        most = int(file.read())
    path = tmp_path / "file"
    other = tmp_path / "other"
    path.touch()
    for _number in range(most // 2 + 10):
        os.rename(path, other)
        os.rename(other, path)
    found, more = told(watched)
    assert more
    assert len(found) <= 2
    path.chmod(0o600)
    assert told(watched)[0] == {(str(tmp_path), "file")}
