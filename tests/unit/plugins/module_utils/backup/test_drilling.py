# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.backup import drilling

OTHER = 65534
"""The number of an account that is not root's: nobody."""


@pytest.fixture
def base():
    """A folder that only root can write (/tmp is refused, as everybody can)."""
    if os.geteuid() != 0:
        pytest.skip("owners of files are root's to give")
    made = Path(tempfile.mkdtemp(prefix="order82-test-", dir="/run"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def test_what_is_restored_lies_where_nobody_else_reaches_it(base):
    with drilling.scratch(str(base / "a/scratch")) as folder:
        tree = Path(folder.tree)
        assert tree.stat().st_mode == 0o40700
        assert (base / "a/scratch").stat().st_mode == 0o40755
        (tree / "left").write_text("by a run that was killed")
        shutil.copytree(base / "a/scratch", base / "left")
    shutil.rmtree(base / "a/scratch")
    (base / "left").rename(base / "a/scratch")
    with drilling.scratch(str(base / "a/scratch")):
        assert len(list((base / "a/scratch").iterdir())) == 1
    assert list((base / "a/scratch").iterdir()) == []


@pytest.mark.parametrize("what", ["a folder of another account", "a symlink of another account", "below one", "a file"])
def test_nothing_is_removed_nor_restored_where_somebody_else_could_lead(base, what):
    precious = base / "precious"
    precious.mkdir()
    (precious / "kept").write_text("kept")
    way = base / "way"
    if what == "a folder of another account":
        way.mkdir()
        os.chown(way, OTHER, OTHER)
        (way / "kept").write_text("theirs")
    elif what == "a file":
        way.write_text("kept")
    else:
        way.symlink_to(precious)
        os.lchown(way, OTHER, OTHER)
    path = str(way / "scratch" if what == "below one" else way)
    with pytest.raises(OSError, match="nothing is restored there"), drilling.scratch(path):
        pass
    with pytest.raises(OSError, match="nothing is restored there"):
        drilling.own_folder(path, 0o700)
    assert [one.name for one in precious.iterdir()] == ["kept"]
    assert way.is_file() or [one.name for one in way.iterdir()] == ["kept"]


def test_a_folder_that_others_can_read_is_not_for_what_belongs_to_anybody(base):
    (base / "there").mkdir(0o755)
    with pytest.raises(OSError, match="chmod 700 it"):
        drilling.own_folder(str(base / "there"), 0o700)
    (base / "there").chmod(0o700)
    drilling.own_folder(str(base / "there"), 0o700)
