# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/inspect.yml itself, on this machine: what it brings home, says and returns when hosts misbehave."""

from __future__ import annotations

import json
import subprocess

import pytest
from inspecting import HERE, UNIT, Inspection, check


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    """Four hosts: one answers, one lacks a variable, one can't be reached, and on one Python does not work."""
    hosts = {
        "here": HERE,
        "poor": {key: value for key, value in HERE.items() if key != "order82_folder"},
        "ghost": {"ansible_host": "127.0.0.1", "ansible_port": 1, "order82_folder": "/"},
        "broken": {**HERE, "ansible_python_interpreter": "/bin/false"},
    }
    checks = [
        check("good", "{{ order82_folder }}"),
        check("bad", "/nowhere", by_hand="stat /nowhere"),
        check("elsewhere", "/", when="inventory_hostname == 'nobody'", by_hand="true"),
        check("plain", "/", by_hand="true"),
    ]
    waivers = [{"check": "site.bad", "hosts": "here", "reason": "x", "owner": "y", "expires": "2999-12-31"}]
    return Inspection(tmp_path_factory.mktemp("troubled"), hosts, checks, order82_waivers=waivers, order82_least=1)


def test_the_report_comes_whatever_happens_to_hosts(troubled):
    assert troubled.code != 0
    assert sorted(path.name for path in troubled.report.iterdir()) == ["index.html", "junit.xml", "result.json"]
    assert {host["name"]: host["state"] for host in troubled.result["hosts"]} == {
        "here": "seen",
        "poor": "seen",
        "ghost": "unreachable",
        "broken": "broken",
    }


def test_a_host_that_answers_is_judged(troubled):
    assert troubled.outcomes("here") == {
        "site.good": "pass",
        "site.bad": "waived",
        "site.elsewhere": "not_applicable",
        "site.plain": "pass",
    }
    assert troubled.one("here", "site.elsewhere")["observed"] is None  # the host was not even asked


def test_values_are_the_hosts_own_and_keep_their_types(troubled):
    seen = troubled.one("here", "site.good")
    assert seen["by_hand"] == "stat /"
    assert {one["fact"]: one["value"] for one in seen["expected"]} == {"kind": "directory", "bytes": 1}


def test_a_missing_variable_is_named_and_costs_only_its_check(troubled):
    assert troubled.outcomes("poor")["site.good"] == "error"
    assert "order82_folder" in troubled.one("poor", "site.good")["message"]["en"]
    assert troubled.outcomes("poor")["site.plain"] == "pass"


def test_a_host_that_cant_be_reached_is_not_run(troubled):
    assert set(troubled.outcomes("ghost").values()) == {"not_run", "not_applicable"}
    # The port is not always said: Ansible has another sentence where ssh ends while it is being written to.
    assert "127.0.0.1" in troubled.one("ghost", "site.good")["message"]["en"]
    assert troubled.one("ghost", "site.good")["by_hand"] == "stat /"


def test_a_host_without_a_working_python_is_error(troubled):
    assert set(troubled.outcomes("broken").values()) == {"error", "not_applicable"}


def test_each_problem_is_one_sentence_on_the_terminal(troubled):
    for alarm in troubled.result["summary"]["alarms"]:
        assert troubled.output.count(f"- {alarm['en']}\n") == 1
    assert "ghost was not reached" in troubled.output
    assert str(troubled.report.resolve() / "index.html") in troubled.output.replace("\n", "")


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    """All in order, but only one of two hosts is looked at; in check mode, and without pipelining."""
    return Inspection(
        tmp_path_factory.mktemp("limited"),
        {"here": HERE, "there": HERE},
        [check("good", "/")],
        "--limit=here",
        "--check",
        pipelining="0",
    )


def test_the_modules_own_way_sees_the_same(limited):
    assert limited.outcomes("here") == {"site.good": "pass"}
    assert limited.one("here", "site.good")["observed"]["kind"] == "directory"


def test_in_order_is_exit_code_0_and_the_path_is_said(limited):
    assert limited.code == 0
    assert limited.result["summary"]["ok"] is True
    assert "The report is" in limited.output
    assert "changed=0" in limited.output


