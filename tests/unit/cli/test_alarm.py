# SPDX-License-Identifier: GPL-3.0-or-later
"""./baseline alarm test: what each collector answered is data, and what is not as it must be is bad news."""

from __future__ import annotations

import json

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.visible import one_line

from cli import alarm


def told(said, code=0, why=""):
    return alarm.told({"code": code, "said": said if isinstance(said, str) else json.dumps(said), "why": why}, one_line)


def test_each_receiver_has_a_line():
    assert told({"robot": "Connection refused", "duty": ""}, code=1) == [
        ("duty: accepted", False),
        ("robot: Connection refused", True),
    ]


@pytest.mark.parametrize("said", ["", "{}", "[]", "3", "not JSON", {"duty": ""}])
def test_what_is_no_answer_is_bad_news(said):
    code = 2 if isinstance(said, dict) else 0
    [(line, is_wrong)] = told(said, code=code, why="order82: there is no receiver")
    assert is_wrong
    assert line == "order82: there is no receiver"


@pytest.mark.parametrize("why", [None, 0, ["x"], {"a": 1}, "a\nb\x1b[2J"])
def test_whatever_is_said_is_one_line_and_bad_news(why):
    [(line, is_wrong)] = told({"du\nty": why})
    assert is_wrong
    assert line.isprintable()
