# SPDX-License-Identifier: GPL-3.0-or-later
"""The closed set of outcomes, and the outcome of one check on one host."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..module_utils.judging import KNOWN_FROM, both, compared, expectations
from .checks import Check
from .resolve import Resolved, as_written
from .waivers import Waiver

__all__ = ["KNOWN_FROM", "OUTCOMES", "HostRun", "Seen", "both", "compared", "expectations", "judge_check", "worst"]

OUTCOMES = ("pass", "fail", "error", "not_run", "waived", "not_applicable", "manual")
"""Only C(pass) passes."""

WORST_FIRST = ("fail", "error", "not_run", "waived", "manual", "pass")


class Seen(NamedTuple):
    """What one observation brought home: facts, or the reason why there are none. C(at) is the host's own clock."""

    facts: Mapping[str, object] | None
    error: str | None
    at: str | None


class HostRun(NamedTuple):
    """What the inspection of one host brought home.

    C(state) is C(seen), C(unreachable) (nobody answered) or C(broken) (the module did not end well).
    C(resolved): for each check that was asked for, what is not as it was written (see Resolved.differences).
    """

    state: str
    message: str
    resolved: Mapping[str, Mapping[str, object]]
    seen: Mapping[str, Seen]


def worst(outcomes: Iterable[str]) -> str | None:
    """The outcome that decides among several, by WORST_FIRST; None if there is none."""
    found = set(outcomes)
    return next((outcome for outcome in WORST_FIRST if outcome in found), None)


def judge_check(check: Check, host: str, run: HostRun, waiver: Waiver | None, today: datetime.date) -> dict:
    """Say how a check went on a host.

    :param waiver: the waiver for this check on this host, if there is one.
    :param today: the day (UTC) that decides whether the waiver still holds.
    :return: an entry of C(results) in result.json.
    """
    changes = run.resolved.get(check.id)
    resolved = as_written(check)._replace(**(changes or {}))
    expect = resolved.expect
    seen = run.seen.get(check.id, Seen(None, None, None))
    expected = expectations(expect)
    outcome, message = _outcome(check, run, resolved if changes is not None else None, seen, expected)
    result = {
        "check": check.id,
        "host": host,
        "provisions": list(check.proves),
        "outcome": outcome,
        "severity": check.severity,
        "observed": _in_order(seen.facts, expect),
        "expected": expected,
        "at": seen.at,
        "why": check.why,
        "by_hand": resolved.by_hand,
        "message": message,
        "waiver": None,
    }
    return _waived(result, waiver, today) if waiver else result


def _outcome(check: Check, run: HostRun, resolved: Resolved | None, seen: Seen, expected: list[dict]) -> tuple:
    if resolved and not resolved.applies:
        return "not_applicable", check.otherwise or both(
            f"本机不符合此项检查的条件：{check.when}", f"Its condition does not hold for this host: {check.when}"
        )
    if run.state == "unreachable":
        return "not_run", both(f"未能连接主机：{run.message}", f"The host was not reached: {run.message}")
    if run.state == "broken":
        return "error", both(
            f"检查程序未能在主机上正常结束：{run.message}",
            f"The observing module did not end well on the host: {run.message}",
        )
    if resolved is None:
        return "not_run", both("本次检查未包括此项。", "This inspection did not ask for it.")
    if resolved.problem:
        return "error", both(
            f"检查项中的变量无法求值：{resolved.problem}", f"A value in the check could not be had: {resolved.problem}"
        )
    if seen.error is not None:
        reason = " ".join(seen.error.split())
        return "error", both(f"无法查看：{reason}", f"It could not be looked at: {reason}")
    if seen.facts is None:
        return "not_run", both("主机没有返回此项的观察结果。", "The host brought back no observation for it.")
    return compared(seen.facts, expected)


def _waived(result: dict, waiver: Waiver, today: datetime.date) -> dict:
    """Apply a waiver: it accepts a known failure. It never stands in for not knowing, so error and not_run stay."""
    expired = waiver.expired(today)
    state = "expired" if expired else "active" if result["outcome"] == "fail" else "unused"
    result["waiver"] = {
        "reason": waiver.reason,
        "owner": waiver.owner,
        "expires": waiver.expires.isoformat(),
        "state": state,
    }
    if result["outcome"] == "fail" and expired:
        said = result["message"]
        result["message"] = both(
            f"{said['zh']}；豁免已于 {waiver.expires} 到期（责任人：{waiver.owner}）",
            f"{said['en']}; its waiver (owner {waiver.owner}) expired on {waiver.expires}",
        )
    elif result["outcome"] == "fail":
        result["outcome"] = "waived"
    return result


def _in_order(facts: Mapping[str, object] | None, expect: Mapping[str, object]) -> dict[str, object] | None:
    """The facts, those that the check is about first."""
    if facts is None:
        return None
    return {**{fact: facts[fact] for fact in expect if fact in facts}, **facts}
