# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a forwarder goes back."""

from __future__ import annotations

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
