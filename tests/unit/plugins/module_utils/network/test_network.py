# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.network.alarms import news, wrong
from ansible_collections.order82.baseline.plugins.module_utils.network.metrics import lines
from ansible_collections.order82.baseline.plugins.module_utils.network.sample import answers
from ansible_collections.order82.baseline.plugins.module_utils.network.snapshot import changes, kept

LIMITS = {"interfaces": [], "errors_per_minute": 10, "drops_per_minute": 100, "conntrack_percent": 80}
NOTHING = {"link": {}, "address": {}, "route": {}, "neighbour": {}}


def sample(errors=0, dropped=0, state="up", count=1, lost=0):
    counted = {"rx_errors": errors, "tx_errors": 0, "rx_dropped": 0, "tx_dropped": dropped, "state": state}
    return {
        "interfaces": {"eth0": counted},
        "conntrack": {"count": count, "max": 100},
        "peers": {"upstream": {"lost_percent": lost, "rtt_ms": None if lost == 100 else 0.5}},
    }


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (sample(), {}),
        (sample(errors=20, dropped=200), {}),  # in two minutes
        (sample(errors=21), {"errors eth0": "the interface eth0 has 10 packets with errors a minute"}),
        (sample(dropped=400), {"dropped eth0": "the interface eth0 has 200 packets dropped a minute"}),
        (sample(state="down"), {"link eth0": "the interface eth0 is down"}),
        (sample(count=80), {}),
        (sample(count=81), {"conntrack": "connection tracking is full to 81 %"}),
        (sample(lost=67), {}),
        (sample(lost=100), {"peer upstream": "the peer upstream does not answer"}),
    ],
)
def test_what_is_beyond_a_limit(now, found):
    assert wrong(now, sample(), 120, LIMITS) == found


def test_a_named_interface_that_is_gone_is_wrong_and_a_first_sample_has_no_rate():
    assert wrong(sample(), {}, 0, {**LIMITS, "interfaces": ["eth1"]}) == {"link eth1": "the interface eth1 is gone"}
    assert wrong(sample(errors=10**6), {}, 0, LIMITS) == {}


def test_counters_that_began_anew_are_no_errors():
    assert wrong(sample(errors=1), sample(errors=1000), 60, LIMITS) == {}


def test_an_alarm_is_said_once_and_so_is_its_end():
    assert news({}, {"a": "A"}) == (["A"], [])
    assert news({"a": "A"}, {"a": "A, more"}) == ([], [])
    assert news({"a": "A"}, {}) == ([], ["A"])


def test_changes_name_what_came_what_went_and_what_is_another():
    before = {**NOTHING, "link": {"eth0": "up"}, "address": {"eth0 192.0.2.1/24": "global"}}
    now = {**NOTHING, "link": {"eth0": "down"}, "route": {"default": ""}}
    assert changes(before, now) == [
        {"what": "link", "name": "eth0", "before": "up", "now": "down"},
        {"what": "address", "name": "eth0 192.0.2.1/24", "before": "global", "now": None},
        {"what": "route", "name": "default", "before": None, "now": ""},
    ]


def test_a_neighbour_is_news_only_with_another_address_also_after_it_was_away():
    first = {**NOTHING, "neighbour": {"eth0 192.0.2.1": "02:00:00:00:00:01"}}
    other = {**NOTHING, "neighbour": {"eth0 192.0.2.1": "02:00:00:00:00:02"}}
    assert changes(NOTHING, first) == changes(first, NOTHING) == []
    remembered = kept(first, NOTHING)
    [change] = changes(remembered, other)
    assert (change["before"], change["now"]) == ("02:00:00:00:00:01", "02:00:00:00:00:02")


def test_what_fping_says():
    said = "192.0.2.1   : 0.05 - 0.07\n2001:db8::1 : - - -\nICMP Host Unreachable from 192.0.2.9 for ICMP Echo\n"
    assert answers(said) == {"192.0.2.1": [0.05, None, 0.07], "2001:db8::1": [None, None, None]}


def test_prometheus_gets_no_round_trip_of_who_did_not_answer():
    text = "\n".join(lines(sample(lost=100), 1.5))
    assert 'order82_peer_lost_percent{peer="upstream"} 100' in text
    assert "rtt_seconds{" not in text
    assert "order82_network_sample_seconds 1.500" in text
