# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed is recorded, and nothing else, whatever files are called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import changes

FORGED = "x\nCLOSE_WRITE,CLOSE "


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], list[str]]]]:
    """A folder, and a function that gives all lines up to now."""
    folder = tmp_path / "etc"
    folder.mkdir()
    lines = changes.of([str(folder)], r"\.tmp$")
    seen = threading.Event()

    def touch() -> None:
        while not seen.wait(0.05):
            (folder / "begin").touch()

    def so_far() -> list[str]:
        found: list[str] = []
        (folder / "end").mkdir()
        while f"CREATE,ISDIR {folder}/end" not in found:
            found.append(next(lines))
        (folder / "end").rmdir()
        return [one for one in found if "/begin" not in one and "/end" not in one]

    # It says nothing when it has begun to watch: something changes until it is seen.
    thread = threading.Thread(target=touch)
    thread.start()
    try:
        next(lines)
    finally:
        seen.set()
        thread.join()
    yield folder, so_far
    lines.close()


def test_an_ordinary_change_is_said_as_it_is(watched):
    folder, so_far = watched
    (folder / "a 文件").write_text("x")
    (folder / "left.tmp").touch()
    found = so_far()
    assert f"CREATE {folder}/a 文件" in found
    assert f"CLOSE_WRITE,CLOSE {folder}/a 文件" in found
    assert not any("left.tmp" in one for one in found)


@pytest.mark.parametrize("name", [FORGED, "\n", "a\nb\nc"])
def test_a_name_with_line_feeds_is_one_line_and_forges_none(watched, name):
    """Below such a folder lies what looks like the path of another file."""
    folder, so_far = watched
    (folder / name).mkdir()
    assert so_far() == [f"CREATE,ISDIR {folder}/" + name.replace("\n", "\\n")]
    (folder / name / "shadow").write_text("x")
    found = so_far()
    assert found
    assert all("\n" not in one and one.endswith("/" + name.replace("\n", "\\n") + "/shadow") for one in found)


def test_what_came_with_a_new_folder_is_said_though_nobody_watched_it_then(watched, tmp_path):
    """A copied tree: inotifywait learns of its folders when their files are there. One that is moved in is so at once."""
    folder, so_far = watched
    below = tmp_path / "new/a/b"
    below.mkdir(parents=True)
    (below / "file\n1").write_text("x")
    (below / "left.tmp").mkdir()
    (below / "left.tmp/file2").write_text("x")
    (tmp_path / "new").rename(folder / "new")
    found = so_far()
    assert f"MOVED_TO,ISDIR {folder}/new" in found
    assert f"FOUND {folder}/new/a" in found
    assert f"FOUND {folder}/new/a/b/file\\n1" in found
    assert not any("left.tmp" in one for one in found)


def test_an_expression_that_python_cant_read_leaves_nothing_out():
    """Its owner wrote it for inotifywait, by POSIX's rules."""
    assert changes._expression("*.bak").search(b"/etc/a.bak") is None


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"CREATE /etc/a", "CREATE /etc/a"),
        ("CREATE /etc/文件 名".encode(), "CREATE /etc/文件 名"),
        (b"a\r\x1b[2J\x7f\tb", "a\\r\\x1b[2J\\x7f\\tb"),
        (b"a\xff\xc3(", "a\\xff\\xc3("),
        (b"a\\nb", "a\\\\nb"),
        ("a\u202eb\u2028c\U000e0041".encode(), "a\\u202eb\\u2028c\\U000e0041"),
    ],
)
def test_what_cant_be_seen_is_written_so_that_it_can(raw, said):
    assert changes.in_one_line(raw) == said


def test_a_watch_that_ends_is_no_silence(tmp_path):
    with pytest.raises(OSError, match="'inotifywait' ended with code 1"):
        list(changes.of([str(tmp_path / "nowhere")], ""))
