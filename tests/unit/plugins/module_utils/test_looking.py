# SPDX-License-Identifier: GPL-3.0-or-later
"""Many checks in one go: no observer's failure costs another its facts."""

from __future__ import annotations

import collections
import json
import time

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import looking
from ansible_collections.order82.baseline.plugins.module_utils.observers import ObservationError


@pytest.fixture
def calls(monkeypatch):
    """Counts what is observed; some observers fail, each in its way."""
    counted = collections.Counter()

    def observe(name, arguments):
        counted[name, json.dumps(arguments, sort_keys=True)] += 1
        if name == "refuses":
            raise ObservationError("not installed")
        if name == "breaks":
            raise RuntimeError("bug \udcff")
        if name == "slow":
            time.sleep(0.2)
        return {"name": name, **arguments}

    monkeypatch.setattr(looking, "observe", observe)
    return counted


def ask(name, **arguments):
    return {"id": f"x.{name}", "observe": {name: arguments}}


def test_everyone_gets_an_answer_in_order(calls):
    seen = looking.look([ask("good"), ask("refuses"), ask("breaks"), ask("good", path="/a")])
    assert [one["check"] for one in seen] == ["x.good", "x.refuses", "x.breaks", "x.good"]
    assert [one["observed"] for one in seen] == [{"name": "good"}, None, None, {"name": "good", "path": "/a"}]
    assert seen[1]["error"] == "not installed"
    assert seen[2]["error"] == "observer 'breaks' broke: RuntimeError: bug \\udcff"
    assert all(one["at"].endswith("Z") for one in seen)


def test_what_is_asked_twice_is_looked_at_once(calls):
    seen = looking.look([ask("good", a=1, b=2), ask("good", b=2, a=1), ask("good", a=1)])
    assert len(seen) == 3
    assert set(calls.values()) == {1}
    assert len(calls) == 2


def test_waiting_is_shared(calls):
    begin = time.monotonic()
    looking.look([ask("slow", number=number) for number in range(looking.WORKERS)])
    assert time.monotonic() - begin < 0.2 * looking.WORKERS / 2


@pytest.mark.parametrize("observe", [{}, {"good": {}, "refuses": {}}])
def test_exactly_one_observer_is_asked(calls, observe):
    [seen] = looking.look([{"id": "x.y", "observe": observe}])
    assert "exactly one" in seen["error"]


def test_nothing_to_do(calls):
    assert looking.look([]) == []


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"a": (1, 2.5, True, None)}, {"a": [1, 2.5, True, None]}),
        ({1: {"x"}}, {"1": ["x"]}),
        (b"\xff", "\\xff"),
        ("\udcff", "\\udcff"),
        (float("nan"), None),
        (float("inf"), None),
        (1 + 2j, "(1+2j)"),
    ],
)
def test_what_json_cannot_carry_is_turned_into_what_it_can(value, plain):
    assert looking.plain(value) == plain
    json.dumps(plain, allow_nan=False).encode()
