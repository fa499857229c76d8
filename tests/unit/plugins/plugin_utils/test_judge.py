# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome of provisions and of the whole inspection, rule by rule; every result is valid by its schema."""

from __future__ import annotations

import datetime
import json

import jsonschema
import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import ROOT
from ansible_collections.order82.baseline.plugins.plugin_utils.judge import Case, judge
from ansible_collections.order82.baseline.plugins.plugin_utils.law import Part
from ansible_collections.order82.baseline.plugins.plugin_utils.outcomes import OUTCOMES, HostRun, Seen
from ansible_collections.order82.baseline.plugins.plugin_utils.unit import Unit
from ansible_collections.order82.baseline.plugins.plugin_utils.waivers import Waiver

SCHEMA = json.loads((ROOT / "docs" / "result.schema.json").read_text(encoding="utf-8"))
RESULT = jsonschema.Draft202012Validator(SCHEMA)
NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
GOOD, BAD = {"mode": "0640"}, {"mode": "0644"}
ISP = Unit("An ISP", ("access_provider",), ("uses_nat",))


def seen(**facts):
    """A host on which these checks of role alpha were observed; None for a check whose condition does not hold."""
    return HostRun(
        "seen",
        "",
        {f"alpha.{name}": {"applies": False} if one is None else {} for name, one in facts.items()},
        {f"alpha.{name}": Seen(one, None, "2026-01-01T00:00:00Z") for name, one in facts.items() if one},
    )


UNREACHABLE = HostRun("unreachable", "no route to host", {"alpha.key": {}, "alpha.other": {}}, {})
BROKEN = HostRun("broken", "no python", {"alpha.key": {}, "alpha.other": {}}, {})


@pytest.fixture
def inspect(law, make_check):
    """A function that judges; by default two hosts carry the role alpha with two checks of article 13, and both pass."""

    def run(**changes):
        checks = {
            "alpha": [make_check(), make_check(id="alpha.other", when="x is defined")],
            "beta": [make_check(id="beta.nat", proves=["art8-2", "art14-3"])],
        }
        given = {
            "law": law,
            "unit": ISP,
            "checks": checks,
            "roles": {"web": ["alpha"], "db": ["alpha"], "outside": []},
            "runs": {"web": seen(key=GOOD, other=GOOD), "db": seen(key=GOOD, other=GOOD)},
            "waivers": [],
            "collection": "0.1.0",
            "started": NOW - datetime.timedelta(seconds=2),
            "finished": NOW,
        }
        case = Case(**{**given, **changes})
        result = json.loads(json.dumps(judge(case)))
        RESULT.validate(result)
        return result

    return run


def provision(result, name):
    [found] = [one for one in result["provisions"] if one["id"] == name]
    return found


def outcome(result, name):
    found = provision(result, name)
    return found["outcome"], found["because"]


def alarms(result):
    return [alarm["en"] for alarm in result["summary"]["alarms"]]


def waiver(expires):
    return Waiver("alpha.key", ("web",), "ordered", "Li Wei", datetime.date.fromisoformat(expires))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_provision_passes_if_its_checks_pass_on_every_host_it_binds(inspect):
    result = inspect()
    assert outcome(result, "art13") == ("pass", "checks")
    assert provision(result, "art13")["hosts"] == ["web", "db"]
    assert provision(result, "art13")["checks"] == ["alpha.key", "alpha.other"]


@pytest.mark.parametrize(
    ("db", "decided", "because"),
    [
        (seen(key=BAD, other=GOOD), "fail", "checks"),
        (HostRun("seen", "", {"alpha.key": {}, "alpha.other": {}}, {}), "not_run", "checks"),
        (UNREACHABLE, "not_run", "checks"),
        (BROKEN, "error", "checks"),
        (seen(key=GOOD, other=None), "pass", "checks"),  # one of its checks ran
        (seen(key=None, other=None), "not_run", "nothing_ran"),  # none of its checks ran
    ],
)
def test_one_host_decides_for_all(inspect, db, decided, because):
    result = inspect(runs={"web": seen(key=GOOD, other=GOOD), "db": db})
    assert outcome(result, "art13") == (decided, because)
    assert result["summary"]["ok"] is False  # art8-2: nobody does this


