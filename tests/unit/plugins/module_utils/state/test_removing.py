# SPDX-License-Identifier: GPL-3.0-or-later
"""A measure goes: exactly what it laid down, less what is to be kept; and what is no longer in its state goes by itself."""

from __future__ import annotations

import os

import pytest


def names(folder):
    """All that lies in a folder, by its path in it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def sections(place):
    """What a measure lays down, beside what somebody else has there."""
    etc = place.etc
    (etc / "shared").mkdir()
    (etc / "shared/theirs").write_text("theirs\n")
    return {
        "folders": [str(etc / "own"), str(etc / "data")],
        "files": [
            {"path": str(etc / "own/one"), "text": "1\n"},
            {"path": str(etc / "shared/ours"), "text": "ours\n"},
            {"path": str(etc / "along/deep/two"), "text": "2\n"},
            {"path": str(etc / "data/kept"), "text": "kept\n"},
        ],
        "keep": [str(etc / "data/kept")],
    }


def test_exactly_what_was_laid_down_goes_less_what_is_kept(place, sections):
    place.laid(place.state(**sections))
    (place.etc / "own/written-later").write_text("by the measure's daemon\n")
    gone = place.state(present=False, **sections)
    answer = place.laid(gone)
    assert answer["changed"]
    assert names(place.etc) == ["data", "data/kept", "shared", "shared/theirs"]
    assert not (place.kept / "manifest").exists()
    again = place.laid(gone)
    assert (again["changed"], again["did"]) == (False, [])


def test_what_goes_is_what_was_laid_down_and_not_what_would_be_now(place, sections):
    """Values may have changed since: the manifest says what is there."""
    place.laid(place.state(**sections))
    (place.etc / "never-ours").write_text("theirs\n")
    others = dict(sections, folders=[], files=[{"path": str(place.etc / "never-ours"), "text": "x"}], keep=[])
    place.laid(place.state(present=False, **others))
    assert names(place.etc) == ["data", "data/kept", "never-ours", "shared", "shared/theirs"]


def test_measure_without_a_manifest_goes_by_what_would_be_laid_down(place, sections):
    """As versions before the first manifest left it."""
    place.laid(place.state(**sections))
    (place.kept / "manifest/probe.json").unlink()
    place.laid(place.state(present=False, **sections))
    assert names(place.etc) == ["along", "along/deep", "data", "data/kept", "shared", "shared/theirs"]


def test_nothing_that_was_never_there_is_taken_away(place, sections):
    before = place.tree()
    for check in (True, False):
        answer = place.lay(place.state(present=False, **sections), check)
        assert (answer["changed"], answer["did"]) == (False, [])
    assert place.tree() == before


def test_check_mode_takes_nothing_away(place, sections):
    place.laid(place.state(**sections))
    before = place.tree()
    answer = place.lay(place.state(present=False, **sections), check=True)
    assert answer["changed"]
    assert place.tree() == before


def test_symlink_in_the_place_of_what_was_laid_down_is_removed_and_not_followed(place, sections):
    place.laid(place.state(**sections))
    (place.etc / "own/one").unlink()
    (place.etc / "own").rmdir()
    (place.etc / "own").symlink_to(place.etc / "shared")
    place.laid(place.state(present=False, **sections))
    assert names(place.etc) == ["data", "data/kept", "shared", "shared/theirs"]


def test_another_account_can_not_lead_a_removal_astray(place, sections):
    """Who owns a folder that was laid down puts a link in it where a folder with files of ours was."""
    owned = place.etc / "owned"
    more = dict(
        sections,
        folders=[*sections["folders"], {"path": str(owned), "owner": "nobody"}],
        files=[*sections["files"], {"path": str(owned / "in/theirs"), "text": "ours\n"}],
    )
    place.laid(place.state(**more))
    (owned / "in/theirs").unlink()
    (owned / "in").rmdir()
    (owned / "in").symlink_to(place.etc / "shared")
    os.chown(owned / "in", place.OTHER, place.OTHER, follow_symlinks=False)
    place.laid(place.state(present=False, **more))
    assert (place.etc / "shared/theirs").read_text() == "theirs\n"
    assert not owned.exists()


def test_last_one_does_not_go_before_the_others(place):
    last = {"files": [{"path": str(place.etc / "one"), "text": "1\n"}], "goes_last": True}
    place.laid(place.state(role="last", **last))
    place.laid(place.state(role="other", files=[{"path": str(place.etc / "two"), "text": "2\n"}]))
    gone = place.state(present=False, role="last", **last)
    before = place.tree()
    assert place.lay(gone)["msg"] == "last: this host still has other: remove the measures first"
    assert place.tree() == before
    place.laid(place.state(present=False, role="other"))
    place.laid(gone)
    assert names(place.etc) == []


# What is in the state no more


def test_what_is_no_longer_in_the_state_goes(place, sections):
    place.laid(place.state(**sections))
    less = dict(sections, folders=[], files=sections["files"][1:2])
    tried = place.lay(place.state(**less), check=True)
    answer = place.laid(place.state(**less))
    assert tried["did"] == answer["did"]
    assert names(place.etc) == ["data", "data/kept", "shared", "shared/ours", "shared/theirs"]
    assert place.manifest()["made"] == [str(place.etc / "data")]


def test_folder_that_is_named_no_more_stays_with_the_files_that_are(place):
    file = {"path": str(place.etc / "own/one"), "text": "1\n"}
    place.laid(place.state(folders=[str(place.etc / "own")], files=[file]))
    assert not place.laid(place.state(files=[file]))["changed"]
    assert names(place.etc) == ["own", "own/one"]


def test_folder_that_was_there_before_stays_with_what_others_have_in_it(place, sections):
    place.laid(place.state(folders=[str(place.etc / "shared")]))
    place.laid(place.state())
    assert names(place.etc) == ["shared", "shared/theirs"]


def test_what_a_version_before_the_first_manifest_laid_down_goes(place):
    (place.etc / "former-1").write_text("1\n")
    (place.etc / "former-2").write_text("2\n")
    state = place.state(
        files=[{"path": str(place.etc / "former-2"), "text": "2\n"}], formerly=[str(place.etc / "former-*")]
    )
    assert place.laid(state)["did"] == [f"removed {place.etc / 'former-1'}"]
    assert names(place.etc) == ["former-2"]


# What somebody else put where only the measure lays something


def test_what_nobody_laid_down_is_set_aside_and_kept(place):
    folder = place.etc / "only"
    folder.mkdir()
    (folder / "stray").write_text("evidence\n")
    (folder / "link").symlink_to("/etc/shadow")
    (folder / "more").mkdir()
    (folder / "more/deep").write_text("evidence, too\n")
    state = place.state(
        files=[{"path": str(folder / "one"), "text": "1\n"}, {"path": str(folder / "sub/two"), "text": "2\n"}],
        nothing_else_in=[str(folder / "*"), str(folder / "s*")],
    )
    tried = place.lay(state, check=True)
    answer = place.laid(state)
    assert [one.partition(", to ")[0] for one in answer["did"]] == tried["did"]
    assert names(folder) == ["one", "sub", "sub/two"]
    [aside] = (place.kept / "set_aside").iterdir()
    kept = {path.name.rpartition("__")[2]: path for path in aside.iterdir()}
    assert sorted(kept) == ["link", "more", "stray"]
    assert kept["stray"].read_text() == "evidence\n"
    assert os.readlink(kept["link"]) == "/etc/shadow"
    assert (kept["more"] / "deep").read_text() == "evidence, too\n"
    assert oct(aside.stat().st_mode)[-3:] == "700"
    assert not place.laid(state)["changed"]


def test_what_is_our_own_is_no_evidence(place):
    """A secret that is in the state no more goes; it is not kept among what was set aside."""
    folder = place.etc / "only"
    pattern = [str(folder / "*")]
    place.laid(
        place.state(
            files=[{"path": str(folder / "a"), "text": "gate-ajar-7\n", "secret": True}], nothing_else_in=pattern
        )
    )
    place.laid(place.state(files=[{"path": str(folder / "b"), "text": "b\n"}], nothing_else_in=pattern))
    assert names(folder) == ["b"]
    assert not (place.kept / "set_aside").exists()
