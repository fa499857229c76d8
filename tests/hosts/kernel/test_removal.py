# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit goes away and comes back, and no record goes with it."""

from __future__ import annotations

from ..conftest import Lab
from .test_audit_trail import event


def test_removal_leaves_nothing_and_no_record_goes(lab: Lab, mark: str) -> None:
    lab.do("server1", f"touch /etc/order82/{mark}; rm /etc/order82/{mark}")
    event(lab, f'name="/etc/order82/{mark}" inode')
    lab.remove("audit_trail", hosts="server1")
    assert lab.do("server1", "command -v auditctl", ok=(1, 127)) == ""
    # What lies there is the packages'; also the rules that were made of ours and theirs are gone.
    assert lab.do("server1", "grep -rl order82 /etc/audit", ok=(1,)) == ""
    assert mark in lab.do("server1", f"journalctl -q -o cat -t audisp-syslog -g {mark}")
    assert event(lab, f'name="/etc/order82/{mark}" inode')


def test_applied_anew_it_records_and_then_nothing_changes(lab: Lab, mark: str) -> None:
    lab.apply("audit_trail", "server1", "--diff")
    lab.do("server1", f"touch /etc/order82/{mark}; rm /etc/order82/{mark}")
    assert 'AUID="ops"' in event(lab, f'name="/etc/order82/{mark}" inode')
    assert "changed=0" in lab.apply("audit_trail", "server1")
    assert "changed=0" in lab.apply("audit_trail", "server1", "--check")
