# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is never held back, and to whom a user id belongs."""

from __future__ import annotations

import grp
import os
import pwd

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.crowding import accounts

RULES = """
# a comment, and an old way to name a file
#includedir /etc/sudoers.d
Defaults env_reset
Defaults:ops !requiretty
User_Alias CHIEFS = anna, %lead : DEPUTIES = bob, CHIEFS2
User_Alias CHIEFS2 = carl
Cmnd_Alias SHELLS = /bin/sh, ALL
root ALL=(ALL:ALL) ALL
%sudo\tALL=(ALL:ALL) ALL  # a group
ops ALL=(ALL) NOPASSWD: ALL
#1234 ALL = NOPASSWD:ALL
dora, emil ALL = (root) \\
    ALL, !/bin/su
CHIEFS ALL = ALL
DEPUTIES web = (ALL) ALL
www-data ALL=(ALL) NOPASSWD: /usr/bin/systemctl reload nginx
ALL ALL=(ALL) ALL
@includedir /etc/sudoers.d
"""


def test_who_may_run_any_command_by_sudos_rules():
    named = {"root", "%sudo", "ops", "#1234", "dora", "emil", "anna", "%lead", "bob", "carl"}
    assert accounts.in_sudos_rules(RULES) == named


def test_what_root_read_is_what_the_guard_gets(tmp_path):
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d/ops").write_text("ops ALL=(ALL) NOPASSWD: ALL\n")
    (tmp_path / "rules").write_text("%root ALL=(ALL) ALL\nanna ALL=ALL\n")
    left = str(tmp_path / "left")
    before = os.umask(0o077)  # the unit's
    try:
        for _time in range(2):  # what an earlier start left is replaced
            names = accounts.write_administrators(left, (str(tmp_path / "rules"), str(tmp_path / "rules.d")))
    finally:
        os.umask(before)
    assert os.stat(left).st_mode & 0o777 == 0o640  # the guard reads it by its group
    assert names == ["anna", "ops", "root"]
    assert accounts.administrators(left) == (accounts.stamps(), names)


def test_without_it_nobody_is_named(tmp_path):
    assert accounts.administrators(str(tmp_path / "none")) == (None, [])


@pytest.mark.parametrize("uid", [0, 1234, pwd.getpwnam("daemon").pw_uid])
def test_root_and_who_is_named_is_spared(uid):
    assert accounts.is_spared(uid, ["1234", "daemon"])


def test_another_is_not():
    assert not accounts.is_spared(pwd.getpwnam("www-data").pw_uid, ["daemon"])
    assert not accounts.is_spared(54321, ["daemon"])


@pytest.mark.parametrize("name", ["systemd-network", "_apt"])
def test_the_hosts_own_daemons_are_spared_by_name(name):
    assert accounts.is_spared(pwd.getpwnam(name).pw_uid, []) == name.startswith("systemd-")


def test_who_is_in_a_group_that_administers_is_spared(monkeypatch):
    uid = pwd.getpwnam("www-data").pw_uid
    monkeypatch.setattr(accounts, "GROUPS", ("no-such-group", grp.getgrgid(pwd.getpwuid(uid).pw_gid).gr_name))
    assert accounts.is_spared(uid, [])


def test_an_accounts_number_and_name():
    assert accounts.uid_of("daemon") == accounts.uid_of("1") == 1
    assert (accounts.name_of(1), accounts.name_of(54321)) == ("daemon", "54321")
    with pytest.raises(ValueError, match="there is no account 'nobody-such'"):
        accounts.uid_of("nobody-such")


def test_new_ranges_are_seen(tmp_path):
    path = tmp_path / "subuid"
    owners = accounts.Owners(str(path))
    assert owners.of(100_005) == 100_005
    path.write_text("daemon:100000:10\nnobody-such:200000:10\nbroken\n")
    assert [owners.of(uid) for uid in (99_999, 100_000, 100_009, 100_010, 200_000)] == [99_999, 1, 1, 100_010, 200_000]
