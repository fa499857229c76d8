# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a forwarder goes back."""

from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import forward

CURSORS = [f"c{number}" for number in range(9, -1, -1)]  # newest first, as journalctl --reverse gives them


def test_goes_back_as_far_as_asked():
    assert forward.target(CURSORS, "") == "c0"


def test_not_further_than_where_the_last_run_began():
    assert forward.target(CURSORS, "c6") == "c6"


def test_start_of_the_last_run_beyond_reach():
    assert forward.target(CURSORS, "c99") == "c0"


def test_first_run_has_nothing_to_go_back_over(tmp_path):
    assert forward.rewind(str(tmp_path / "none.cursor"), 10) == 0


CURSOR = "s=0a1b2c3d4e5f60718293a4b5c6d7e8f9;i=4d2;b=00112233445566778899aabbccddeeff;m=1f;t=5f;x=a1b2"


@pytest.mark.parametrize(
    "left", [b"", b"\n", bytes(100), b"\xff\xfe\x00garbage", b"--after", CURSOR.encode() + bytes(8)]
)
def test_what_a_power_cut_left_is_no_place(tmp_path, left):
    """The journal is read from its head: nothing is lost, and what comes twice counts once."""
    state = tmp_path / "c.cursor"
    state.write_bytes(left)
    assert forward.rewind(str(state), 10) == 0
    assert not state.exists()


def test_where_the_place_is_lost_the_last_run_comes_again(tmp_path, monkeypatch):
    state = tmp_path / "c.cursor"
    state.write_bytes(bytes(100))
    (tmp_path / "c.cursor.start").write_text(CURSOR)
    monkeypatch.setattr(forward, "cursors_back", lambda cursor, entries: [cursor])
    assert forward.rewind(str(state), 10) == 0
    assert state.read_text() == CURSOR
