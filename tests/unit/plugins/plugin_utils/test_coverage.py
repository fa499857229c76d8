# SPDX-License-Identifier: GPL-3.0-or-later
"""No provision falls through: each is checked, shown by people, asks nothing, or stands there as having no check yet."""

from __future__ import annotations

from ansible_collections.order82.baseline.plugins.plugin_utils import collection
from ansible_collections.order82.baseline.plugins.plugin_utils.coverage import STATES, as_text, cover, coverage


def test_every_provision_has_a_state(law):
    found = coverage()["provisions"]
    assert [one["id"] for one in found] == list(law.provisions)
    assert {one["state"] for one in found} <= set(STATES)


def test_the_state_is_what_the_law_and_the_checks_say(law):
    proved = {name for checks in collection.role_checks().values() for check in checks for name in check.proves}
    roles = {
        role: {name for check in checks for name in check.proves} for role, checks in collection.role_checks().items()
    }
    for one in coverage()["provisions"]:
        provision = law.provisions[one["id"]]
        expected = (
            "nothing_to_do"
            if provision.kind == "frame" or provision.binds == ("authority",)
            else "manual"
            if provision.show
            else "checked"
            if one["id"] in proved and all(one["id"] in roles.get(role, ()) for role in provision.measures)
            else "none_yet"
        )
        assert one["state"] == expected, one["id"]


def test_what_is_built_is_proved():
    """The measures that exist; a provision that loses its last check must not do so in silence."""
    checked = {one["id"] for one in coverage()["provisions"] if one["state"] == "checked"}
    assert {"art4-correspondence", "art7-3", "art13", "art14-1", "art14-3"} <= checked


def test_roles_and_checks_are_counted_once(law, make_check):
    checks = {"alpha": [make_check(), make_check(id="alpha.other")], "beta": [make_check(id="beta.key")]}
    [art13] = [one for one in cover(law, checks)["provisions"] if one["id"] == "art13"]
    assert art13["roles"] == ["alpha", "beta"]
    assert art13["checks"] == ["alpha.key", "alpha.other", "beta.key"]


def test_the_text_is_loud_about_what_is_missing(law, make_check):
    text = as_text(cover(law, {"alpha": [make_check()]}))
    assert "No check proves these" in text
    assert "\n  art7-1: " in text
    assert "\n  art13: " not in text
    assert "\n  art12: " not in text
    assert len({line.index("binds") for line in text.splitlines() if line.startswith("provision ")}) == 1
