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


def test_packages_stand_under_keys_that_say_so() -> None:
    variables = {
        "x_packages": ["a", "b"],
        "one_packages": "c",
        "x_port": 1,
        "t_packages": ["{{ d }}"],
        "n_packages": None,
    }
    assert list(packages_in(variables, "bookworm")) == ["a", "b", "c"]
    assert list(packages_in(None, "bookworm")) == []


def test_packages_of_the_backports_are_named_with_their_release() -> None:
    assert list(packages_in({"_x_backports_packages": ["a"]}, "bookworm")) == ["a/bookworm-backports"]


def test_roles_are_asked_for_their_packages(tmp_path: Path) -> None:
    for path, text in {
        "one/defaults/main.yml": "one_packages: [rsyslog]",
        "one/vars/debian-12.yml": "_one_packages: [only12]",
        "one/vars/debian-13.yml": "_one_packages: [only13]",
        "one/tasks/main.yml": "[]",
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
