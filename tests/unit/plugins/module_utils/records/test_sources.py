# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import dhcp_radius
from ansible_collections.order82.baseline.plugins.module_utils.records import sessions, sources

CHECKOUT = Path(__file__).resolve().parents[5]


def test_each_row_is_of_a_class_that_there_is_and_each_class_but_system_has_a_row():
    table = yaml.safe_load((CHECKOUT / "roles/order82/vars/main.yml").read_text(encoding="utf-8"))
    classes = {one["name"] for one in table["_order82_record_classes"]}
    named = {name for row in sources.TABLE for name in (row.record_class, *(words.record_class for words in row.words))}
    assert named == classes


def test_no_name_stands_in_two_rows_and_each_row_is_vouched():
    names = [name for row in sources.TABLE for name in row.names]
    assert sorted(names) == sorted(set(names))
    for row in sources.TABLE:
        assert row.by
        for evidence in row.by:
            assert evidence.root or evidence.units or (evidence.caller and evidence.exes), row


def test_who_reads_records_asks_for_names_that_the_table_has():
    session = sources.names("session")
    assert set(dhcp_radius.PROGRAMS) <= set(session)
    assert set(sessions._SERVICES) <= set(session)


@pytest.mark.parametrize(
    ("names", "matches"),
    [
        (
            ["sshd", "sshd-session"],
            "_UID=0 _EXE=/usr/sbin/sshd + _UID=0 _EXE=/usr/lib/openssh/sshd-session",
        ),
        (["order82-nat-mapping"], "_SYSTEMD_UNIT=order82-nat-record.service _SYSTEMD_UNIT=order82-nat.service"),
        (["fail2ban.actions"], "_SYSTEMD_UNIT=fail2ban.service"),
        (["su"], "_UID=0 _EXE=/usr/bin/su"),
        (["order82"], ""),
    ],
)
def test_matches_of_the_journal_name_what_journald_vouches_for(names, matches):
    assert " ".join(sources.journal_matches(*names)) == matches


SUDO = {"_EXE": "/usr/bin/sudo", "_UID": "1000", "_CAP_EFFECTIVE": "1ffffffffff"}


@pytest.mark.parametrize(
    ("name", "entry", "believed"),
    [
        ("sudo", SUDO, True),
        ("sudo", {**SUDO, "_CAP_EFFECTIVE": "0"}, False),  # it was denied its rights
        ("sudo", {**SUDO, "_CAP_EFFECTIVE": "0", "_UID": "0"}, True),
        ("sudo", {**SUDO, "_EXE": "/usr/bin/logger"}, False),
        ("sudo", {"_UID": "0"}, False),  # it had ended
        ("audisp-syslog", {"_SYSTEMD_UNIT": "auditd.service"}, True),
        ("audisp-syslog", {"_SYSTEMD_UNIT": "nginx.service", "_UID": "0"}, False),
        ("nobody-knows", {"_UID": "0"}, False),
    ],
)
def test_an_entry_of_the_journal_is_believed_by_what_journald_saw(name, entry, believed):
    assert sources.speaks(name, entry) is believed


@pytest.mark.parametrize(
    ("record_class", "name", "sent", "believed"),
    [
        ("nat_mapping", "order82-nat-mapping", {"uid": "990", "unit": "order82-nat-record.service"}, True),
        ("nat_mapping", "order82-nat-mapping", {"uid": "33", "unit": "nginx.service"}, False),
        ("nat_mapping", "order82-nat-mapping", {"uid": "990"}, True),  # of an earlier version
        ("nat_mapping", "order82-nat-mapping", {"uid": "1000"}, False),
        ("nat_mapping", "order82-nat-mapping", {"unit": "order82-nat-record.service"}, False),
        ("nat_mapping", "order82", {"uid": "0", "unit": "order82-nat-record.service"}, False),
        ("session", "order82-nat-mapping", {"uid": "0", "unit": ""}, False),
        ("session", "su", {"uid": "1000", "unit": "session-1.scope"}, True),
    ],
)
def test_a_filed_record_is_believed_by_its_own_provenance(record_class, name, sent, believed):
    assert sources.vouched(record_class, name, sent) is believed
