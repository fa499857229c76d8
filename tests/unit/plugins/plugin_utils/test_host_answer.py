# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer must be; what hosts do all at once is in tests/unit/plugins/action/test_any_answer.py."""

from __future__ import annotations

import json

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.host_answer import (
    DEPTH,
    MARK,
    SENTENCE,
    VALUES,
    AnswerError,
    from_module,
    from_program,
    observations,
    state_result,
)

AT = "2026-01-01T00:00:00Z"
ASKED = [{"id": "a.holds", "observe": {"standby": {}}}]
FACTS = {"state": "active", "since": 1.5, "holds": [], "wrong": []}
REQUEST = {
    "bring": {"state": {"ask": {"certificate": ["true"]}}},
    "look": [{"role": "backup", "ask": {"key": ["true"]}}],
}
BROUGHT = {"changed": True, "did": ["made /x"], "diff": [], "answers": {"certificate": 0}}


def answered(**facts):
    return [{"check": "a.holds", "observed": {**FACTS, **facts}, "error": None, "at": AT}]


def program(text):
    return from_program(f"{MARK}{text}\n")


@pytest.mark.parametrize("facts", [{}, {"since": 1}, {"since": None}, {"state": None}])
def test_what_is_as_declared_comes_through(facts):
    assert observations(answered(**facts), ASKED) == answered(**facts)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"since": True}, "since is true, and must be of the type float"),
        ({"since": "1"}, 'since is "1", and must be of the type float'),
        ({"holds": {}}, "holds is {}, and must be of the type list"),
        ({"state": ["active"]}, r'state is \["active"\], and must be of the type str'),
        ({"other": 1}, "observed has the unknown key 'other'"),
    ],
)
def test_a_fact_of_another_kind_is_an_error_of_its_check(facts, why):
    with pytest.raises(AssertionError, match=why):
        [one] = observations(answered(**facts), ASKED)
        assert one["error"] is None, one["error"]
    assert one["observed"] is None


def test_a_hosts_own_error_is_one_sentence():
    [one] = observations([{"check": "a.holds", "observed": None, "error": "no\n" * 999, "at": AT}], ASKED)
    assert len(one["error"]) == SENTENCE
    assert "\n" not in one["error"]
    [one] = observations([{"check": "a.holds", "observed": None, "error": "", "at": AT}], ASKED)
    assert one["error"] == "no reason was given"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"),
        ("{}]", "something follows it"),
        ("NaN", "NaN in it is no number"),
        ("1e999", "a number in it is too large"),
        ("9223372036854775808", "more than 64 bits"),
        ("9" * 5000, "more than 64 bits"),
        ('{"a": 1, "a": 1}', "a key stands twice"),
        ("[" * 100_000, f"deeper than {DEPTH} times"),
        ("[" * (DEPTH + 1) + "]" * (DEPTH + 1), f"deeper than {DEPTH} times"),
        (json.dumps([0] * VALUES), f"more than {VALUES} values"),
    ],
)
def test_what_is_no_plain_data_is_refused(text, why):
    with pytest.raises(AnswerError, match=why):
        program(text)
    with pytest.raises(AnswerError):
        from_module(f'{{"answer": {text}', "answer")


def test_what_is_just_plain_enough_is_not():
    assert program("[" * DEPTH + "]" * DEPTH)
    assert program("-9223372036854775808") == -(2**63)
    assert program("1e308") == 1e308
    assert len(program(json.dumps([0] * (VALUES - 1)))) == VALUES - 1


def test_text_that_a_terminal_obeys_is_written_out():
    assert program('{"a\\u001b": ["\\ud800", "\\u202e\u061c"]}') == {"a\\u001b": ["\\ud800", "\\u202e\\u061c"]}


@pytest.mark.parametrize("text", ["", "Traceback", "[]"])
def test_no_answer_is_said_to_be_none(text):
    with pytest.raises(AnswerError, match="there is none"):
        from_program(text)
    with pytest.raises(AnswerError, match="there is none"):
        from_module(text, "answer")


def test_a_module_gives_its_answer_and_nothing_else():
    said = '{"changed": true, "ansible_facts": {"x": 1}, "answer": {"a": 1}, "invocation": {}}'
    assert from_module(f"Welcome {{to}} this host\n{said}\nbye {{}}", "answer") == {"a": 1}
    assert from_module(said, "answer") == {"a": 1}
    with pytest.raises(AnswerError, match=r"the module failed: no \[python\]"):
        from_module('{"failed": true, "msg": "no [python]"}', "answer")


def test_what_was_brought_about_comes_through():
    done = {"brought": BROUGHT, "looks": {"backup": {"differs": ["x"], "answers": {"key": None}}}}
    assert state_result(done, REQUEST) == done
    diff = {"before_header": "/x", "after_header": "/x", "before": "", "after": "y\n"}
    failed = {"brought": {**BROUGHT, "failed": True, "msg": "x", "diff": [diff]}, "looks": {}}
    assert state_result(failed, REQUEST) == failed


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"brought": BROUGHT},
        {"brought": None, "looks": {}},
        {"brought": BROUGHT, "looks": {}},  # the look at the other was asked for
        {"brought": {**BROUGHT, "failed": True}, "looks": {"backup": {"differs": [], "answers": {}}}},
        {"brought": {**BROUGHT, "changed": "no"}, "looks": {"backup": {"differs": [], "answers": {}}}},
        {"brought": {**BROUGHT, "answers": {"other": 0}}, "looks": {"backup": {"differs": [], "answers": {}}}},
        {"brought": BROUGHT, "looks": {"backup": {"differs": [], "answers": {"key": True}}}},
        {"brought": BROUGHT, "looks": {"backup": {"differs": [1], "answers": {}}}},
    ],
)
def test_what_was_brought_about_is_nothing_else(answer):
    with pytest.raises(AnswerError):
        state_result(answer, REQUEST)
