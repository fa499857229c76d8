# SPDX-License-Identifier: GPL-3.0-or-later
"""On a host with a kernel of its own: who changed a measure, or stopped one, is on record with the name of the login."""

from __future__ import annotations

import re

import pytest

from ..conftest import HANG, Lab, until
from ..drift import Drift, broken


def audited(lab: Lab, containing: str) -> list[str]:
    """Lines of auditd at the collector; asking for them is on record too, with the same words."""
    lines = lab.records("server1", "maintenance", "server1", containing)
    return [line for line in lines if " server1 audisp-syslog " in line]


def event(lab: Lab, containing: str) -> str:
    """All lines of the event that has this text."""
    line = until(HANG, lambda: next(iter(audited(lab, containing)), ""), f"the event with {containing}")
    found = re.search(r"audit\([\d.]+:\d+\)", line)
    assert found, line
    return "\n".join(audited(lab, found[0]))


def test_who_changed_a_configuration_is_on_record_and_who_read_it_is_not(lab: Lab, mark: str) -> None:
    lab.do("server1", f"cat /etc/hostname; touch /etc/order82/{mark}; rm /etc/order82/{mark}")
    made = event(lab, f'name="/etc/order82/{mark}" inode')
    assert 'AUID="ops"' in made and 'key="order82-configuration"' in made
    assert not audited(lab, 'name="/etc/hostname"')


def test_who_deleted_a_record_is_on_record(lab: Lab, mark: str) -> None:
    lab.do("server1", f"echo x >/var/log/{mark}.log; rm /var/log/{mark}.log")
    deleted = event(lab, f'name="/var/log/{mark}.log"')
    assert 'AUID="ops"' in deleted and 'key="order82-records"' in deleted and "nametype=DELETE" in deleted


def test_who_took_the_protection_of_records_away_is_on_record(lab: Lab) -> None:
    # The server's clock is its own: it says which day it has.
    day = lab.do("server1", "echo /srv/records/system/$(date -u +%F)/server1.log").strip()
    before = len(audited(lab, 'exe="/usr/bin/chattr"'))
    lab.do("server1", f"chattr -a {day} && chattr +a {day}")
    until(HANG, lambda: len(audited(lab, 'exe="/usr/bin/chattr"')) >= before + 2, "both")


def test_who_stopped_a_measure_is_on_record(lab: Lab) -> None:
    lab.do("server1", "systemctl stop order82-config; systemctl start order82-config")
    stopped = event(lab, 'a1="stop" a2="order82-config"')
    assert 'AUID="ops"' in stopped and 'key="order82-stop"' in stopped


def test_nobody_takes_rules_out(lab: Lab) -> None:
    for words in ("-D", "-e 0"):
        assert "refused" in lab.do("server1", f"auditctl {words} || echo refused")
    assert "key=order82-records" in lab.do("server1", "auditctl -l")


RULES = "/etc/audit/rules.d/order82.rules"
DRIFTS = {
    "a rule on disk that is not in force, and not at boot": Drift(
        {"server1": f"echo '-a always,exit -F path=/srv/x -F perm=r' >>{RULES}; systemctl disable --quiet auditd"},
        {"server1": f"sed -i '$d' {RULES}; systemctl enable --quiet auditd"},
        {"server1": {"audit_trail.in_force", "audit_trail.running", "audit_trail.as_laid_down"}},
    ),
    "auditd stopped": Drift(
        {"server1": "systemctl stop auditd"},
        {"server1": "systemctl start auditd"},
        {"server1": {f"audit_trail.{name}" for name in ("running", "in_force", "recorded", "as_laid_down")}},
    ),
    "the way into the journal cut": Drift(
        {"server1": "sed -i 's/^active = yes/active = no/' /etc/audit/plugins.d/syslog.conf; systemctl restart auditd"},
        {"server1": "sed -i 's/^active = no/active = yes/' /etc/audit/plugins.d/syslog.conf; systemctl restart auditd"},
        {"server1": {"audit_trail.recorded", "audit_trail.as_laid_down"}},
    ),
}


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS)
def test_inspection_sees_an_audit_that_does_not_work(lab: Lab, drift: Drift) -> None:
    with broken(lab, drift):
        lab.sees(drift)


def test_an_excuse_that_does_not_hold_is_refused(lab: Lab) -> None:
    said = lab.apply("audit_trail", "server1", "-e", "audit_trail_state=impossible", ok=(2,))
    assert "it is no container" in said
