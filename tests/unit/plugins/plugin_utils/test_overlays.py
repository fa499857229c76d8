# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings beside the order: what they say, where they come from, and that the order stands as it was."""

from __future__ import annotations

import datetime
import json

import jsonschema
import pytest
import yaml
from ansible_collections.order82.baseline.plugins.plugin_utils import collection
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import ROOT, DataError
from ansible_collections.order82.baseline.plugins.plugin_utils.judge import Case, judge
from ansible_collections.order82.baseline.plugins.plugin_utils.outcomes import HostRun, Seen
from ansible_collections.order82.baseline.plugins.plugin_utils.overlays import load_overlays
from ansible_collections.order82.baseline.plugins.plugin_utils.unit import Unit

SCHEMA = json.loads((ROOT / "docs" / "result.schema.json").read_text(encoding="utf-8"))
RESULT = jsonschema.Draft202012Validator(SCHEMA)
NOW = datetime.datetime(2026, 12, 1, 12, tzinfo=datetime.UTC)
STORE = {"retention_days": 60, "missing_days": [], "overdue": [], "oldest_days": 12}
EXPECT = {  # of the two checks that the overlays ask, as the defaults give them
    "log_collector.retention": {
        "retention_days": {"at_least": 60},
        "missing_days": {"empty": True},
        "overdue": {"empty": True},
    },
    "log_forwarder.rotation": {"shortest_days": {"at_least": 60}, "errors": {"empty": True}},
}
WORDS = {"zh": "甲", "en": "a"}
OVERLAY = {
    "title": WORDS,
    "in_force": datetime.date(2026, 1, 1),
    "seen": WORDS,
    "sources": [{"at": "https://example.net/", **WORDS}],
    "findings": [
        {
            "id": "logs",
            "place": WORDS,
            "asks": WORDS,
            "seen": "text",
            "beside": ["art13"],
            "checks": {"log_collector.retention": {"retention_days": {"at_least": 184}, "oldest_days": {}}},
            "mend": WORDS,
        },
        {"id": "drills", "place": WORDS, "asks": WORDS, "seen": "reported", "show": WORDS},
    ],
}


@pytest.fixture(scope="module")
def checks():
    """Only these two, by role."""
    return {role: [one for one in mine if one.id in EXPECT] for role, mine in collection.role_checks().items()}


@pytest.fixture
def inspect(law, checks):
    """A function from what collectors keep, by name, to a result that is valid by its schema."""

    def run(collectors, *, rotation=400, unit=None, overlays=None, hosts=("web",), roles=None):
        facts = {"shortest_days": rotation, "shortest": "/var/log/syslog", "rules": [], "errors": []}
        runs = {}
        for name, store in collectors.items():
            runs[name] = store if isinstance(store, HostRun) else seen(**{"log_collector.retention": store})
        for name in hosts:
            runs[name] = seen(**{"log_forwarder.rotation": facts})
        given = {**{name: ["log_collector"] for name in collectors}, **{name: ["log_forwarder"] for name in hosts}}
        result = judge(
            Case(
                law=law,
                unit=unit or Unit("x", ("public_venue",), ()),
                checks=checks,
                roles=given if roles is None else roles,
                runs=runs,
                waivers=[],
                collection="0.1.0",
                started=NOW,
                finished=NOW,
                overlays=collection.overlays() if overlays is None else overlays,
            )
        )
        result = json.loads(json.dumps(result))
        RESULT.validate(result)
        return result

    return run


def seen(**facts):
    """A host of which these checks brought these facts home."""
    resolved = {name: {"expect": EXPECT[name]} for name in facts}
    return HostRun("seen", "", resolved, {name: Seen(one, None, None) for name, one in facts.items()})


def finding(result, overlay, name):
    [found] = [one for one in result["overlays"] if one["id"] == overlay]
    return {one["id"]: one for one in found["findings"]}[name]


def logs(result):
    return finding(result, "cybersecurity_law", "network_logs")


