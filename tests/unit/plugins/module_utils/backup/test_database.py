# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a server's data are put back: its own settings say so, and they may say anything."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import putting_back
from ansible_collections.order82.baseline.plugins.module_utils.backup import database

SERVER = "nobody"
OTHER = pwd.getpwnam(SERVER).pw_uid


@pytest.fixture
def base():
    """A folder that only root can write (/tmp is refused, as everybody can)."""
    if os.geteuid() != 0:
        pytest.skip("owners of files are root's to give")
    made = Path(tempfile.mkdtemp(prefix="order82-test-", dir="/run"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def theirs(path: Path) -> Path:
    path.mkdir()
    os.chown(path, OTHER, OTHER)
    return path


def test_data_go_into_the_servers_own_folders(base):
    above = theirs(base / "server")
    data = theirs(above / "main")
    with database._place(str(data), SERVER) as (descriptor, name):
        assert (os.readlink(f"/proc/self/fd/{descriptor}"), name) == (str(above), "main")


@pytest.mark.parametrize(
    "what", ["root's folder", "nothing", "nothing above it", "a symlink above it", "another's folder above it"]
)
def test_data_go_nowhere_else_whatever_the_servers_settings_say(base, what):
    above = base / "above"
    if what == "a symlink above it":
        theirs(base / "real")
        theirs(base / "real/main")
        above.symlink_to(base / "real")
        os.lchown(above, OTHER, OTHER)
    elif what == "another's folder above it":
        above.mkdir()
        os.chown(above, OTHER - 1, OTHER - 1)
        theirs(above / "main")
    elif what != "nothing above it":
        above.mkdir()
        if what == "root's folder":
            (above / "main").mkdir()
    with (
        pytest.raises(database.DatabaseError, match="nothing is put back there"),
        database._place(str(above / "main"), SERVER),
    ):
        pass


@pytest.mark.parametrize("where", ["/run", "/dev/shm"], ids=["the same file system", "another file system"])
def test_the_copy_takes_its_place_whole_and_as_the_servers(base, where):
    copy = Path(tempfile.mkdtemp(prefix="order82-test-", dir=where)) / "copy"
    try:
        copy.mkdir()
        (copy / "table").write_text("rows")
        (copy / "link").symlink_to("/etc/passwd")
        putting_back.give_all(str(copy), OTHER, OTHER)
        assert os.stat("/etc/passwd").st_uid == 0
        with database._place(str(theirs(base / "main")), SERVER) as (descriptor, name):
            os.rmdir(name, dir_fd=descriptor)
            database._put(str(copy), descriptor, name)
        found = base / "main"
        assert (found / "table").read_text() == "rows"
        assert os.readlink(found / "link") == "/etc/passwd"
        assert {path.lstat().st_uid for path in [found, *found.iterdir()]} == {OTHER}
        assert [one.name for one in base.iterdir()] == ["main"]
    finally:
        shutil.rmtree(copy.parent)