@pytest.mark.parametrize(
    ("db", "sentence"),
    [
        (seen(key=BAD, other=GOOD), "db alpha.key fails: expected mode is 0640, observed 0644"),
        (seen(key={"mode": 5}, other=GOOD), "db alpha.key can't be judged: mode can't be compared"),
        (HostRun("seen", "", {"alpha.key": {}}, {}), "db alpha.key did not run: The host brought back no observation"),
    ],
)
def test_whatever_did_not_pass_is_one_alarm(inspect, db, sentence):
    found = alarms(inspect(runs={"web": seen(key=GOOD, other=GOOD), "db": db}))
    assert len([alarm for alarm in found if alarm.startswith(sentence)]) == 1


def test_the_worst_outcome_of_several_decides(inspect):
    result = inspect(runs={"web": seen(key=BAD, other=GOOD), "db": UNREACHABLE})
    assert outcome(result, "art13") == ("fail", "checks")


def test_a_waived_check_keeps_its_provision_from_passing(inspect):
    result = inspect(runs={"web": seen(key=BAD, other=GOOD), "db": seen(key=GOOD)}, waivers=[waiver("2026-01-01")])
    assert outcome(result, "art13") == ("not_run", "checks")
    result = inspect(
        runs={"web": seen(key=BAD, other=GOOD), "db": seen(key=GOOD, other=GOOD)}, waivers=[waiver("2026-01-01")]
    )
    assert outcome(result, "art13") == ("waived", "checks")
    assert result["waivers"][0]["state"] == "active"
    assert not [alarm for alarm in alarms(result) if "alpha" in alarm]


def test_an_expired_waiver_fails_the_provision(inspect):
    runs = {"web": seen(key=BAD, other=GOOD), "db": seen(key=GOOD, other=GOOD)}
    result = inspect(runs=runs, waivers=[waiver("2025-12-31")])
    assert outcome(result, "art13") == ("fail", "checks")
    assert result["waivers"][0]["state"] == "expired"
    assert any("expired on 2025-12-31" in alarm for alarm in alarms(result))


def test_a_waiver_that_nothing_needs_is_listed_as_unused(inspect):
    assert inspect(waivers=[waiver("2027-01-01")])["waivers"][0]["state"] == "unused"


def test_what_applies_and_nobody_carries_out_fails(inspect):
    result = inspect()
    assert outcome(result, "art8-2") == ("fail", "nobody")
    assert "nobody does this" in provision(result, "art8-2")["reason"]["en"]
    assert any(alarm.startswith("art8-2 fails: It applies, and nobody does this") for alarm in alarms(result))
    assert result["summary"]["ok"] is False


def test_what_does_not_apply_is_not_applicable_whatever_its_checks_say(inspect):
    unit = Unit("Without NAT", ("access_provider",), ())
    runs = {"web": seen(key=GOOD, other=GOOD), "db": seen(key=GOOD, other=GOOD)}
    result = inspect(unit=unit, runs=runs, roles={"web": ["alpha", "beta"], "db": ["alpha"]})
    assert outcome(result, "art8-2") == ("not_applicable", "not_bound")
    assert "order82_unit.services" in provision(result, "art8-2")["reason"]["en"]


def test_what_applies_and_has_no_check_yet_is_listed_and_no_alarm(inspect, make_check):
    result = inspect(checks={"alpha": [make_check(), make_check(id="alpha.other")]})
    assert outcome(result, "art7-1") == ("not_run", "no_check_yet")
    assert "art7-1" in result["summary"]["no_check_yet"]
    assert "art13" not in result["summary"]["no_check_yet"]
    assert result["summary"] | {"alarms": [], "ok": True} == result["summary"]


@pytest.fixture
def two_measures(law):
    """The law, as if article 13 asked for the measures alpha and gamma."""
    return law._replace(
        provisions=law.provisions | {"art13": law.provisions["art13"]._replace(measures=("alpha", "gamma"))}
    )


def test_one_of_two_measures_does_not_speak_for_the_other_which_has_no_check_yet(inspect, two_measures):
    result = inspect(law=two_measures)
    assert outcome(result, "art13") == ("not_run", "no_check_yet")
    assert "gamma" in provision(result, "art13")["reason"]["en"]
    assert "art13" in result["summary"]["no_check_yet"]
    bad = {"web": seen(key=BAD, other=GOOD), "db": seen(key=GOOD, other=GOOD)}
    assert outcome(inspect(law=two_measures, runs=bad), "art13") == ("fail", "checks")


