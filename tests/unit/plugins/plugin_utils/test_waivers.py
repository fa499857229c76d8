# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import DataError
from ansible_collections.order82.baseline.plugins.plugin_utils.waivers import read_waivers, waived_on

GROUPS = {"all": ["web", "gateway", "collector1"], "collectors": ["collector1"]}
CHECKS = ["alpha.key", "alpha.clock"]
WAIVER = {"check": "alpha.key", "hosts": ["web"], "reason": "ordered", "owner": "Li Wei", "expires": "2026-03-31"}


def test_a_waiver_is_read():
    [waiver] = read_waivers([WAIVER], CHECKS, GROUPS)
    assert waiver.hosts == ("web",)
    assert waiver.expires == datetime.date(2026, 3, 31)


def test_its_last_day_still_counts():
    [waiver] = read_waivers([WAIVER], CHECKS, GROUPS)
    assert not waiver.expired(datetime.date(2026, 3, 31))
    assert waiver.expired(datetime.date(2026, 4, 1))


@pytest.mark.parametrize(
    ("hosts", "names"),
    [("web", ("web",)), (["collectors", "web"], ("web", "collector1")), ("all:!collectors", ("web", "gateway"))],
)
def test_hosts_are_names_groups_or_patterns(hosts, names):
    assert read_waivers([{**WAIVER, "hosts": hosts}], CHECKS, GROUPS)[0].hosts == names


@pytest.mark.parametrize("value", [None, []])
def test_there_may_be_none(value):
    assert read_waivers(value, CHECKS, GROUPS) == []


def test_a_date_may_come_as_yaml_reads_it():
    [waiver] = read_waivers([{**WAIVER, "expires": datetime.date(2026, 3, 31)}], CHECKS, GROUPS)
    assert waiver.expires == datetime.date(2026, 3, 31)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({}, "is no list"),
        (["alpha.key"], "write a mapping"),
        ([{**WAIVER, "check": "alpha.kee"}], "there is no check 'alpha.kee'"),
        ([{**WAIVER, "hosts": ["webb"]}], "'webb' is no host or group"),
        ([{**WAIVER, "hosts": []}], "hosts is empty"),
        ([{**WAIVER, "hosts": ["web*"]}], "host pattern"),
        ([{**WAIVER, "reason": ""}], "write a text"),
        ([{**WAIVER, "owner": None}], "write a text"),
        ([{**WAIVER, "expires": "never"}], "YYYY-MM-DD"),
        ([{**WAIVER, "expires": "20260331"}], "YYYY-MM-DD"),
        ([{**WAIVER, "expires": "2026-02-30"}], "YYYY-MM-DD"),
        ([{**WAIVER, "expires": 2026}], "YYYY-MM-DD"),
        ([{**WAIVER, "until": "2026-03-31"}], "unknown key 'until'"),
        ([{key: value for key, value in WAIVER.items() if key != "owner"}], "lacks the key 'owner'"),
        ([WAIVER, {**WAIVER, "hosts": "all"}], "waived twice"),
    ],
)
def test_what_is_not_understood_is_refused(value, sentence):
    with pytest.raises(DataError) as refused:
        read_waivers(value, CHECKS, GROUPS)
    assert sentence in str(refused.value)


def test_what_is_accepted_on_a_host_by_its_last_day():
    common = {"reason": "a", "owner": "li", "expires": "2027-01-31"}
    waivers = [
        {"check": "time_sync.offset", "hosts": ["web"], **common},
        {"check": "site.own", "hosts": "all", **common},
        {"check": "time_sync.running", "hosts": "vault", **common},
    ]
    groups = {"all": ["web", "vault"]}
    assert waived_on("web", waivers, groups) == {"time_sync.offset": "2027-01-31", "site.own": "2027-01-31"}
    assert waived_on("web", [], groups) == {}
    with pytest.raises(DataError, match="expires"):
        waived_on("web", [{**waivers[0], "expires": "some day"}], groups)