def test_sixty_days_satisfy_the_order_and_not_the_six_months(inspect):
    result = inspect({"collector1": STORE})
    assert {one["id"]: one["outcome"] for one in result["provisions"]}["art13"] == "pass"
    assert logs(result)["outcome"] == "fail"
    assert logs(result)["reason"]["en"] == (
        "log_collector.retention (collector1): expected retention_days at least 184, observed 60."
    )
    assert "184" in logs(result)["mend"]["en"]
    assert "184" in logs(result)["mend"]["zh"]
    assert logs(result)["beside"] == ["art13"]


@pytest.mark.parametrize("days", [183, 184])
def test_six_calendar_months_are_184_days(inspect, days):
    result = inspect({"collector1": STORE | {"retention_days": days}})
    assert logs(result)["outcome"] == ("pass" if days == 184 else "fail")
    assert logs(result)["mend"] is None if days == 184 else logs(result)["mend"]


def test_it_says_how_far_the_records_go_back(inspect):
    """A collector that was set to keep them yesterday has not kept them yet."""
    [collector, _web] = logs(inspect({"collector1": STORE | {"retention_days": 184}}))["results"]
    assert collector["observed"] == {"retention_days": 184, "missing_days": [], "oldest_days": 12}


@pytest.mark.parametrize(
    ("second", "rotation", "decided"),
    [
        (STORE | {"retention_days": 184}, 184, "pass"),
        (STORE, 184, "fail"),  # one of two collectors
        (STORE | {"retention_days": 184, "missing_days": ["session 2026-11-20"]}, 184, "fail"),
        (STORE | {"retention_days": 184}, 60, "fail"),  # text logs of a host
        ({"missing_days": []}, 184, "error"),  # a fact that it did not report
        (HostRun("unreachable", "no route", {"log_collector.retention": {}}, {}), 184, "not_run"),
        (HostRun("broken", "no python", {"log_collector.retention": {}}, {}), 184, "error"),
        (HostRun("seen", "", {"log_collector.retention": {"applies": False}}, {}), 184, "pass"),
    ],
)
def test_the_worst_host_decides(inspect, second, rotation, decided):
    result = inspect({"collector1": STORE | {"retention_days": 400}, "collector2": second}, rotation=rotation)
    assert logs(result)["outcome"] == decided


def test_nobody_keeps_logs(inspect):
    result = inspect({})
    assert logs(result)["outcome"] == "fail"
    assert "Nobody does this" in logs(result)["reason"]["en"]
    assert logs(result)["mend"] is None  # that is mended by a collector, and not by a number


def test_what_a_limit_left_out_never_reads_pass(inspect):
    roles = {"collector1": ["log_collector"], "collector2": ["log_collector"], "web": ["log_forwarder"]}
    result = inspect({"collector1": STORE | {"retention_days": 184}}, roles=roles)
    assert logs(result)["outcome"] == "not_run"
    assert "collector2" in logs(result)["reason"]["zh"]


@pytest.mark.parametrize("days", [60, 184])
def test_the_order_is_the_same_with_and_without_them(inspect, days):
    keep = {"collector1": STORE | {"retention_days": days}}
    beside, alone = inspect(keep), inspect(keep, overlays=[])
    assert alone["overlays"] == []
    assert {key: value for key, value in beside.items() if key != "overlays"} == {
        key: value for key, value in alone.items() if key != "overlays"
    }


def test_one_is_switched_off_by_the_units_profile(inspect):
    unit = Unit("x", ("public_venue",), (), {"cybersecurity_law": "a closed network"})
    law, order176 = inspect({"collector1": STORE}, unit=unit)["overlays"]
    assert (law["off"], law["findings"]) == ("a closed network", [])
    assert (order176["off"], len(order176["findings"]) > 0) == (None, True)


def test_what_order_176_inspects_is_checked_or_shown(inspect):
    result = inspect({"collector1": STORE | {"retention_days": 184}})
    outcomes = {one["id"]: one["outcome"] for one in result["overlays"][1]["findings"]}
    assert outcomes.pop("logs_six_months") == "pass"
    assert {"vulnerabilities", "drills", "data_and_personal_information"} <= set(outcomes)
    assert set(outcomes.values()) == {"manual"}
    assert all(one["show"]["zh"].startswith("出示：") for one in result["overlays"][1]["findings"] if one["show"])


