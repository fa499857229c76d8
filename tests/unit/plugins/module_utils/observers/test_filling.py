# SPDX-License-Identifier: GPL-3.0-or-later
"""A day's files are made beforehand: only what is in them says that a host writes a class."""

from __future__ import annotations

import calendar
import datetime

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers.filling import filling
from ansible_collections.order82.baseline.plugins.module_utils.records.settings import Settings

NOON = calendar.timegm((2026, 11, 24, 12, 0, 0))
WITHIN = {"measure_state": 1, "session": 3}


@pytest.fixture
def store(tmp_path):
    return tmp_path


def back(days: int) -> str:
    return str(datetime.date(2026, 11, 24) - datetime.timedelta(days=days))


def wrote(store, record_class: str, *days: int) -> None:
    for one in days:
        folder = store / record_class / str(back(one))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "web.log").write_text("x\n")


def seen(store):
    return filling(Settings(str(store), tuple(WITHIN), ("web",), "nobody", 60, 1, 0), WITHIN, NOON)


def test_files_that_were_made_beforehand_are_no_records(store):
    wrote(store, "measure_state", *range(6))
    for one in range(6):
        folder = store / "session" / str(back(one))
        folder.mkdir(parents=True)
        (folder / "web.log").touch()
    found = seen(store)
    assert found["empty"] == ["web: no record of class session for more than 3 days"]
    assert found["fewest_days"] == {"measure_state": 6, "session": 0}


def test_a_new_host_has_missed_nothing(store):
    assert seen(store)["empty"] == []
    wrote(store, "measure_state", 0, 1, 2, 3)
    assert seen(store)["empty"] == []


@pytest.mark.parametrize(("last", "empty"), [(3, 0), (4, 1)])
def test_one_record_within_the_days_suffices(store, last, empty):
    wrote(store, "measure_state", *range(9))
    wrote(store, "session", last, 8)
    assert len(seen(store)["empty"]) == seen(store)["empty_count"] == empty


def test_who_fell_silent_in_one_class_is_named(store):
    wrote(store, "measure_state", 2, 3, 4)
    wrote(store, "session", 0, 1)
    assert seen(store)["empty"] == ["web: no record of class measure_state for more than 1 days"]
