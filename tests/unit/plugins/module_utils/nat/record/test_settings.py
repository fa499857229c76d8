# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import settings
from recording import PLAN


def write_settings(tmp_path, **others) -> str:
    path = tmp_path / "nat.json"
    path.write_text(json.dumps({"plan": list(PLAN), **others}))
    return str(path)


def test_settings_and_plan_in_a_file(tmp_path):
    (tmp_path / "plan").write_text("\n".join(PLAN) + "\n")
    path = tmp_path / "nat.json"
    path.write_text(json.dumps({"plan_entries_file": str(tmp_path / "plan"), "snapshot_seconds": 10}))
    assert settings.load(str(path)) == settings.Settings(plan=PLAN, snapshot_seconds=10)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"capture": True}, "public must name"),
        ({"capture": "yes"}, "capture must be bool"),
        ({"snapshot_seconds": 0}, "must be 1 or more"),
        ({"snapshot_seconds": True}, "must be int"),
        ({"public": ["198.51.100.300"]}, "public: "),
        ({"plan": []}, "no entries"),
        ({"plan": ["block,homes"]}, "no entry of a plan"),
        ({"plan": ["block,homes;x,100.64.0.7,198.51.100.10,1024,2047"]}, "no entry of a plan"),
        ({"plan_entries_file": "/etc/order82/plan"}, "either plan or plan_entries_file"),
        ({"snapshot": 1}, "no setting 'snapshot'"),
    ],
)
def test_settings_that_can_not_be(tmp_path, others, said):
    with pytest.raises(settings.SettingsError, match=said):
        settings.load(write_settings(tmp_path, **others))


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff"])
def test_settings_that_are_none(tmp_path, text):
    (tmp_path / "nat.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(settings.SettingsError, match=r"nat\.json"):
        settings.load(str(tmp_path / "nat.json"))


def test_no_settings(tmp_path):
    with pytest.raises(settings.SettingsError, match="is missing: apply the role nat_gateway"):
        settings.load(str(tmp_path / "none.json"))