def test_each_says_where_it_comes_from_and_what_was_not_seen():
    law, order176 = collection.overlays()
    assert (law.id, law.in_force) == ("cybersecurity_law", datetime.date(2026, 1, 1))
    assert (order176.id, order176.in_force) == ("order176", datetime.date(2026, 10, 1))
    assert all(
        overlay.sources and "was not seen" in overlay.seen["en"] and "未见" in overlay.seen["zh"]
        for overlay in (law, order176)
    )
    assert not [one.id for one in order176.findings if one.seen == "text"]  # its text was not seen


def test_what_reads_as_the_laws_words_stands_in_a_copy_that_was_read():
    """Cybersecurity Law of 2016-11-07, article 21(3), from github.com/LawRefBook/Laws."""
    [finding] = collection.overlays()[0].findings
    assert finding.asks["zh"] == (
        "采取监测、记录网络运行状态、网络安全事件的技术措施，并按照规定留存相关的网络日志不少于六个月；"
    )


@pytest.fixture
def read(law, tmp_path):
    """A function from changes to OVERLAY, and to its first finding, to the overlay as it is read."""

    def load(changes=None, **first):
        document = {**OVERLAY, **(changes or {})}
        head = {key: value for key, value in {**OVERLAY["findings"][0], **first}.items() if value is not None}
        document["findings"] = (
            document["findings"] if changes and "findings" in changes else [head, OVERLAY["findings"][1]]
        )
        (tmp_path / "one.yml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        [found] = load_overlays(law, collection.role_checks(), tmp_path)
        return found

    return load


def test_an_overlay_is_read(read):
    overlay = read()
    assert overlay.id == "one"
    assert [one.id for one in overlay.findings] == ["logs", "drills"]


@pytest.mark.parametrize(
    ("first", "sentence"),
    [
        (
            {"checks": {"log_collector.retentoin": {"retention_days": {"at_least": 1}}}},
            "no check 'log_collector.retentoin'",
        ),
        ({"checks": {"log_collector.retention": {"days": {"at_least": 1}}}}, "unknown fact of observer 'record_store'"),
        ({"checks": {"log_collector.retention": {"retention_days": {"least": 1}}}}, "unknown comparison"),
        ({"checks": {"log_collector.retention": {"retention_days": {"at_least": "x"}}}}, "it takes a number"),
        ({"checks": {"log_collector.retention": {"retention_days": {}}}}, "expects nothing"),
        ({"checks": {"log_collector.retention": {"retention_days": {"at_least": 1}, "age": {}}}}, "unknown fact"),
        ({"checks": {}}, "checks is {}"),
        ({"checks": {"log_collector.retention": 184}}, "is 184; write"),
        ({"show": WORDS}, "write either show, or checks and mend"),
        ({"mend": None}, "write either show, or checks and mend"),
        ({"checks": None}, "write either show, or checks and mend"),
        ({"seen": "sure"}, "unknown way to see it"),
        ({"beside": ["art99"]}, "unknown provision"),
        ({"id": "drills"}, "stands twice"),
        ({"place": "23"}, "write a mapping"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_a_finding_that_is_not_understood_is_refused(read, first, sentence):
    with pytest.raises(DataError, match=r"one\.yml, finding") as refused:
        read(**first)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"in_force": "soon"}, "in_force is no date"),
        ({"sources": []}, "sources is []; write a list with something in it"),
        ({"sources": [{"at": "x"}]}, "source number 1 lacks the key 'zh'"),
        ({"findings": []}, "findings is []"),
        ({"seen": {"zh": "x"}}, "lacks the key 'en'"),
        ({"law": "x"}, "unknown key 'law'"),
    ],
)
def test_an_overlay_that_is_not_understood_is_refused(read, changes, sentence):
    with pytest.raises(DataError, match=r"one\.yml") as refused:
        read(changes)
    assert sentence in str(refused.value)
