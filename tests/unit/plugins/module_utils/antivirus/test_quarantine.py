# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.antivirus import quarantine
from ansible_collections.order82.baseline.plugins.module_utils.antivirus.quarantine import QuarantineError


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "quarantine"
    made.mkdir()
    return str(made)


@pytest.fixture
def put(tmp_path, folder):
    """A function that puts a file with this content into quarantine and gives back its path and what is known of it."""

    def run(content=b"bad"):
        path = tmp_path / "a file"
        path.write_bytes(content)
        path.chmod(0o640)
        os.utime(path, ns=(1_700_000_000_000_000_001, 1_700_000_000_000_000_003))
        with open(path, "rb") as file:
            about = {**quarantine.describe(file.fileno(), str(path)), "signature": "X"}
            return path, quarantine.get(quarantine.put(file.fileno(), about, folder), folder)

    return run


def test_what_is_put_aside_comes_back_as_it_was(put, folder):
    path, about = put()
    assert not path.exists()
    assert [one["id"] for one in quarantine.held(folder)] == [about["id"]]
    quarantine.restore(about, folder)
    found = path.stat()
    assert path.read_bytes() == b"bad"
    assert (found.st_mode & 0o7777, found.st_mtime_ns) == (0o640, 1_700_000_000_000_000_003)
    assert quarantine.held(folder) == []


def test_two_of_the_same_content_have_names_of_their_own(put, folder):
    assert put()[1]["id"] != put()[1]["id"]
    assert len(quarantine.held(folder)) == 2


def test_nothing_that_is_there_is_overwritten(put, folder):
    path, about = put()
    path.write_bytes(b"new")
    with pytest.raises(QuarantineError, match="can't be given back"):
        quarantine.restore(about, folder)
    assert path.read_bytes() == b"new"
    assert quarantine.held(folder)


def test_another_file_that_has_the_name_by_now_is_left_alone(tmp_path, folder):
    path = tmp_path / "a"
    path.write_bytes(b"bad")
    with open(path, "rb") as file:
        about = {**quarantine.describe(file.fileno(), str(path)), "signature": "X"}
        path.rename(tmp_path / "b")
        path.write_bytes(b"good")
        with pytest.raises(QuarantineError, match="another file has this name"):
            quarantine.put(file.fileno(), about, folder)
    assert path.read_bytes() == b"good"
    assert quarantine.held(folder) == []


@pytest.mark.parametrize("name", ["", "..", "../../etc", "20260101T000000Z-000000000000"])
def test_a_name_that_is_none_is_refused(folder, name):
    with pytest.raises(QuarantineError, match="nothing in quarantine has the id"):
        quarantine.get(name, folder)