def test_one_of_two_measures_does_not_speak_for_the_other_which_nobody_carries(inspect, two_measures, make_check):
    checks = {"alpha": [make_check(), make_check(id="alpha.other")], "gamma": [make_check(id="gamma.key")]}
    result = inspect(law=two_measures, checks=checks)
    assert outcome(result, "art13") == ("fail", "nobody")
    assert "gamma" in provision(result, "art13")["reason"]["en"]
    own = HostRun("seen", "", {"gamma.key": {}}, {"gamma.key": Seen(GOOD, None, None)})
    roles = {"web": ["alpha"], "db": ["alpha"], "outside": ["gamma"]}
    runs = {"web": seen(key=GOOD, other=GOOD), "db": seen(key=GOOD, other=GOOD), "outside": own}
    assert outcome(inspect(law=two_measures, checks=checks, roles=roles, runs=runs), "art13") == ("pass", "checks")


def test_a_sites_own_check_stands_for_a_measure_that_another_product_does(inspect, two_measures, make_check):
    checks = {"alpha": [make_check()], "site": [make_check(id="site.key")._replace(stands_for=("gamma",))]}
    own = HostRun(
        "seen", "", {"alpha.key": {}, "site.key": {}}, dict.fromkeys(["alpha.key", "site.key"], Seen(GOOD, None, None))
    )
    result = inspect(law=two_measures, checks=checks, roles={"web": ["alpha"]}, runs={"web": own})
    assert outcome(result, "art13") == ("pass", "checks")


@pytest.fixture
def two_parts(law):
    """The law, as if article 13 asked for two things side by side, the second of access providers alone."""
    parts = (
        Part("hosts", {"zh": "主机", "en": "logins on hosts"}, ("alpha.key",), (), ()),
        Part(
            "subscribers",
            {"zh": "上网用户", "en": "logins of subscribers"},
            ("alpha.other",),
            ("access_provider",),
            ("fixed_access",),
        ),
    )
    return law._replace(provisions=law.provisions | {"art13": law.provisions["art13"]._replace(parts=parts)})


NEITHER = {"web": seen(key=GOOD, other=None), "db": seen(key=GOOD, other=None)}


@pytest.mark.parametrize(
    ("unit", "decided"),
    [
        (ISP, ("fail", "nobody")),
        (Unit("Fixed", ("access_provider",), ("uses_nat", "fixed_access")), ("pass", "checks")),
        (Unit("Own use", ("networking_unit",), ()), ("pass", "checks")),
    ],
)
def test_one_part_does_not_speak_for_another_that_binds_the_unit(inspect, two_parts, unit, decided):
    result = inspect(law=two_parts, unit=unit, runs=NEITHER)
    assert outcome(result, "art13") == decided
    assert ("logins of subscribers" in provision(result, "art13")["reason"]["en"]) is (decided[0] == "fail")


def test_a_part_is_shown_by_any_host_and_judged_by_its_checks(inspect, two_parts):
    one = {"web": seen(key=GOOD, other=GOOD), "db": seen(key=GOOD, other=None)}
    assert outcome(inspect(law=two_parts, runs=one), "art13") == ("pass", "checks")
    bad = {"web": seen(key=GOOD, other=BAD), "db": seen(key=GOOD, other=None)}
    assert outcome(inspect(law=two_parts, runs=bad), "art13") == ("fail", "checks")
    away = {"web": UNREACHABLE, "db": seen(key=GOOD, other=None)}
    assert outcome(inspect(law=two_parts, runs=away), "art13") == ("not_run", "checks")


def test_with_a_limit_nobody_says_that_no_host_shows_a_part(inspect, two_parts):
    result = inspect(law=two_parts, runs={"web": NEITHER["web"]})
    assert outcome(result, "art13") == ("not_run", "left_out")


def test_a_sites_own_check_stands_for_a_part(inspect, two_parts, make_check):
    own = make_check(id="site.key")._replace(stands_for=("subscribers",))
    checks = {"alpha": [make_check(), make_check(id="alpha.other", when="x is defined")], "site": [own]}
    ids = ["alpha.key", "site.key"]
    run = HostRun(
        "seen",
        "",
        {"alpha.key": {}, "alpha.other": {"applies": False}, "site.key": {}},
        dict.fromkeys(ids, Seen(GOOD, None, None)),
    )
    result = inspect(law=two_parts, checks=checks, roles={"web": ["alpha"]}, runs={"web": run})
    assert outcome(result, "art13") == ("pass", "checks")


