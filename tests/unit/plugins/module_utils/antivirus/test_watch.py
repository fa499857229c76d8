# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.antivirus import trial, watch
from ansible_collections.order82.baseline.plugins.module_utils.antivirus.trial import is_self_test
from ansible_collections.order82.baseline.plugins.module_utils.antivirus.trial import test_file as the_file
from ansible_collections.order82.baseline.plugins.module_utils.antivirus.watch import found_in


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ("/srv/a: Eicar-Test FOUND", "/srv/a"),
        ("/srv/a: b FOUND: Eicar-Test FOUND", "/srv/a: b FOUND"),
        ("/srv/two\nlines: X FOUND", "/srv/two\nlines"),
        (list(b"/srv/\xff: X FOUND"), "/srv/\udcff"),
        ("/srv/a: OK", None),
        ("ClamInotif: watching '/home' (and all sub-directories)", None),
        ("relative: X FOUND", None),
        (None, None),
    ],
)
def test_a_scanners_sentence_names_a_file(message, path):
    assert found_in(message) == path


def test_a_virus_with_the_name_of_a_self_test_is_still_one():
    own = hashlib.sha256(the_file()).hexdigest()
    assert is_self_test("/srv/.order82-self-test-1", own)
    assert not is_self_test("/srv/.order82-self-test-1", "0" * 64)
    assert not is_self_test("/srv/eicar.com", own)


@pytest.mark.parametrize(("seconds", "stays"), [(0, True), (trial.LEFT_SECONDS + 1, False)])
def test_what_a_self_test_left_is_taken_away_and_else_it_takes_its_file_away_itself(
    tmp_path, monkeypatch, seconds, stays
):
    """If the quarantine did, the self-test could not tell a file that is gone from one that nobody may read."""
    file = tmp_path / (trial.PREFIX + "1")
    file.write_bytes(the_file())
    now = file.stat().st_ctime
    monkeypatch.setattr(watch.clamd, "scan_open_file", lambda _descriptor: "Sig")
    monkeypatch.setattr(watch.time, "time", lambda: now + seconds)
    watch._handle(str(file), [], [str(tmp_path)], {})
    assert file.exists() == stays


def test_nothing_is_taken_from_where_nobody_looks(tmp_path, monkeypatch):
    """A mailbox, say, to which an account has a symlink in the place of a folder of its own."""
    for name in ("home/own", "mail"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text("infected")
    (tmp_path / "home/link").symlink_to(tmp_path / "mail")
    taken = []
    monkeypatch.setattr(watch.clamd, "scan_open_file", lambda _descriptor: "Sig")
    monkeypatch.setattr(watch, "_take", lambda _descriptor, about, _spared, _seen: taken.append(about["path"]))
    for path in ("home/link/file", "mail/file", "home/own/file"):
        watch._handle(str(tmp_path / path), ["/srv/records"], [str(tmp_path / "home")], {})
    assert taken == [str(tmp_path / "home/own/file")]