def test_what_the_order_does_not_require_is_told_and_decides_nothing(limited):
    """Nobody keeps records there: the six months read fail, in both languages, and the exit code is 0."""
    law, order176 = limited.result["overlays"]
    assert law["findings"][0]["outcome"] == "fail"
    told = " ".join(limited.output.split())
    assert (
        "Beside Order 82, not required by it, the exit code is the same / 第82号令之外（非其要求，不影响退出码）"
        in told
    )
    assert "- cybersecurity_law.network_logs fails: Nobody does this" in told
    assert "cybersecurity_law.network_logs 不通过：没有任何主机承担" in told
    assert "- order176: people show (人工出示): vulnerabilities" in told
    assert len(order176["findings"]) > 1


def test_an_overlay_is_off_by_the_units_profile(tmp_path):
    unit = {**UNIT, "overlays_off": {"cybersecurity_law": "a closed network", "order176": "the same"}}
    run = Inspection(tmp_path, {"here": HERE}, [check("good", "/")], order82_unit=unit)
    assert run.code == 0
    assert [one["off"] for one in run.result["overlays"]] == ["a closed network", "the same"]
    assert "- cybersecurity_law is off (未查看): a closed network" in run.output


def test_a_limit_judges_only_those_hosts(limited):
    assert [host["name"] for host in limited.result["hosts"]] == ["here"]
    assert limited.result["limit"] == {"inspected": ["here"], "left_out": ["there"]}
    [art13] = [one for one in limited.result["provisions"] if one["id"] == "art13"]
    assert (art13["outcome"], art13["because"]) == ("not_run", "left_out")


def test_an_inventory_with_nothing_to_inspect_does_not_end_well(tmp_path):
    run = Inspection(tmp_path, {}, [check("good", "/")], order82_extra_checks=None)
    assert run.code != 0
    assert "No check ran at all: nothing was inspected." in run.output
    assert "art7-3 fails: It applies, and nobody does this" in run.output


def test_a_profile_that_is_not_understood_is_said_in_one_sentence(tmp_path):
    run = Inspection(tmp_path, {"here": HERE}, [check("good", "/")], order82_unit={"name": "x", "types": ["isp"]})
    assert run.code != 0
    assert run.report is None
    assert "order82_unit lacks the key 'services'" in run.output


def test_a_check_that_is_not_understood_stops_the_inspection(tmp_path):
    run = Inspection(tmp_path, {"here": HERE}, [check("good", "/", severity="extreme")])
    assert run.code != 0
    assert "check 'site.good': unknown severity" in run.output


def test_where_collectors_are_asked_every_host_is_logged_in_to_before(tmp_path):
    """What the controller knows of each login is a variable of their checks; nobody's refusal ends the inspection."""
    hosts = {"here": HERE, "ghost": {"ansible_host": "127.0.0.1", "ansible_port": 1, "order82_folder": "/"}}
    told = check("logins", "/", by_hand="{{ order82_logins | to_json }}", when="inventory_hostname == 'here'")
    found = Inspection(tmp_path, hosts, [told], collectors=["here"])
    logins = json.loads(found.one("here", "site.logins")["by_hand"])
    assert logins["here"] == {"by_ssh": False}
    assert logins["ghost"]["why"].endswith("login is not there on the controller: apply the role log_forwarder")
    (tmp_path / ".pki").mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / ".pki" / "login"], check=True)
    found = Inspection(tmp_path, hosts, [told], collectors=["here"])
    logins = json.loads(found.one("here", "site.logins")["by_hand"])
    assert "connect to 127.0.0.1 port 1: " in logins["ghost"]["why"]
    assert found.outcomes("here") == {"site.logins": "pass"}


def test_where_none_is_asked_nobody_is_logged_in_to(tmp_path):
    found = Inspection(tmp_path, {"here": HERE}, [check("logins", "{{ order82_logins.here.why }}")])
    assert found.outcomes("here") == {"site.logins": "error"}  # and no check of its own asks for it
