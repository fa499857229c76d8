# SPDX-License-Identifier: GPL-3.0-or-later
"""What `./baseline bench forwarding` makes of what it finds on hosts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import _numbered
import forwarding
import pytest

LINE = (
    '<30>1 2026-12-01T02:47:49.000001+00:00 web bench 1 - [order82@32473 class="system"]'
    '[stored@32473 at="2026-12-01T02:47:{}+00:00" from="web" marks=""] number {} of {}, and as many words as one of sshd has\n'
)
ACTION = 'action(type="omrelp" target="10.82.1.{}" port="2514" template="order82"\n       windowSize="2000" tls="on")\n'


def counted(lines, count, mark="run-ours-0"):
    words = [sys.executable, str(Path(_numbered.HERE) / "_count_numbers.py"), mark, str(count)]
    return json.loads(subprocess.run(words, input="".join(lines).encode(), capture_output=True, check=True).stdout)


def test_each_number_counts_once_and_by_its_first_arrival():
    lines = [LINE.format("49.000000", 0, "run-ours-0"), LINE.format("50.500000", 1, "run-ours-0")]
    lines += [LINE.format("58.000000", 1, "run-ours-0"), LINE.format("51.000000", 3, "run-ours-0")]
    found = counted(lines, 4)
    assert found["distinct"] == 3
    assert found["lines"] == 4
    assert found["missing"] == [2]
    assert found["last"] - found["first"] == pytest.approx(2.0)


def test_another_rounds_numbers_do_not_count():
    lines = [LINE.format("49.000000", 0, "run-ours-0-ready"), LINE.format("49.000000", 1, "run-ours-00")]
    assert counted(lines, 2) == {"distinct": 0, "lines": 0, "missing": [0, 1], "first": None, "last": None}


def test_a_number_that_was_never_written_fills_no_gap():
    assert counted([LINE.format("49.000000", 7, "run-ours-0")], 2)["distinct"] == 0


def one(distinct, last, lines=None):
    return {"distinct": distinct, "lines": lines or distinct, "missing": [], "first": 10.0, "last": last}


def test_the_slowest_collector_is_the_rate_and_what_one_lacks_is_lost():
    found = forwarding.judged({"a": one(100, 12.0), "b": one(98, 14.0, 103)}, 100, 10.0)
    assert found == {"rate": 25.0, "lost": 2, "twice": 5}


def test_where_nothing_came_there_is_no_rate():
    assert forwarding.judged({"a": one(100, 12.0), "b": one(0, None)}, 100, 10.0)["rate"] == 0.0


@pytest.mark.parametrize(
    ("ours", "stock", "lost", "holds"),
    [(800.0, 1000.0, 0, True), (790.0, 1000.0, 0, False), (2000.0, 1000.0, 1, False), (800.0, 0.0, 0, False)],
)
def test_it_holds_at_four_fifths_and_with_nothing_lost(ours, stock, lost, holds):
    def rounds(rate):
        return [{"rate": rate, "lost": lost, "twice": 0, "journald": 1.0, "cpu": {"senders": 1.0}}]

    found = {"ours": rounds(ours), "stock": rounds(stock), "waited": rounds(ours)}
    document = forwarding.summary(found, 1.0)
    assert document["holds"] is holds
    said = forwarding.table(document | {"sender": "web", "messages": 1, "rounds": 1})
    assert ("DOES NOT HOLD" in said) is not holds


def test_what_stock_loses_is_shown_and_is_no_fault_of_ours():
    def rounds(lost):
        return [{"rate": 1000.0, "lost": lost, "twice": 0, "journald": 1.0, "cpu": {"senders": 1.0}}]

    document = forwarding.summary({"ours": rounds(0), "stock": rounds(5), "waited": rounds(0)}, 1.0)
    assert document["holds"]
    assert document["rates"]["stock"]["lost"] == 5


def test_stock_goes_where_ours_go():
    text = forwarding.stock_configuration({"collector1": ACTION.format(11), "collector2": ACTION.format(12)})
    assert text.count('windowSize="10000"') == 2
    assert 'target="10.82.1.12" port="2514"' in text
    assert 'tls.permittedPeer=["collector2"]' in text
    assert "main_queue" not in text


def test_a_forwarder_without_the_action_is_refused():
    with pytest.raises(RuntimeError, match="another action than the one to collector1"):
        forwarding.stock_configuration({"collector1": 'module(load="omrelp")\n'})
