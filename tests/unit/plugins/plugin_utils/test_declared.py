# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the unit can say decides on 7(2): which databases are important, and what stands by for its main equipment."""

from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils import declared
from ansible_collections.order82.baseline.plugins.plugin_utils.provisions import Evidence, judge_provision
from ansible_collections.order82.baseline.plugins.plugin_utils.unit import Unit

CARRIED = {"db1": ["order82", "backup"], "db2": ["order82"]}
PAIR = {"gw1": {"twin": "gw2"}, "gw2": {"twin": "gw1"}}


def unit(databases, equipment):
    return Unit("x", ("public_venue",), (), {}, databases, equipment)


def faults(law, databases, equipment, provision="art7-2"):
    return [one["en"] for one in declared.faults(law.provisions[provision], unit(databases, equipment), CARRIED)]


@pytest.mark.parametrize(
    ("databases", "equipment", "found"),
    [
        (None, {}, ["the unit does not say in order82_unit.important_databases which they are ({} if there is none)"]),
        ({}, None, ["the unit does not say in order82_unit.main_equipment which they are ({} if there is none)"]),
        ({}, {}, []),
        ({"db1": {"postgresql": "shop", "redis": "a cache: nothing is lost with it"}}, PAIR, []),
        ({"db2": {"mariadb": "forum"}}, {}, ["db2 is not backed up, so its mariadb is in no set"]),
        ({"elsewhere": {"mariadb": "forum"}}, {}, ["elsewhere is not backed up, so its mariadb is in no set"]),
        ({"db2": {"mariadb": "the provider backs it up"}}, {}, []),
        ({}, {"gw1": {}}, ["gw1 has no twin, and no reason why"]),
        ({}, {"gw1": {"twin": "gw1"}}, ["gw1 has no twin, and no reason why"]),
        ({}, {"gw1": {"reason": "a spare lies in the rack"}}, []),
    ],
)
def test_what_is_not_there_or_not_so_is_said(law, databases, equipment, found):
    assert faults(law, databases, equipment) == found


def test_other_provisions_ask_for_nothing_of_it(law):
    assert faults(law, None, None, "art13") == []


def judged(law, databases, equipment, outcome="pass", idle=()):
    of, who = law.provisions["art7-2"], unit(databases, equipment)
    results = [{"check": "backup.redundant", "host": "db1", "outcome": outcome}]
    said = declared.faults(of, who, CARRIED), declared.in_words(of, who)
    evidence = Evidence(["backup.redundant"], ["backup"], ["db1"], idle, (), results, *said)
    return judge_provision(of, law, who, evidence, ["db1"])


def test_a_backup_of_what_nobody_called_important_is_not_the_provision(law):
    result = judged(law, None, None)
    assert (result["outcome"], result["because"]) == ("fail", "undeclared")
    assert "order82_unit.important_databases" in result["reason"]["en"]
    assert "order82_unit.main_equipment" in result["reason"]["zh"]
    # That nobody carries a part of it out weighs more.
    assert judged(law, None, None, idle=["backup_repository"])["because"] == "nobody"


def test_the_report_shows_what_is_declared(law):
    result = judged(
        law, {"db1": {"redis": "a cache: lost"}}, {"gw1": {"twin": "gw2"}, "ap": {"reason": "none is sold"}}
    )
    assert (result["outcome"], result["because"]) == ("pass", "checks")
    assert result["reason"]["en"].endswith(
        " The unit declares: gw2 stands by for gw1; ap has no twin: none is sold; redis of db1 is not backed up: a cache: lost."
    )
    assert "gw1 的备用设备为 gw2" in result["reason"]["zh"]
    assert "declares" not in judged(law, {}, {}, outcome="fail")["reason"]["en"]
    assert judged(law, {}, {"ap": {}})["because"] == "undeclared"
