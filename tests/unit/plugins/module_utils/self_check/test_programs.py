# SPDX-License-Identifier: GPL-3.0-or-later
"""dpkg reads programs again where one was touched, or a day has passed."""

from __future__ import annotations

import os

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.self_check import programs


@pytest.fixture
def package(place, monkeypatch):
    """A package with a program, which dpkg has found whole; a function that says whether that is still known."""
    monkeypatch.setattr(programs, "DPKG", str(place.folder / "dpkg"))
    bin_, info = place.folder / "bin", place.folder / "dpkg"
    bin_.mkdir()
    info.mkdir()
    (bin_ / "probed").write_text("program")
    (bin_ / "manual").write_text("text")
    (info / "probe:amd64.list").write_text(f"{bin_}\n{bin_}/probed\n{place.folder}/manual\n")
    (info / "probe:amd64.md5sums").write_text("x")
    (info / "other.list").write_text(f"{bin_}/other\n")
    place.program, place.info, place.folders = bin_ / "probed", info, (f"{bin_}/",)
    place.look = lambda: programs.look(["probe"], place.folders)
    programs.remember(place.look())
    place.known = lambda: programs.is_known(place.look())
    return place


def test_untouched_is_known(package):
    assert package.known()
    (package.info / "other.list").write_text("changed\n")
    assert package.known(), "another's package"


@pytest.mark.parametrize(
    "touch",
    [
        lambda one: one.program.write_text("PROGRAM"),
        lambda one: one.program.chmod(0o4755),
        lambda one: os.chown(one.program, 1, 1),
        lambda one: one.program.unlink(),
        lambda one: (one.program.rename(one.folder / "away"), one.program.symlink_to(one.folder / "away")),
        lambda one: (one.info / "probe:amd64.list").write_text(""),
        lambda one: (one.info / "probe:amd64.md5sums").write_text("y"),
    ],
)
def test_touched_is_not(package, touch):
    touch(package)
    assert not package.known()


def test_a_content_that_was_given_the_old_times_back_is_not_known(package):
    before = package.program.stat()
    package.program.write_text("PROGRAM")
    os.utime(package.program, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert package.program.stat().st_mtime_ns == before.st_mtime_ns
    assert not package.known()


def test_after_a_day_dpkg_reads_all_of_them(package):
    later = package.look()
    assert programs.is_known(later._replace(at=later.at + programs.DAY - 1))
    assert not programs.is_known(later._replace(at=later.at + programs.DAY + 1))
    assert not programs.is_known(later._replace(at=later.at - programs.DAY))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"packages": []}'])
def test_a_damaged_memory_is_none(package, text):
    with open(programs.FILE, "w", encoding="utf-8") as file:
        file.write(text)
    assert not package.known()
