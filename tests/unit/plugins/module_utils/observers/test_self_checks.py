# SPDX-License-Identifier: GPL-3.0-or-later
"""A collector hears whether hosts look at themselves: only what root's own unit wrote, and lately."""

from __future__ import annotations

import calendar
import datetime

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import self_checks

NOW = calendar.timegm((2026, 11, 24, 0, 5, 0))
WITHIN = 15 * 60
SAID = "self-check: 40 passed, 0 not passed, 20 for inspections alone; checks 0123456789abcdef"


@pytest.fixture
def wrote(tmp_path):
    """A function that has a host write a record so many seconds ago; C(store) is where it lies."""

    def write(ago, text=SAID, host="web", uid="0", unit="order82-check.service"):
        at = datetime.datetime.fromtimestamp(NOW - ago, datetime.UTC)
        folder = tmp_path / "measure_state" / str(at.date())
        folder.mkdir(parents=True, exist_ok=True)
        sent = f'[order82@32473 class="measure_state" boot="b" uid="{uid}" audit="" claims="" login="" unit="{unit}"]'
        stored = '[stored@32473 at="x" from="x" marks=""]'
        line = f"<30>1 {at.isoformat().replace('+00:00', 'Z')} {host} order82 7 - {sent}{stored} {text}\n"
        with (folder / f"{host}.log").open("a") as file:
            file.write(line)

    write.store = str(tmp_path)
    return write


def heard(wrote, *hosts):
    return self_checks.heard(wrote.store, hosts or ("web",), NOW, WITHIN)


def test_a_young_one_is_heard(wrote):
    wrote(60)
    assert heard(wrote) == {"silent": [], "silent_count": 0, "heard": 1, "not_passed": {}}


def test_what_was_not_passed_is_told(wrote):
    wrote(60, SAID.replace("0 not passed", "2 not passed (a.b, c.d)"))
    assert heard(wrote)["not_passed"] == {"web": 2}


@pytest.mark.parametrize(
    "record",
    [
        {"ago": WITHIN + 60},
        {"ago": -120},
        {"ago": 60, "uid": "1000"},
        {"ago": 60, "unit": "order82-files.service"},
        {"ago": 60, "unit": ""},
        {"ago": 60, "unit": "order82-check.serviceX"},
        {"ago": 60, "text": "self-check: all is well"},
        {"ago": 60, "text": "x" + SAID},
        {"ago": 60, "text": "alarm: the self-check can't look: checks.json asks for nothing"},
    ],
)
def test_what_is_none_is_silence(wrote, record):
    wrote(**record)
    assert heard(wrote)["silent"] == ["web"]


def test_who_never_wrote_is_silent_and_costs_no_other(wrote):
    wrote(60)
    assert heard(wrote, "vault", "web") == {"silent": ["vault"], "silent_count": 1, "heard": 1, "not_passed": {}}


def test_it_is_found_before_midnight_and_behind_much_else(wrote):
    wrote(10 * 60)
    for number in range(3000):
        wrote(9 * 60 - number / 10, "something else, " + "x" * 200)
    assert heard(wrote)["heard"] == 1


def test_a_forged_one_behind_the_true_one_does_not_count(wrote):
    wrote(WITHIN + 10)
    wrote(5, uid="1000", unit="session-3.scope")
    assert heard(wrote)["silent"] == ["web"]


def test_lines_that_are_none_cost_nothing(wrote, tmp_path):
    wrote(60)
    with (tmp_path / "measure_state" / "2026-11-24" / "web.log").open("ab") as file:
        file.write(b"\n\n<30>1 2026-11-24T00:04:59Z x \xff self-check: 1 passed\nno time at all\n")
    assert heard(wrote)["heard"] == 1
