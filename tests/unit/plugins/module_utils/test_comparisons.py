# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.comparisons import (
    COMPARISONS,
    ComparisonError,
    holds,
    in_words,
)


@pytest.mark.parametrize(
    ("comparison", "observed", "expected", "answer"),
    [
        ("equals", "0640", "0640", True),
        ("equals", True, False, False),
        ("equals", 1, 1.0, True),
        ("equals", ["a"], ["a"], True),
        ("not_equals", "a", "b", True),
        ("not_equals", 3, 3, False),
        ("at_least", 60, 60, True),
        ("at_least", 59.9, 60, False),
        ("at_most", 0.1, 0.1, True),
        ("at_most", 0.11, 0.1, False),
        ("one_of", "a", ["a", "b"], True),
        ("one_of", "c", ["a", "b"], False),
        ("contains", "ai", "a", True),
        ("contains", "i", "a", False),
        ("contains", ["web"], "web", True),
        ("contains", [], "web", False),
        ("not_contains", ["web"], "gateway", True),
        ("not_contains", ["web"], "web", False),
        ("not_contains", [], "web", True),
        ("matches", "order82-key", "order82-.*", True),
        ("matches", "an order82-key", "order82-.*", False),  # as a whole
        ("matches", "order82-key.old", "order82-key", False),
        ("empty", [], True, True),
        ("empty", ["x"], True, False),
        ("empty", "x", False, True),
        ("empty", {}, False, False),
    ],
)
def test_what_holds(comparison, observed, expected, answer):
    assert holds(comparison, observed, expected) is answer


@pytest.mark.parametrize(
    ("comparison", "observed", "expected"),
    [
        ("equals", "1", 1),
        ("equals", None, "x"),
        ("equals", True, 1),
        ("equals", 1, True),
        ("not_equals", None, "x"),
        ("at_least", "60", 60),
        ("at_least", 60, "60"),
        ("at_most", True, 1),
        ("at_most", None, 1),
        ("one_of", 1, ["1"]),
        ("one_of", "a", []),
        ("one_of", "a", "abc"),
        ("contains", "x", 1),
        ("contains", "x", ""),
        ("contains", 5, "5"),
        ("contains", [1], "1"),
        ("not_contains", [1], "1"),  # would always hold
        ("not_contains", None, "x"),
        ("matches", 5, "5"),
        ("matches", "x", "["),
        ("matches", "x" * 10_001, "x*"),
        ("empty", 0, True),
        ("empty", None, True),
        ("empty", [], "true"),
    ],
)
def test_values_of_other_types_are_no_verdict(comparison, observed, expected):
    with pytest.raises(ComparisonError):
        holds(comparison, observed, expected)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_every_comparison_has_words_in_both_languages(comparison):
    value = {"one_of": ["a", "b"], "empty": True}.get(comparison, 5)
    words = in_words("offset_seconds", comparison, value)
    assert words["zh"] != words["en"]
    assert all(text.startswith("offset_seconds") and "{" not in text for text in words.values())


def test_words_are_a_persons():
    assert in_words("offset_seconds", "at_most", 0.1)["en"] == "offset_seconds at most 0.1"
    assert in_words("active", "equals", True)["en"] == "active is true"
    assert in_words("gaps", "empty", True) == {"zh": "gaps 为空", "en": "gaps is empty"}
    assert in_words("mode", "one_of", ["0440", "0400"])["zh"] == "mode 为下列之一：0440、0400"
