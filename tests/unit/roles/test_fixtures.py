# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check has a state of a host that passes and one that fails, and each thing it expects is shown to matter."""

from __future__ import annotations

import datetime
import functools
from pathlib import Path

import pytest
import yaml
from ansible_collections.order82.baseline.plugins.module_utils.observers import OBSERVERS
from ansible_collections.order82.baseline.plugins.plugin_utils import collection
from ansible_collections.order82.baseline.plugins.plugin_utils.checks import AS_LAID_DOWN
from ansible_collections.order82.baseline.plugins.plugin_utils.host_answer import observations
from ansible_collections.order82.baseline.plugins.plugin_utils.outcomes import KNOWN_FROM, HostRun, Seen, judge_check
from ansible_collections.order82.baseline.plugins.plugin_utils.resolve import resolve

CHECKOUT = Path(__file__).resolve().parents[3]
FIXTURES = CHECKOUT / "tests" / "fixtures" / "checks"
TODAY = datetime.date(2026, 1, 1)
CHECKS = {check.id: check for checks in collection.role_checks().values() for check in checks}


@pytest.fixture(scope="module")
def resolved(templar):
    """All checks with the values that the fixture files and the roles' defaults give them, by id."""
    found = {}
    for role, checks in collection.role_checks().items():
        template, condition, errors = templar(fixtures_of(role).get("vars", {}))
        for check in checks:
            found[check.id] = resolve(check, template, condition, errors)
    return found


@functools.cache
def fixtures_of(role: str) -> dict:
    """The fixture file of a role; empty if there is none."""
    path = FIXTURES / f"{role}.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}


def states(check_id: str, kind: str) -> list[dict]:
    """The states of a host that a fixture file gives for a check."""
    role, _point, name = check_id.partition(".")
    common = name == AS_LAID_DOWN  # each role has it, without writing it
    given = fixtures_of(name if common else role).get(name if common else check_id, {}).get(kind, [])
    return given if isinstance(given, list) else [given]


def judged(check_id: str, resolved: dict, facts: dict) -> dict:
    """What the judge says of a host in this state."""
    check = CHECKS[check_id]
    run = HostRun("seen", "", {check_id: resolved[check_id].differences(check)}, {check_id: Seen(facts, None, None)})
    return judge_check(check, "host", run, None, TODAY)


@pytest.mark.parametrize("check_id", CHECKS)
def test_a_check_has_a_state_that_passes_and_one_that_fails(check_id):
    assert states(check_id, "pass"), f"{check_id} has no state that passes"
    assert states(check_id, "fail"), f"{check_id} has no state that fails"


@pytest.mark.parametrize("check_id", CHECKS)
def test_its_values_can_be_had_from_the_roles_defaults(check_id, resolved):
    assert resolved[check_id].problem is None


@pytest.mark.parametrize("check_id", CHECKS)
def test_the_states_are_what_its_observer_reports(check_id):
    declared = OBSERVERS[CHECKS[check_id].observer].facts
    for facts in states(check_id, "pass") + states(check_id, "fail"):
        assert set(facts) == set(declared)
        for fact, value in facts.items():
            if value is None and facts.get(fact + KNOWN_FROM):
                continue
            kind = declared[fact].partition(":")[0].partition(" ")[0]
            assert type(value).__name__ in {kind, "int" if kind == "float" else kind}, (fact, value)
        answer = [{"check": check_id, "observed": facts, "error": None, "at": "2026-01-01T00:00:00Z"}]
        assert observations(answer, [{"id": check_id, "observe": {CHECKS[check_id].observer: {}}}]) == answer


@pytest.mark.parametrize("check_id", CHECKS)
def test_the_judge_tells_the_states_apart(check_id, resolved):
    for facts in states(check_id, "pass"):
        assert judged(check_id, resolved, facts)["outcome"] == "pass", facts
    for facts in states(check_id, "fail"):
        assert judged(check_id, resolved, facts)["outcome"] == "fail", facts


@pytest.mark.parametrize("check_id", CHECKS)
def test_everything_that_it_expects_is_missed_in_some_state(check_id, resolved):
    results = [judged(check_id, resolved, facts) for facts in states(check_id, "fail")]
    for number, expected in enumerate(results[0]["expected"]):
        missed = [result for result in results if result["expected"][number]["holds"] is False]
        assert missed, f"no state of {check_id} misses: {expected['words']['en']}"


def test_no_fixture_is_for_a_check_that_is_gone():
    for path in FIXTURES.glob("*.yml"):
        assert not set(fixtures_of(path.stem)) - {"vars", AS_LAID_DOWN} - set(CHECKS), path.name
