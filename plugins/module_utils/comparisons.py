# SPDX-License-Identifier: GPL-3.0-or-later
"""The closed set of comparisons: what a check may expect of a fact, and how it is said in Chinese and English.

The inspection on the controller and a host's self-check judge by these same ones (Python 3.9, standard library only).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

LONGEST = 10_000
"""So many characters are matched at most: a text comes from a host, and a pattern may take the square of its length."""


class ComparisonError(ValueError):
    """The two values can't be compared: this says nothing about the host, so the outcome is C(error), not C(fail)."""


class Comparison(NamedTuple):
    """One way to compare what was observed with what is expected.

    C(holds): takes the observed and the expected value.
    C(facts): the types of fact that it makes sense for.
    C(expects): says whether a value can be expected at all.
    C(takes): what such a value is, in words.
    C(zh) and C(en): patterns with {fact} and {value}.
    """

    holds: Callable[[object, object], bool]
    facts: tuple[str, ...]
    expects: Callable[[object], bool]
    takes: str
    zh: str
    en: str


def kind_of(value: object) -> str:
    """Say in YAML's words what a value is."""
    for kind, name in (
        (bool, "boolean"),
        (int, "number"),
        (float, "number"),
        (str, "text"),
        (Mapping, "mapping"),
        (list, "list"),
        (tuple, "list"),
        (type(None), "null"),
    ):
        if isinstance(value, kind):
            return name
    return type(value).__name__


