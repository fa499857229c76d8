# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.resolve import as_written, resolve

VALUES = {"{{ days }}": 60, "{{ path }}": "/srv", "ls {{ path }}": "ls /srv"}


def template(text):
    return VALUES[text]


@pytest.fixture
def check(make_check):
    """A check with values to be had."""
    return make_check(
        observe={"file": {"path": "{{ path }}"}},
        expect={"bytes": {"at_least": "{{ days }}"}, "mode": {"one_of": ["0440"]}},
        by_hand="ls {{ path }}",
        when="store",
    )


def test_values_keep_their_types(check):
    resolved = resolve(check, template, lambda _condition: True, KeyError)
    assert resolved.arguments == {"path": "/srv"}
    assert resolved.expect == {"bytes": {"at_least": 60}, "mode": {"one_of": ["0440"]}}
    assert resolved.by_hand == "ls /srv"
    assert resolved.problem is None


def test_a_condition_that_does_not_hold_asks_for_no_values(check):
    resolved = resolve(check, lambda _text: pytest.fail("asked"), lambda _condition: False, KeyError)
    assert not resolved.applies
    assert resolved.problem is None


def test_a_missing_variable_is_the_checks_problem(check):
    resolved = resolve(check._replace(by_hand="{{ lost }}"), template, lambda _condition: True, KeyError)
    assert resolved.problem == "'{{ lost }}'"
    assert resolved.arguments == check.arguments


def test_a_condition_that_cant_be_judged_is_a_problem_and_no_way_out(check):
    def broken(condition):
        raise KeyError(condition)

    resolved = resolve(check, template, broken, KeyError)
    assert resolved.applies
    assert resolved.problem == "'store'"


def test_only_what_differs_travels(check, make_check):
    plain = make_check()
    assert resolve(plain, template, lambda _condition: True, KeyError).differences(plain) == {"id": "alpha.key"}
    differences = resolve(check, template, lambda _condition: True, KeyError).differences(check)
    assert set(differences) == {"id", "arguments", "expect", "by_hand"}
    assert as_written(check)._replace(**differences).expect["bytes"] == {"at_least": 60}
