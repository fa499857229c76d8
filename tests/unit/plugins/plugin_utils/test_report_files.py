# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils import report_files
from ansible_collections.order82.baseline.plugins.plugin_utils.report_files import write_report

FILES = {"result.json": "{}", "index.html": "<html>"}


def test_a_report_is_written_and_is_the_latest(tmp_path):
    path = write_report(tmp_path / "reports", "2026-01-01T120000Z", FILES)
    assert path == tmp_path / "reports" / "2026-01-01T120000Z"
    assert {one.name: one.read_text(encoding="utf-8") for one in path.iterdir()} == FILES
    assert (tmp_path / "reports" / "latest").resolve() == path
    assert sorted(one.name for one in path.parent.iterdir()) == ["2026-01-01T120000Z", "latest"]


def test_others_on_the_controller_cant_read_it(tmp_path):
    path = write_report(tmp_path, "one", FILES)
    assert path.stat().st_mode & 0o007 == 0
    assert (path / "result.json").stat().st_mode & 0o137 == 0


def test_two_in_one_second_are_both_kept(tmp_path):
    first = write_report(tmp_path, "one", FILES)
    second = write_report(tmp_path, "one", {"result.json": "[]"})
    assert (first.name, second.name) == ("one", "one-2")
    assert (first / "result.json").read_text() == "{}"
    assert (tmp_path / "latest").resolve() == second


def test_a_report_that_cant_be_written_whole_is_not_there_at_all(tmp_path, monkeypatch):
    before = write_report(tmp_path, "one", FILES)
    with pytest.raises(OSError, match="name"):
        write_report(tmp_path, "two", {**FILES, "x" * 300: ""})
    monkeypatch.setattr(report_files.os, "rename", lambda *_words: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_report(tmp_path, "three", FILES)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["latest", "one"]
    assert (tmp_path / "latest").resolve() == before
