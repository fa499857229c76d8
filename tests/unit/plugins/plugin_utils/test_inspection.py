# SPDX-License-Identifier: GPL-3.0-or-later
"""From what Ansible registered to what the judge reads."""

from __future__ import annotations

import datetime

import pytest
import yaml
from ansible_collections.order82.baseline.plugins.plugin_utils import collection
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import ROOT, DataError
from ansible_collections.order82.baseline.plugins.plugin_utils.inspection import INSPECTED, make_case, read_run

GROUPS = {"all": ["web", "collector1"], "collectors": ["collector1"]}
UNIT = {"name": "An ISP", "types": ["access_provider"], "services": []}
SEEN = {
    "observations": [{"check": "a.b", "observed": {"mode": "0640"}, "error": None, "at": "2026-01-01T00:00:00Z"}],
    "resolved": [{"id": "a.b", "by_hand": "ls"}],
    "started": "2026-01-01T00:00:00Z",
}


def test_a_host_that_was_seen():
    run = read_run(SEEN)
    assert run.state == "seen"
    assert run.resolved == {"a.b": {"by_hand": "ls"}}
    assert run.seen["a.b"].facts == {"mode": "0640"}


def test_a_host_that_was_not_reached_keeps_its_checks():
    run = read_run({"unreachable": True, "msg": "no\nroute", "resolved": SEEN["resolved"]})
    assert (run.state, run.message, run.seen) == ("unreachable", "no route", {})
    assert run.resolved


def test_a_host_whose_module_broke():
    assert read_run({"failed": True, "msg": ""}).message == "no reason was given"
    assert read_run({**SEEN, "failed": True}).seen == {}


@pytest.mark.parametrize("result", [None, {}, {"changed": False}, "text", []])
def test_a_host_without_a_result_is_broken_and_not_good(result):
    assert read_run(result).state == "broken"


def test_the_inspection_began_with_the_first_host():
    later = {**SEEN, "started": "2026-01-01T00:00:09Z"}
    case = make_case({"web": later, "collector1": SEEN}, UNIT, GROUPS)
    assert case.started == datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    assert set(case.runs) == {"web", "collector1"}
    assert "log_collector" in case.roles["collector1"]
    assert "log_collector" not in case.roles["web"]


def test_waivers_are_checked_against_the_collections_checks():
    entry = {"check": "time_sync.ofset", "hosts": "web", "reason": "x", "owner": "y", "expires": "2026-01-01"}
    with pytest.raises(DataError, match=r"no check 'time_sync\.ofset'"):
        make_case({"web": SEEN}, UNIT, GROUPS, waivers=[entry])


def test_the_playbook_and_the_judge_mean_the_same_hosts():
    [play] = yaml.safe_load((ROOT / "playbooks" / "inspect.yml").read_text(encoding="utf-8"))
    assert play["hosts"].startswith("{{ '" + INSPECTED + "' if ")
    case = make_case({}, UNIT, {**GROUPS, "all": ["web", "collector1", "foreign"], "unmanaged": ["foreign"]})
    assert set(case.roles) == {"web", "collector1"}


def test_a_sites_own_checks_stand_beside_the_collections(write_checks, entry):
    path = write_checks("site", {**entry, "id": "site.key"}) / "site" / "checks.yml"
    found = collection.all_checks(path)
    assert [check.id for check in found["site"]] == ["site.key"]
    assert set(collection.role_checks()) | {"site"} == set(found)


def test_the_version_is_the_collections():
    assert collection.version().count(".") == 2
