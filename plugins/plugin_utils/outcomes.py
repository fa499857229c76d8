# SPDX-License-Identifier: GPL-3.0-or-later
"""The closed set of outcomes, and the outcome of one check on one host."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .checks import Check
from .comparisons import ComparisonError, holds, in_words, value_in_words
from .resolve import Resolved, as_written
from .waivers import Waiver

OUTCOMES = ("pass", "fail", "error", "not_run", "waived", "not_applicable", "manual")
"""Only C(pass) passes."""

KNOWN_FROM = "_known_from"
"""What the name of the fact ends with that says before which day another one can't be known, and stands beside it."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

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


def expectations(expect: Mapping[str, Mapping[str, object]]) -> list[dict]:
    """What is expected, one entry of C(expected) in result.json for each comparison; none was made yet."""
    return [
        {
            "fact": fact,
            "comparison": comparison,
            "value": value,
            "holds": None,
            "words": in_words(fact, comparison, value),
        }
        for fact, comparisons in expect.items()
        for comparison, value in comparisons.items()
    ]


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


def compared(facts: Mapping[str, object], expected: list[dict]) -> tuple[str, dict[str, str] | None]:
    """Compare fact by fact, and mark in C(expected) which hold.

    What can't be known yet is no failure: where all else holds it passes, and says what is not known before which day.

    :return: C(pass), C(fail), C(error), or C(not_run) where nothing of it can be known yet; and what there is to say.
    """
    missed, broken, unknown = [], [], {}
    for one in expected:
        fact = one["fact"]
        if fact not in facts:
            broken.append(both(f"{fact} 未报告", f"{fact} was not reported"))
            continue
        if facts[fact] is None and _DAY.fullmatch(str(facts.get(fact + KNOWN_FROM))):
            unknown[fact] = facts[fact + KNOWN_FROM]
            continue
        try:
            one["holds"] = holds(one["comparison"], facts[fact], one["value"])
        except ComparisonError as error:
            broken.append(both(f"{fact} 无法比较（{error}）", f"{fact} can't be compared ({error})"))
            continue
        if not one["holds"]:
            missed.append(
                {
                    "zh": f"应为「{one['words']['zh']}」，实为 {_shown(facts[fact])}",
                    "en": f"expected {one['words']['en']}, observed {_shown(facts[fact])}",
                }
            )
    if not missed and not broken:
        if not unknown:
            return "pass", None
        return "pass" if len(unknown) < len({one["fact"] for one in expected}) else "not_run", both(
            "；".join(f"{fact} 在 {day} 之前尚无法得知" for fact, day in unknown.items()),
            "; ".join(f"{fact} is not known before {day}" for fact, day in unknown.items()),
        )
    return "fail" if missed else "error", both(
        "；".join(text["zh"] for text in missed + broken), "; ".join(text["en"] for text in missed + broken)
    )


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


def _shown(value: object) -> str:
    text = value_in_words(value)
    return text if len(text) <= 200 else text[:197] + "..."


def both(zh: str, en: str) -> dict[str, str]:
    """A text in both languages."""
    return {"zh": zh, "en": en}
