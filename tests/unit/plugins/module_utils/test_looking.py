# SPDX-License-Identifier: GPL-3.0-or-later
"""Many checks in one go: no observer's failure costs another its facts."""

from __future__ import annotations

import collections
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import looking
from ansible_collections.order82.baseline.plugins.module_utils.observers import (
    OBSERVERS,
    Argument,
    ObservationError,
    Observer,
)


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


@pytest.fixture
def together(monkeypatch):
    """Lists what an observer was asked for together; it can't where one of them is the number 0."""
    asked = []

    def many(several):
        asked.append([one["seconds"] for one in several])
        return [alone(**one) for one in several]

    def alone(seconds):
        return {"share": 1 / seconds}

    observer = Observer(alone, "", {"seconds": Argument(int, "", required=True)}, {"share": "float"}, together=many)
    monkeypatch.setitem(OBSERVERS, "clock", observer)
    return asked


def test_who_can_look_for_several_together_does_so_once(together):
    seen = looking.look([ask("clock", seconds=1), ask("file", path="/"), ask("clock", seconds=2)])
    assert [one["observed"] and one["observed"].get("share") for one in seen] == [1, None, 0.5]
    assert together == [[1, 2]]


@pytest.mark.parametrize(("wrong", "said"), [({"seconds": 0}, "division"), ({"seconds": "x"}, "is a int, got str")])
def test_one_that_can_not_be_looked_at_does_not_cost_the_others_their_facts(together, wrong, said):
    good, bad = looking.look([ask("clock", seconds=1), ask("clock", **wrong)])
    assert (good["observed"], good["error"]) == ({"share": 1}, None)
    assert bad["observed"] is None
    assert said in bad["error"]


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


HANGING = """\
import os, sys
from order82_baseline import looking
from order82_baseline.observers import OBSERVERS
for name in ("translation", "rotation"):
    OBSERVERS[name] = OBSERVERS[name]._replace(seconds=0.8)
OBSERVERS["rotation"] = OBSERVERS["rotation"]._replace(
    look=lambda: looking.processes.run(["sleep", "6543210"], 600)
)
os.mkfifo("nobody-writes-here")
asked = [{"translation": {"plan": str(number), "table": "x", "plan_file": "nobody-writes-here"}} for number in range(20)]
asked += [{"rotation": {}}, {"file": {"path": "/"}}]
for one in looking.look([{"id": "x.%d" % number, "observe": observe} for number, observe in enumerate(asked)]):
    print(one["check"], one["error"], one["observed"] and one["observed"]["kind"], sep="|")
"""


def test_who_hangs_for_ever_is_an_error_after_its_time_and_holds_up_nobody(tmp_path):
    """Twenty wait for a pipe that nobody writes into, and one for a program that does not end.

    That is more than may work at the same time. The process ends all the same, and so does the program that it started.
    """
    (tmp_path / "order82_baseline").symlink_to(Path(looking.__file__).resolve().parent)
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", HANGING], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    # As long as one of them, and the moments until the last could begin; one after another they would take 16 s.
    assert time.monotonic() - begin < 8
    assert done.stdout.splitlines() == [
        *(f"x.{number}|observer 'translation' did not end within 0.8 s|None" for number in range(20)),
        "x.20|observer 'rotation' did not end within 0.8 s|None",
        "x.21|None|directory",
    ]
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert b"sleep\x006543210\x00" not in running


def test_what_waits_does_so_at_the_same_time(calls):
    """However many, more than may work at the same time among them."""
    begin = time.monotonic()
    looking.look([ask("slow", number=number) for number in range(4 * looking.WORKERS)])
    assert time.monotonic() - begin < 0.2 * 4 * looking.WORKERS / 3
