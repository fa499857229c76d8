# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome of one check on one host."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.outcomes import HostRun, Seen, judge_check, worst
from ansible_collections.order82.baseline.plugins.plugin_utils.waivers import Waiver

TODAY = datetime.date(2026, 1, 1)
GOOD = {"owner": "root", "mode": "0640"}
BAD = {"owner": "root", "mode": "0644"}


def run(facts=None, error=None, state="seen", message="", **changes):
    seen = {"alpha.key": Seen(facts, error, "2026-01-01T00:00:00Z")} if facts or error else {}
    return HostRun(state, message, {"alpha.key": changes}, seen)


def waiver(expires):
    return Waiver("alpha.key", ("web",), "ordered", "Li Wei", datetime.date.fromisoformat(expires))


def judged(check, host_run, waived=None):
    return judge_check(check, "web", host_run, waived, TODAY)


def test_as_expected_is_pass(make_check):
    result = judged(make_check(), run(GOOD))
    assert (result["outcome"], result["message"], result["at"]) == ("pass", None, "2026-01-01T00:00:00Z")
    assert result["expected"][0]["holds"] is True
    assert list(result["observed"]) == ["mode", "owner"]  # what the check is about comes first


def test_not_as_expected_is_fail_and_says_both(make_check):
    result = judged(make_check(), run(BAD))
    assert result["outcome"] == "fail"
    assert result["message"]["en"] == "expected mode is 0640, observed 0644"
    assert "0644" in result["message"]["zh"]


def test_all_comparisons_of_a_fact_must_hold(make_check):
    check = make_check(expect={"bytes": {"at_least": 1, "at_most": 5}, "mode": {"equals": "0640"}})
    assert judged(check, run({"bytes": 3, "mode": "0640"}))["outcome"] == "pass"
    assert judged(check, run({"bytes": 9, "mode": "0640"}))["outcome"] == "fail"
    assert judged(check, run({"bytes": 0, "mode": "0640"}))["outcome"] == "fail"


def test_what_is_not_known_yet_is_said_and_is_no_failure(make_check):
    check = make_check(expect={"bytes": {"at_least": 60}, "mode": {"equals": "0640"}})
    young = {"bytes": None, "bytes_known_from": "2026-01-02"}
    result = judged(check, run({**GOOD, **young}))
    assert result["outcome"] == "pass"
    assert result["message"] == {
        "zh": "bytes 在 2026-01-02 之前尚无法得知",
        "en": "bytes is not known before 2026-01-02",
    }
    assert [one["holds"] for one in result["expected"]] == [None, True]
    assert judged(check, run({**BAD, **young}))["outcome"] == "fail"


def test_where_nothing_is_known_yet_nothing_passes(make_check):
    check = make_check(expect={"bytes": {"at_least": 60, "at_most": 90}})
    assert judged(check, run({"bytes": None, "bytes_known_from": "2026-01-02"}))["outcome"] == "not_run"


@pytest.mark.parametrize("day", ["", "some day", None, 5])
def test_not_known_without_a_day_is_an_error(make_check, day):
    check = make_check(expect={"bytes": {"at_least": 60}, "mode": {"equals": "0640"}})
    assert judged(check, run({**GOOD, "bytes": None, "bytes_known_from": day}))["outcome"] == "error"


@pytest.mark.parametrize(
    ("host_run", "outcome", "sentence"),
    [
        (run(error="no such\n  command"), "error", "It could not be looked at: no such command"),
        (run({"owner": "root"}), "error", "mode was not reported"),
        (run({"mode": 640}), "error", "can't be compared"),
        (run({"mode": None}), "error", "can't be compared"),
        (run(), "not_run", "brought back no observation"),
        (run(GOOD, problem="'x' is undefined"), "error", "'x' is undefined"),
        (run(state="unreachable", message="no route"), "not_run", "no route"),
        (run(state="broken", message="no python"), "error", "no python"),
        (HostRun("seen", "", {}, {}), "not_run", "did not ask for it"),
    ],
)
def test_what_was_not_seen_is_never_pass_nor_fail(make_check, host_run, outcome, sentence):
    result = judged(make_check(), host_run)
    assert result["outcome"] == outcome
    assert sentence in result["message"]["en"]
    assert result["message"]["zh"]


def test_a_failure_outweighs_what_cant_be_compared(make_check):
    check = make_check(expect={"mode": {"equals": "0640"}, "owner": {"equals": "root"}})
    result = judged(check, run({"mode": "0644", "owner": 0}))
    assert result["outcome"] == "fail"
    assert "can't be compared" in result["message"]["en"]


@pytest.mark.parametrize("state", ["seen", "unreachable", "broken"])
def test_a_check_whose_condition_does_not_hold_is_not_applicable(make_check, state):
    result = judged(make_check(when="order82_store is defined"), run(state=state, applies=False))
    assert result["outcome"] == "not_applicable"
    assert "order82_store is defined" in result["message"]["en"]


def test_a_check_that_does_not_apply_says_why_in_its_own_words(make_check):
    why = {"zh": "容器", "en": "A container"}
    result = judged(make_check(when="order82_store is defined", otherwise=why), run(applies=False))
    assert (result["outcome"], result["message"]) == ("not_applicable", why)


def test_the_values_of_this_host_are_what_is_compared(make_check):
    result = judged(make_check(), run(BAD, expect={"mode": {"equals": "0644"}}, by_hand="stat /x"))
    assert (result["outcome"], result["by_hand"]) == ("pass", "stat /x")


def test_a_waiver_in_force_makes_a_failure_waived(make_check):
    result = judged(make_check(), run(BAD), waiver("2026-01-01"))
    assert result["outcome"] == "waived"
    assert result["waiver"] == {"reason": "ordered", "owner": "Li Wei", "expires": "2026-01-01", "state": "active"}
    assert "0644" in result["message"]["en"]


def test_an_expired_waiver_is_a_failure_that_says_so(make_check):
    result = judged(make_check(), run(BAD), waiver("2025-12-31"))
    assert (result["outcome"], result["waiver"]["state"]) == ("fail", "expired")
    assert "expired on 2025-12-31" in result["message"]["en"]
    assert "0644" in result["message"]["en"]
    assert "2025-12-31" in result["message"]["zh"]


@pytest.mark.parametrize("host_run", [run(error="broken"), run(), run(state="unreachable", message="x")])
def test_a_waiver_never_stands_in_for_not_knowing(make_check, host_run):
    assert judged(make_check(), host_run, waiver("2027-01-01"))["outcome"] in {"error", "not_run"}


def test_a_waiver_that_nothing_needs_is_said_to_be_unused(make_check):
    result = judged(make_check(), run(GOOD), waiver("2027-01-01"))
    assert (result["outcome"], result["waiver"]["state"]) == ("pass", "unused")


@pytest.mark.parametrize(
    ("outcomes", "decides"),
    [
        (["pass", "waived", "not_run", "error", "fail"], "fail"),
        (["pass", "waived", "not_run", "error"], "error"),
        (["pass", "waived", "not_run"], "not_run"),
        (["pass", "waived"], "waived"),
        (["pass"], "pass"),
        (["not_applicable"], None),
        ([], None),
    ],
)
def test_the_worst_outcome_decides(outcomes, decides):
    assert worst(outcomes) == decides
