# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.audit import rules, status, watched

WRITTEN = """
## a word about it
-D
-b 8192
-a always,exit -F dir=/etc -F perm=wa -F key=order82-configuration
-a always,exit -F arch=b64 -S unlink,rename -F dir=/var/log -F key=order82-records
-a always,exit -F arch=b64 -S ioctl -F a1=0x40086602 -F key=order82-records
-a always,exit -F path=/usr/bin/systemctl -F perm=x -F auid!=unset -F key=order82-stop
-a always,exit -F arch=b64 -S kill -F a1!=0 -F auid!=unset -F key=order82-stop
-a always,exclude -F msgtype=EOE
"""
# As auditctl 4.0.2 lists them.
LISTED = """
-w /etc -p wa -k order82-configuration
-a always,exit -F arch=b64 -S rename,unlink -F dir=/var/log -F key=order82-records
-a always,exit -F arch=b64 -S ioctl -F a1=0x40086602 -F key=order82-records
-a always,exit -S all -F path=/usr/bin/systemctl -F perm=x -F auid!=-1 -F key=order82-stop
-a always,exit -F arch=b64 -S kill -F a1!=0x0 -F auid!=-1 -F key=order82-stop
-a always,exclude -F msgtype=EOE
"""


def test_rules_are_the_same_however_they_are_written():
    assert set(rules(WRITTEN)) == set(rules(LISTED))
    assert len(rules(WRITTEN)) == 6


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("-p wa", "-p r"),
        ("-w /etc", "-w /etc/order82"),
        ("rename,unlink", "rename"),
        ("auid!=-1 -F key=order82-stop\n-a always,exclude", "auid!=1000 -F key=order82-stop\n-a always,exclude"),
        ("a1=0x40086602", "a1=0x40086603"),
        ("always,exclude", "never,exclude"),
        ("b64 -S kill", "b32 -S kill"),
    ],
)
def test_a_rule_that_says_less_is_another(was, now):
    changed = LISTED.replace(was, now)
    assert changed != LISTED
    assert len(set(rules(WRITTEN)) - set(rules(changed))) == 1


def test_what_is_watched_is_named_by_path_and_folder():
    assert watched(rules(WRITTEN)) == {"/etc", "/var/log", "/usr/bin/systemctl"}
    assert watched(rules("No rules")) == set()


def test_the_status_of_both_debians_is_understood():
    said = "enabled 2\nfailure 1\npid 1844\nlost 3\nbacklog 0\nloginuid_immutable 0 unlocked\n"
    assert status(said) == {"enabled": 2, "failure": 1, "pid": 1844, "lost": 3, "backlog": 0}
