# SPDX-License-Identifier: GPL-3.0-or-later
"""What the apply leaves: each check of the host once, asked for or with the reason why not, the same for the same values."""

from __future__ import annotations

import json

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import OBSERVERS
from ansible_collections.order82.baseline.plugins.module_utils.self_check import left
from ansible_collections.order82.baseline.plugins.plugin_utils import collection
from ansible_collections.order82.baseline.plugins.plugin_utils.left_checks import left_checks
from ansible_collections.order82.baseline.plugins.plugin_utils.state_values import Engine


def engine(values=None, holds=True, broken=False):
    """Gives each text with Jinja in it the same value."""

    def template(text, _item):
        if broken:
            raise ValueError("'x' is\nundefined")
        return values if values is not None else text

    return Engine(template, lambda _text, _item: holds, lambda _path, _item: "", str, ValueError)


def entries(checks, with_engine):
    return {one["id"]: one for one in json.loads(left_checks(checks, with_engine))}


@pytest.mark.parametrize("role", sorted(collection.role_checks()))
def test_each_check_of_each_role_is_asked_for_or_says_why_not(role):
    checks = collection.role_checks()[role]
    found = entries(checks, engine())
    assert list(found) == [check.id for check in checks]
    for check in checks:
        why = OBSERVERS[check.observer].only_inspection
        assert found[check.id].get("left_out", "") == why
        assert ("observe" in found[check.id]) is not bool(why)
        left._entry(found[check.id])


def test_what_does_not_apply_says_why():
    [check] = [one for one in collection.role_checks()["audit_trail"] if one.id == "audit_trail.running"]
    found = entries([check], engine(holds=False))[check.id]
    assert found == {"id": check.id, "left_out": check.otherwise["en"]}


def test_a_value_that_could_not_be_had_is_said_and_not_asked_for():
    [check] = [one for one in collection.role_checks()["time_sync"] if one.id == "time_sync.offset"]
    assert entries([check], engine(broken=True))[check.id] == {"id": check.id, "problem": "'x' is undefined"}


def test_values_stand_in_it_with_their_kind():
    [check] = [one for one in collection.role_checks()["time_sync"] if one.id == "time_sync.offset"]
    found = entries([check], engine(values=0.25))[check.id]
    assert found["expect"]["offset_seconds"] == {"at_most": 0.25}
    assert found["observe"] == {"clock": {}}


def test_programs_are_read_again_only_where_one_was_touched():
    [check] = [one for one in collection.role_checks()["time_sync"] if one.id == "time_sync.as_laid_down"]
    assert entries([check], engine())[check.id]["observe"] == {
        "laid_down": {"role": "time_sync", "programs": "changed"}
    }


def test_the_same_values_give_the_same_text():
    checks = collection.role_checks()["log_forwarder"]
    assert left_checks(checks, engine(values=1)) == left_checks(checks, engine(values=1))