def test_what_only_people_can_show_is_manual_and_never_passes(inspect, make_check):
    result = inspect()
    assert outcome(result, "art12") == ("manual", "manual")
    assert provision(result, "art12")["show"]["zh"]
    checks = {"alpha": [make_check(proves=["art12"]), make_check(id="alpha.other")]}
    assert outcome(inspect(checks=checks), "art12") == ("manual", "manual")
    bad = {"web": seen(key=BAD, other=GOOD), "db": seen(key=GOOD, other=GOOD)}
    assert outcome(inspect(checks=checks, runs=bad), "art12") == ("fail", "checks")


def test_frame_and_authority_are_not_applicable(inspect):
    result = inspect()
    assert {outcome(result, name) for name in ("art1", "art5", "art17", "art19")} == {("not_applicable", "not_bound")}


def test_an_unreachable_host_is_one_alarm_and_not_run_for_all_its_checks(inspect):
    result = inspect(runs={"web": seen(key=GOOD, other=GOOD), "db": UNREACHABLE})
    assert {one["outcome"] for one in result["results"] if one["host"] == "db"} == {"not_run"}
    assert [alarm for alarm in alarms(result) if "db" in alarm] == ["db was not reached: no route to host"]
    assert result["summary"]["hosts_not_reached"] == ["db"]
    assert result["hosts"][1] | {"state": "unreachable", "message": "no route to host"} == result["hosts"][1]


def test_a_broken_module_is_error_for_all_its_checks(inspect):
    result = inspect(runs={"web": seen(key=GOOD, other=GOOD), "db": BROKEN})
    assert {one["outcome"] for one in result["results"] if one["host"] == "db"} == {"error"}
    assert [alarm for alarm in alarms(result) if "db" in alarm] == ["db could not be observed: no python"]


def test_a_limited_inspection_passes_nothing_that_other_hosts_carry_too(inspect):
    result = inspect(runs={"web": seen(key=GOOD, other=GOOD)})
    assert result["limit"] == {"inspected": ["web"], "left_out": ["db"]}
    assert outcome(result, "art13") == ("not_run", "left_out")
    assert "db" in provision(result, "art13")["reason"]["en"]
    assert [one["name"] for one in result["hosts"]] == ["web"]
    assert not [alarm for alarm in alarms(result) if "art13" in alarm]


def test_a_limited_inspection_still_fails_what_it_sees_failing(inspect):
    result = inspect(runs={"web": seen(key=BAD, other=GOOD)})
    assert outcome(result, "art13") == ("fail", "checks")
    assert "not looked at: db" in provision(result, "art13")["reason"]["en"]


def test_hosts_without_a_role_are_not_missed_in_a_limited_inspection(inspect):
    assert inspect()["limit"] is None  # `outside` carries nothing


def test_an_inspection_that_ran_nothing_is_not_in_order(inspect, make_check):
    nothing = {"web": seen(key=None, other=None), "db": seen(key=None, other=None)}
    result = inspect(runs=nothing, checks={"alpha": [make_check(), make_check(id="alpha.other")]})
    assert "No check ran at all: nothing was inspected." in alarms(result)
    assert result["summary"]["ok"] is False
    empty = inspect(runs={"outside": HostRun("seen", "", {}, {})}, checks={"alpha": [make_check()]})
    assert empty["summary"]["ok"] is False


def test_a_sites_own_checks_are_for_every_host(inspect, make_check):
    own = HostRun("seen", "", {"site.key": {}}, {"site.key": Seen(GOOD, None, None)})
    checks = {"alpha": [], "site": [make_check(id="site.key")]}
    result = inspect(checks=checks, runs={"web": own, "db": own})
    assert [(one["check"], one["host"]) for one in result["results"]] == [("site.key", "web"), ("site.key", "db")]
    assert provision(result, "art13")["hosts"] == ["web", "db", "outside"]
    assert outcome(result, "art13") == ("not_run", "left_out")


def test_in_order_means_no_alarm(inspect, make_check):
    checks = {"alpha": [make_check(), make_check(id="alpha.other")]}
    summary = inspect(checks=checks)["summary"]
    assert summary["ok"] is True
    assert summary["checks"] == {name: 4 if name == "pass" else 0 for name in OUTCOMES}
    assert sum(summary["provisions"].values()) == len(inspect()["provisions"])


def test_the_law_that_was_applied_is_named_by_hash(inspect, law):
    result = inspect()
    assert result["law"]["files"] == law.files
    assert (result["started"], result["finished"]) == ("2026-01-01T11:59:58Z", "2026-01-01T12:00:00Z")
