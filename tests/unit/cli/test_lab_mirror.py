# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror holds what the roles name for a release, and nothing that they name for another."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.lab.mirror import EPOCH, LAB_PACKAGES, URI_LINE, is_for, packages_in, wanted


@pytest.mark.parametrize(
    ("stem", "debian12", "debian13"),
    [
        ("main", True, True),
        ("debian", True, True),
        ("debian-12", True, False),
        ("Debian-13", False, True),
        ("debian13", False, True),
        ("debian-11", False, False),
        ("ubuntu-24.04", False, False),
        ("redhat", False, False),
    ],
)
def test_a_file_is_for_the_releases_that_its_name_says(stem: str, debian12: bool, debian13: bool) -> None:
    assert (is_for(stem, "debian12"), is_for(stem, "debian13")) == (debian12, debian13)


def test_packages_stand_in_a_state_by_name_or_by_a_variable() -> None:
    state = {
        "packages": [
            "a",
            {"name": "b", "when": "wanted"},
            {"each": ["c", "d"], "name": "{{ item }}", "release": "{{ _x_release }}"},
            {"each": "{{ _x_more }}", "name": "{{ item }}"},
            {"each": "{{ _x_none }}", "name": "{{ item }}"},
        ],
        "files": [],
    }
    values = {"_x_release": "bookworm-backports", "_x_more": ["e"]}
    assert list(packages_in(state, values)) == ["a", "b", "c/bookworm-backports", "d/bookworm-backports", "e"]
    assert list(packages_in(state, {**values, "_x_release": ""}))[2:4] == ["c", "d"]
    assert list(packages_in(None, {})) == list(packages_in({"files": []}, {})) == []


def test_roles_are_asked_for_their_packages(tmp_path: Path) -> None:
    for path, text in {
        "one/state.yml": "packages: [rsyslog, {each: '{{ _one_only }}', name: '{{ item }}'}]",
        "one/vars/main.yml": "_one_only: []",
        "one/vars/debian-12.yml": "_one_only: [only12]",
        "one/vars/debian-13.yml": "_one_only: [only13]",
        "two/tasks/main.yml": "[]",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert wanted("debian12", tmp_path) == sorted({*LAB_PACKAGES, "rsyslog", "only12"})
    assert wanted("debian13", tmp_path) == sorted({*LAB_PACKAGES, "rsyslog", "only13"})


def test_what_apt_would_download_is_understood() -> None:
    said = (
        "Reading package lists...\n"
        "'http://mirror.example/pool/c/conntrack_1.4.7-1+b2_amd64.deb' conntrack_1%3a1.4.7-1+b2_amd64.deb 35 SHA256:ab\n"
    )
    (match,) = URI_LINE.finditer(said)
    assert match["file"] == "conntrack_1%3a1.4.7-1+b2_amd64.deb"
    assert match["hash"] == "SHA256:ab"
    assert EPOCH.sub("_", match["file"]) == "conntrack_1.4.7-1+b2_amd64.deb"
