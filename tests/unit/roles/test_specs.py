# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's defaults and its argument_specs say the same, so that neither goes stale."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"
NAMES = sorted(path.parent.parent.name for path in ROLES.glob("*/defaults/main.yml"))


def defaults_of(role: str) -> dict:
    return yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text(encoding="utf-8")) or {}


def options_of(role: str) -> dict:
    specs = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    return specs["argument_specs"]["main"].get("options") or {}


def test_there_are_roles_to_look_at():
    assert {"time_sync", "log_forwarder", "log_collector"} <= set(NAMES)


@pytest.mark.parametrize("role", NAMES)
def test_each_default_is_specified_and_the_same(role):
    # What is worked out by a block of Jinja stands in the specification as words.
    worked_out = {name for name, value in defaults_of(role).items() if isinstance(value, str) and "{%" in value}
    defaults = {name: value for name, value in defaults_of(role).items() if name not in worked_out}
    specified = {name: option["default"] for name, option in options_of(role).items() if "default" in option}
    assert worked_out <= set(specified)
    assert defaults == {name: value for name, value in specified.items() if name not in worked_out}


@pytest.mark.parametrize("role", NAMES)
def test_an_option_without_default_is_required_or_says_what_its_absence_means(role):
    for name, option in options_of(role).items():
        assert "default" in option or option.get("required") or option.get("description"), name


@pytest.mark.parametrize("role", NAMES)
def test_a_public_variable_carries_the_roles_name(role):
    for name in defaults_of(role):
        assert name.startswith(f"{role}_"), name


def test_the_page_that_says_how_to_remove_all_names_each_role():
    page = (ROLES.parent / "docs" / "ops.md").read_text(encoding="utf-8")
    removable = {role for role in NAMES if f"{role}_state" in options_of(role)}
    assert {role for role in removable if f"-e {role}_state=absent" not in page} == set()
