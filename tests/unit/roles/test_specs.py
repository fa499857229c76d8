# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's defaults and its argument_specs say the same, and a removal knows every role, so that none goes stale."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.order82.baseline.plugins.plugin_utils.site_table import COLLECTION, load_site

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


def test_a_removal_takes_the_measures_in_the_reverse_order_of_an_apply():
    """What all share goes last: by a task of its own, since every role depends on it."""
    [play] = removal()
    [shared] = [task for task in play["tasks"] if "ansible.builtin.include_role" in task]
    taken = [*(entry["role"] for entry in play["roles"]), shared["ansible.builtin.include_role"]["name"]]
    applied = [role for play in load_site() for role in play.roles]
    assert taken == [COLLECTION + role for role in reversed(list(dict.fromkeys(applied)))]
    assert taken[-1] == COLLECTION + "order82"


def test_a_removal_asks_each_role_to_be_absent_and_takes_it_only_where_it_is_chosen():
    [play] = removal()
    states = {name: value for name, value in play["vars"].items() if not name.startswith("_")}
    assert states == {f"{role}_state": "absent" for role in NAMES}
    [shared] = [task for task in play["tasks"] if "ansible.builtin.include_role" in task]
    for entry in play["roles"]:
        role = entry["role"].removeprefix(COLLECTION)
        assert entry["when"] == f"not _order82_chosen or '{role}' in _order82_chosen"
    assert shared["when"] == "not _order82_chosen or 'order82' in _order82_chosen"


def removal() -> list[dict]:
    """The plays of playbooks/remove.yml."""
    return yaml.safe_load((ROLES.parent / "playbooks" / "remove.yml").read_text(encoding="utf-8"))
