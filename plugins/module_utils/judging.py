# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was observed and what is expected to an outcome, for the inspection and for a host's self-check alike."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .comparisons import ComparisonError, holds, in_words, value_in_words

KNOWN_FROM = "_known_from"
"""What the name of the fact ends with that says before which day another one can't be known, and stands beside it."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def expectations(expect: Mapping[str, Mapping[str, object]]) -> list:
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


def compared(facts: Mapping[str, object], expected: list) -> tuple:
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


def _shown(value: object) -> str:
    text = value_in_words(value)
    return text if len(text) <= 200 else text[:197] + "..."


def both(zh: str, en: str) -> dict[str, str]:
    """A text in both languages."""
    return {"zh": zh, "en": en}
