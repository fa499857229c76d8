# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of subscribers are those that a DHCP server or RADIUS tells of; an administrator's login is none."""

from __future__ import annotations

import calendar
import datetime

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers.subscribers import subscribers
from ansible_collections.order82.baseline.plugins.module_utils.records.settings import Settings

NOON = calendar.timegm((2026, 11, 24, 12, 0, 0))
LEASE = "DHCPACK(inside) 100.64.0.7 00:16:3e:00:00:07 laptop"
USER = "accounting Start 100.64.0.7 81 13800138000 wang"
NOT_UNDERSTOOD = "DHCPACK(inside) 100.64.0.7 somebody"


def row(program: str, text: str, unit: str, uid: int = 0) -> str:
    return (
        f'<30>1 2026-11-24T11:00:00.000001+00:00 access {program} 8 - [order82@32473 class="session" boot="b" uid="{uid}" audit="" '
        f'claims="" login="" unit="{unit}"][stored@32473 at="2026-11-24T11:00:01+00:00" from="access" marks=""] {text}\n'
    )


DHCP = row("dnsmasq-dhcp", LEASE, "dnsmasq.service", 105)
RADIUS = row("freeradius", USER, "freeradius.service", 106)
LOGIN = row("sshd", "Accepted publickey for ops from 198.51.100.9 port 50000 ssh2: x", "ssh.service")


@pytest.fixture
def store(tmp_path):
    return tmp_path


def wrote(store, back: int, *rows: str, record_class: str = "session") -> None:
    day = datetime.date(2026, 11, 24) - datetime.timedelta(days=back)
    folder = store / record_class / str(day)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "access.log").write_text("".join(rows))


def seen(store, hosts=("access",)):
    return subscribers(Settings(str(store), ("session",), ("access", "web"), "nobody", 60, 1, 0), list(hosts), 7, NOON)


def known_for(store, days: int) -> None:
    wrote(store, days, "x\n", record_class="measure_state")


def test_a_lease_and_an_account_with_its_calling_number_are_sessions(store):
    wrote(store, 0, LOGIN, DHCP)
    assert seen(store) == {"unknown": [], "told": {"access": ["DHCP"]}, "silent": []}
    wrote(store, 0, RADIUS)
    assert seen(store)["told"] == {"access": ["RADIUS", "calling number"]}


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [LOGIN],
        [row("dnsmasq-dhcp", LEASE, "x.service", 1000)],
        [row("dnsmasq-dhcp", NOT_UNDERSTOOD, "dnsmasq.service", 105)],
        [DHCP[:-1]],  # still being written
    ],
)
def test_who_logs_in_to_administer_and_what_others_write_is_none(store, rows):
    known_for(store, 8)
    wrote(store, 0, *rows)
    assert seen(store)["silent"] == ["access"]


@pytest.mark.parametrize(("known", "silent"), [(0, []), (7, []), (8, ["access"])])
def test_a_new_one_has_missed_nothing(store, known, silent):
    known_for(store, known)
    assert seen(store)["silent"] == silent


@pytest.mark.parametrize(("back", "silent"), [(7, []), (8, ["access"])])
def test_one_within_the_days_suffices(store, back, silent):
    known_for(store, 20)
    wrote(store, back, DHCP)
    assert seen(store)["silent"] == silent


def test_one_that_sends_nothing_here_is_named(store):
    assert seen(store, ["bras"]) == {"unknown": ["bras"], "told": {}, "silent": []}
