# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

from ansible_collections.order82.baseline.plugins.module_utils.firewall.rules import _plain, differences

ONE, TWO, THREE = '{"rule": 1}', '{"rule": 2}', '{"rule": 3}'


def test_the_same_rules_have_no_differences():
    assert differences([ONE, TWO], [ONE, TWO]) == []


def test_what_is_missing_and_what_is_not_ours_is_named():
    assert differences([ONE, TWO], [TWO, THREE]) == [f"missing: {ONE}", f"not ours: {THREE}"]


def test_another_order_is_a_difference():
    assert differences([ONE, TWO], [TWO, ONE]) == ["the rules stand in another order"]


def test_counts_handles_and_what_the_rules_put_into_sets_are_no_difference():
    before = {"rule": {"handle": 3, "expr": [{"counter": {"packets": 1, "bytes": 9}}, {"accept": None}]}}
    after = {"rule": {"handle": 9, "expr": [{"counter": {"packets": 7, "bytes": 99}}, {"accept": None}]}}
    assert _plain(before) == _plain(after)
    element = {"elem": {"val": "192.0.2.1", "expires": 119, "limit": {"rate": 600}}}
    filled = {"set": {"name": "sources", "flags": ["timeout"], "elem": [element]}}
    assert "elem" not in json.dumps(_plain(filled))


def test_what_an_administrator_put_into_a_set_is_a_difference():
    fixed = {"set": {"name": "allowed", "elem": ["192.0.2.1"]}}
    assert _plain(fixed) == fixed