def brief(value: object) -> str:
    """Show a value in an error: as JSON writes it, and not longer than a line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_scalar(value: object) -> bool:
    return isinstance(value, (bool, int, float, str))


def _equal(observed: object, expected: object) -> bool:
    if kind_of(observed) != kind_of(expected):
        raise ComparisonError(
            f"a {kind_of(observed)} ({brief(observed)}) can't equal a {kind_of(expected)} ({brief(expected)})"
        )
    return observed == expected


def _numbers(observed: object, expected: object) -> None:
    for value in (observed, expected):
        if not _is_number(value):
            raise ComparisonError(f"{brief(value)} is a {kind_of(value)} and can't be compared as a number")


def _at_least(observed: object, expected: object) -> bool:
    _numbers(observed, expected)
    return observed >= expected


def _at_most(observed: object, expected: object) -> bool:
    _numbers(observed, expected)
    return observed <= expected


def _one_of(observed: object, expected: object) -> bool:
    if not isinstance(expected, list) or not expected:
        raise ComparisonError(f"one_of needs a list with something in it, got {brief(expected)}")
    return _among(observed, expected)


def _contains(observed: object, expected: object) -> bool:
    if isinstance(observed, str):
        if not isinstance(expected, str) or not expected:
            raise ComparisonError(
                f"a text can't contain {brief(expected)}, which is a {kind_of(expected)}"
                if expected != ""
                else "every text contains the empty text"
            )
        return expected in observed
    if isinstance(observed, list):
        return bool(observed) and _among(expected, observed)
    raise ComparisonError(f"{brief(observed)} is a {kind_of(observed)} and contains nothing")


def _among(value: object, values: list) -> bool:
    """Whether the value is in the list; an error if nothing in the list could ever equal it."""
    if not any(kind_of(one) == kind_of(value) for one in values):
        raise ComparisonError(
            f"{brief(value)} is a {kind_of(value)}, and there is no {kind_of(value)} in {brief(values)}"
        )
    return any(kind_of(one) == kind_of(value) and one == value for one in values)


def _matches(observed: object, expected: object) -> bool:
    if not isinstance(observed, str) or not isinstance(expected, str):
        raise ComparisonError(
            f"matches needs two texts, got a {kind_of(observed)} ({brief(observed)}) and a "
            f"{kind_of(expected)} ({brief(expected)})"
        )
    if len(observed) > LONGEST:
        raise ComparisonError(f"a text of {len(observed)} characters is too long to be matched, {LONGEST} are not")
    try:
        return re.fullmatch(expected, observed) is not None
    except re.error as error:
        raise ComparisonError(f"'{expected}' is no regular expression: {error}") from error


def _empty(observed: object, expected: object) -> bool:
    if not isinstance(observed, (str, list, Mapping)):
        raise ComparisonError(f"{brief(observed)} is a {kind_of(observed)} and is neither empty nor full")
    if not isinstance(expected, bool):
        raise ComparisonError(f"empty takes true or false, got {brief(expected)}")
    return (len(observed) == 0) is expected


def _is_pattern(value: object) -> bool:
    try:
        return isinstance(value, str) and re.compile(value) is not None
    except re.error:
        return False


def _is_something(value: object) -> bool:
    return value is not None


def _is_piece(value: object) -> bool:
    return _is_scalar(value) and value != ""


def _is_choice(value: object) -> bool:
    return isinstance(value, list) and bool(value)


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _not(positive: Callable[[object, object], bool]) -> Callable[[object, object], bool]:
    return lambda observed, expected: not positive(observed, expected)


_SCALAR = ("bool", "int", "float", "str")
_ANY = (*_SCALAR, "list", "dict")
_NUMBER = ("int", "float")
_PIECE = "a text, number or boolean"

COMPARISONS: dict[str, Comparison] = {
    "equals": Comparison(_equal, _ANY, _is_something, "a value", "{fact} 为 {value}", "{fact} is {value}"),
    "not_equals": Comparison(
        _not(_equal), _ANY, _is_something, "a value", "{fact} 不为 {value}", "{fact} is not {value}"
    ),
    "at_least": Comparison(
        _at_least, _NUMBER, _is_number, "a number", "{fact} 不小于 {value}", "{fact} at least {value}"
    ),
    "at_most": Comparison(_at_most, _NUMBER, _is_number, "a number", "{fact} 不大于 {value}", "{fact} at most {value}"),
    "one_of": Comparison(
        _one_of,
        _SCALAR,
        _is_choice,
        "a list with something in it",
        "{fact} 为下列之一：{value}",
        "{fact} is one of {value}",
    ),
    "contains": Comparison(
        _contains, ("str", "list"), _is_piece, _PIECE, "{fact} 含有 {value}", "{fact} contains {value}"
    ),
    "not_contains": Comparison(
        _not(_contains), ("str", "list"), _is_piece, _PIECE, "{fact} 不含 {value}", "{fact} does not contain {value}"
    ),
    "matches": Comparison(
        _matches,
        ("str",),
        _is_pattern,
        "a regular expression",
        "{fact} 整体匹配 {value}",
        "{fact} matches {value} as a whole",
    ),
    "empty": Comparison(
        _empty, ("str", "list", "dict"), _is_boolean, "true or false", "{fact} {value}", "{fact} {value}"
    ),
}

_EMPTY_WORDS = {True: {"zh": "为空", "en": "is empty"}, False: {"zh": "不为空", "en": "is not empty"}}


def holds(comparison: str, observed: object, expected: object) -> bool:
    """Say whether an observed value is as expected.

    :param comparison: a key of COMPARISONS.
    :raises ComparisonError: the types don't fit, so that neither yes nor no would be true.
    """
    return COMPARISONS[comparison].holds(observed, expected)


def in_words(fact: str, comparison: str, expected: object) -> dict[str, str]:
    """Say what is expected, in zh and en, such as C(offset_seconds at most 0.1)."""
    pattern = COMPARISONS[comparison]
    if comparison == "empty" and isinstance(expected, bool):
        return {language: f"{fact} {text}" for language, text in _EMPTY_WORDS[expected].items()}
    return {
        "zh": pattern.zh.format(fact=fact, value=value_in_words(expected, "、")),
        "en": pattern.en.format(fact=fact, value=value_in_words(expected, ", ")),
    }


def value_in_words(value: object, between: str = ", ") -> str:
    """Show one value to a person: text as it stands, a list of scalars with commas, the rest as JSON."""
    if isinstance(value, str):
        return value if value else '""'
    if isinstance(value, list) and value and all(_is_scalar(one) for one in value):
        return between.join(value_in_words(one) for one in value)
    return brief(value)
