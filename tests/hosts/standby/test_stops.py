# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorder that was stopped and runs again is on record, with who had announced it (article 14(1))."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ..conftest import HANG, Lab, until

HOST = "gateway2"
"""Any lab would do; all wait for that of `site`."""
UNIT = "order82-config.service"
ANOTHER = "order82-journal.service"
"""Of which nobody announced a stop in the minutes before."""


@pytest.fixture(scope="module", autouse=True)
def _unannounced(lab: Lab) -> Iterator[None]:
    """The announcement of the tests would cover these stops, too."""
    with lab.unannounced(HOST):
        yield


def newest(lab: Lab, host: str, unit: str = UNIT) -> dict[str, Any]:
    """The newest stop of the unit, however short; nothing before the first."""
    return (json.loads(lab.do(host, f"order82 stops list --unit {unit} --longer 0 --days 1 --json")) or [{}])[-1]


def test_a_stop_that_nobody_announced_is_told_after_the_recorder_runs_again(lab: Lab) -> None:
    lab.do(HOST, f"systemctl stop {UNIT}; systemctl start {UNIT}")
    stop = until(HANG, lambda: newest(lab, HOST), "the stop in the journal")
    assert stop["announced"] is False
    assert f"{UNIT} stood still from " in stop["stop"]
    assert "not announced" in stop["stop"]
    results = lab.look([HOST], ("-e", json.dumps({"order82_stop_seconds": 0})))["results"]
    (one,) = (one for one in results if one["check"] == "log_forwarder.stops")
    assert one["outcome"] == "fail"
    assert any(UNIT in said for said in one["observed"]["unannounced"])
    lab.green(HOST)


def test_who_announces_a_stop_is_told_with_it_and_both_collectors_have_his_word(lab: Lab, mark: str) -> None:
    lab.do(HOST, f"order82 stops announce --unit {UNIT} --minutes 5 --reason {mark}")
    lab.arrived("measure_state", HOST, mark)
    lab.do(HOST, f"systemctl stop {UNIT}; systemctl start {UNIT}")
    until(
        HANG, lambda: newest(lab, HOST)["stop"].endswith(f"announced by ops: {mark}"), "the stop with its announcement"
    )
    assert newest(lab, HOST)["announced"] is True


def test_an_account_announces_nothing(lab: Lab, mark: str) -> None:
    assert (
        lab.host(HOST)
        .run(f"runuser -u nobody -- order82 stops announce --unit {ANOTHER} --minutes 5 --reason {mark}")
        .rc
        == 2
    )
    text = json.dumps({"unit": ANOTHER, "until": 4102444800, "by": "chief", "reason": mark})
    lab.do(HOST, f"runuser -u nobody -- logger -t order82 'announced {text}'")
    before = newest(lab, HOST, ANOTHER)
    lab.do(HOST, f"systemctl stop {ANOTHER}; systemctl start {ANOTHER}")
    until(HANG, lambda: newest(lab, HOST, ANOTHER) != before, "the stop in the journal")
    assert "not announced" in newest(lab, HOST, ANOTHER)["stop"]
