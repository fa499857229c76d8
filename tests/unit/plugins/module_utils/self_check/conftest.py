# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's own files of its self-check, in a folder of the test's own, and what it says to the journal."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import journal, maintenance
from ansible_collections.order82.baseline.plugins.module_utils.self_check import left, memory, programs
from ansible_collections.order82.baseline.plugins.module_utils.state import applying


class Place:
    """C(folder): where nobody but root can place anything; C(said): what was written to the journal."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder, []

    def leave(self, *entries: dict) -> None:
        """Leave these checks, as an apply does."""
        self.write(json.dumps(entries))

    def write(self, text: str) -> None:
        """Leave this text in their place."""
        Path(left.FILE).write_text(text, encoding="utf-8")
        os.chmod(left.FILE, 0o600)

    @staticmethod
    def accept(waived: dict) -> None:
        """Leave what the site accepts: check to last day."""
        Path(left.WAIVERS).write_text(json.dumps(waived), encoding="utf-8")
        os.chmod(left.WAIVERS, 0o600)

    @staticmethod
    def about(path: Path, mode: str = "0644", name: str = "probe.file") -> dict:
        """A check that a file has a mode."""
        return {
            "id": name,
            "observe": {"file": {"path": str(path)}},
            "expect": {"mode": {"equals": mode}},
            "severity": "high",
        }


@pytest.fixture
def place(monkeypatch):
    """A host that has nothing yet."""
    if os.geteuid() != 0:
        pytest.skip("only root looks at all of a host")
    folder = Path(tempfile.mkdtemp(prefix="order82-test-", dir="/run"))
    found = Place(folder)
    for module, name in ((left, "checks.json"), (memory, "self_check.json"), (programs, "programs.json")):
        monkeypatch.setattr(module, "FILE", str(folder / name))
    monkeypatch.setattr(left, "WAIVERS", str(folder / "waivers.json"))
    monkeypatch.setattr(maintenance, "FILE", str(folder / "maintenance.json"))
    monkeypatch.setattr(applying, "FILE", str(folder / "run" / "applying"))
    monkeypatch.setattr(journal, "write", lambda program, text: found.said.append((program, text)))
    yield found
    shutil.rmtree(folder)
