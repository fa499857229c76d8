# SPDX-License-Identifier: GPL-3.0-or-later
"""A piece of this machine's own file system in which a measure is laid down: its files, and no unit of systemd."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.state import laying, manifest
from ansible_collections.order82.baseline.plugins.plugin_utils.state import load_state
from ansible_collections.order82.baseline.plugins.plugin_utils.state_values import Engine, resolve_state

PLAIN = Engine(lambda text, _item: text, lambda _text, _item: True, lambda _path, _item: "", str, ValueError)
"""The states of these tests have no Jinja in them."""


def resolved(folder: Path, present: bool = True, role: str = "probe", **sections) -> dict:
    """What the controller makes of a state.yml with these sections."""
    path = folder / "state.yml"
    path.write_text(json.dumps(sections))
    return resolve_state(load_state(path, role), PLAIN, present)


def snapshot(*folders: Path) -> dict[str, tuple]:
    """All that lies in folders: path to kind, mode, owner, group, content, and the times of what is no folder."""
    found = {}
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            now = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(now.st_mode) else b""
            content = os.readlink(path).encode() if stat.S_ISLNK(now.st_mode) else content
            time = 0 if stat.S_ISDIR(now.st_mode) else now.st_mtime_ns
            found[str(path)] = (oct(now.st_mode), now.st_uid, now.st_gid, content, time)
    return found


class Place:
    """C(etc): where measures are laid down; C(kept): where manifests lie and what was set aside."""

    OTHER = 65534
    """The number of an account that is not root's: nobody."""

    def __init__(self, base: Path) -> None:
        self.base, self.etc, self.kept = base, base / "etc", base / "kept"
        self.etc.mkdir(0o755)
        self.scratch = Path(tempfile.mkdtemp(prefix="order82-test-"))

    def state(self, present: bool = True, role: str = "probe", **sections) -> dict:
        return resolved(self.scratch, present, role, **sections)

    snapshot = staticmethod(snapshot)

    def tree(self) -> dict[str, tuple]:
        """All that lies there, manifests among it."""
        return snapshot(self.base)

    def lay(self, state: dict, check: bool = False) -> dict:
        """Bring the state about and give back what was said, which must have come to an end."""
        beforehand = {"packages": state["packages"], "debconf": [], "diversions": state["diversions"]}
        return laying.bring_about(json.loads(json.dumps(state)), beforehand, check)

    def laid(self, state: dict) -> dict:
        """The same, where it must succeed."""
        answer = self.lay(state)
        assert "failed" not in answer, answer["msg"]
        return answer

    def refused(self, state: dict) -> str:
        """The sentence with which check mode and apply refuse a state, and neither has changed a file of C(etc)."""
        before = snapshot(self.etc)
        tried = self.lay(state, check=True)
        assert snapshot(self.etc) == before
        done = self.lay(state)
        assert snapshot(self.etc) == before
        assert tried["failed"] and done["failed"]
        assert tried["msg"] == done["msg"]
        assert "Done before that" not in done["msg"]
        return done["msg"]

    def manifest(self, role: str = "probe") -> dict:
        return json.loads((self.kept / "manifest" / f"{role}.json").read_text())


@pytest.fixture
def place(monkeypatch):
    """A place on a file system that only root can write (/tmp is refused, as everybody can)."""
    if os.geteuid() != 0:
        pytest.skip("owners of files are root's to give")
    base = Path(tempfile.mkdtemp(prefix="order82-test-", dir="/run"))
    base.chmod(0o755)
    monkeypatch.setattr(manifest, "FOLDER", str(base / "kept" / "manifest"))
    monkeypatch.setattr(manifest, "SET_ASIDE", str(base / "kept" / "set_aside"))
    found = Place(base)
    yield found
    shutil.rmtree(found.scratch)
    shutil.rmtree(base)
