# SPDX-License-Identifier: GPL-3.0-or-later
"""On a hardened host a program's umask takes rights away from others; what is laid down has those that the state says."""

from __future__ import annotations

import os
import stat

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.backup import drilling
from ansible_collections.order82.baseline.plugins.module_utils.state import request


@pytest.fixture(params=[0o027, 0o077], ids=["027", "077"], autouse=True)
def hardened(request):
    before = os.umask(request.param)
    yield request.param
    assert os.umask(before) == request.param


def modes(*paths):
    return [oct(stat.S_IMODE(path.stat().st_mode)) for path in paths]


def test_folders_above_what_is_laid_down_can_be_gone_through(place):
    file = place.etc / "deep/er/probe"
    place.laid(place.state(files=[{"path": str(file), "text": "one\n"}]))
    assert modes(file.parent.parent, file.parent, file) == ["0o755", "0o755", "0o644"]


def test_what_others_install_and_run_has_the_usual_umask(place):
    said = place.base / "said"
    state = place.state(ask={"umask": ["sh", "-c", f"umask > {said}"]})
    bring = {"state": state, "packages": [], "debconf": [], "diversions": []}
    answer = request.carry_out({"bring": bring, "look": [], "check": False})
    assert "failed" not in answer["brought"]
    assert said.read_text() == "0022\n"


def test_the_way_to_a_drills_copies_is_open_for_their_accounts(place):
    with drilling.scratch(str(place.base / "drills/here")) as folder:
        copy = (place.base / "drills/here").stat(), os.stat(os.path.dirname(folder.copy))
        assert [oct(stat.S_IMODE(one.st_mode)) for one in copy] == ["0o755", "0o711"]
