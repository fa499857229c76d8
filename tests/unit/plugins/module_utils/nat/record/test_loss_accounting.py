# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import loss_accounting


def test_growth_of_a_counter_over_a_new_plan():
    growth = loss_accounting.Growth()
    for plan, packets in [("a", 1000), ("a", 1010), ("b", 3), ("b", 5), ("b", 1), (None, 0)]:
        growth.see(plan, packets)
    assert growth.total == 10 + 3 + 2 + 1


BEFORE = loss_accounting.Balance("a", 1000, 0, 50, 200, 210)  # ten more were recorded after the look


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        (loss_accounting.Balance("a", 1000, 0, 40, 0, 0), 0),
        (loss_accounting.Balance("a", 1000, 0, 30, 0, 0), 10),  # ten of the old ones ended
        (loss_accounting.Balance("a", 1100, 0, 140, 0, 0), 0),  # new ones, all still there
        (loss_accounting.Balance("a", 1100, 0, 40, 0, 0), 100),  # new ones, gone again
        (loss_accounting.Balance("a", 1100, 0, 40, 90, 90), 10),  # of which the socket that was kept told of ninety
        (loss_accounting.Balance("a", 1100, 30, 40, 0, 0), 70),  # thirty may have begun during the look
        (loss_accounting.Balance("b", 60, 0, 40, 0, 0), 60),  # another plan was loaded
        (loss_accounting.Balance("a", 1000, 0, 45, 0, 0), 0),  # more than there can be is no loss
    ],
)
def test_lost_between_two_runs(after, lost):
    assert loss_accounting.lost_between(BEFORE, after) == lost


def test_state_comes_back(tmp_path):
    state = loss_accounting.State(str(tmp_path / "state"))
    assert state.load() is None
    state.save(BEFORE)
    state.save(BEFORE._replace(plan="a" * 16))
    assert loss_accounting.State(str(tmp_path / "state")).load() == BEFORE._replace(plan="a" * 16)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"plan": 1}'])
def test_a_broken_state_is_none(tmp_path, text):
    (tmp_path / "state").write_text(text)
    assert loss_accounting.State(str(tmp_path / "state")).load() is None
