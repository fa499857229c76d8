# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever fails to log in again and again is shut out, and it is on record."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..conftest import HANG, Lab, until
from ..drift import Drift, broken
from .outside import ADMINISTRATOR, ATTACKER, COLLECTORS, WEB, fails_to_log_in, gets_in, reaches


@pytest.fixture
def pardon(lab: Lab) -> Iterator[None]:
    """Nobody is banned before and after."""
    lab.do("web", "fail2ban-client unban --all")
    yield
    lab.do("web", "fail2ban-client unban --all")


def test_repeated_failures_are_banned_and_recorded_twice(lab: Lab, stranger: str) -> None:
    fails_to_log_in(lab, WEB, 6, stranger)
    until(HANG, lambda: stranger in lab.do("web", "fail2ban-client get sshd banip"), "the ban")
    assert not reaches(lab, WEB, 22, stranger)
    assert gets_in(lab, WEB, 22, ADMINISTRATOR)
    lab.arrived("security_event", "web", f"[sshd] Ban {stranger}")
    for collector in COLLECTORS:
        failures = lab.records(collector, "session", "web", f"from {stranger} port")
        assert len([line for line in failures if "Failed password" in line]) >= 5


def test_a_ban_survives_a_restart_of_the_service(lab: Lab, pardon: None) -> None:
    lab.do("web", f"fail2ban-client set sshd banip {ATTACKER}")
    lab.do("web", "systemctl restart fail2ban")
    until(HANG, lambda: not reaches(lab, WEB, 22, seconds=1), "the ban, restored")


@pytest.mark.parametrize("host", ["web", "vault"])
def test_bans_come_back_where_debians_unit_flushes_all_tables(lab: Lab, host: str, stranger: str) -> None:
    def refused() -> bool:
        return stranger in lab.do(host, "nft list set inet f2b-table addr-set-sshd", ok=(0, 1))

    lab.do(host, f"fail2ban-client set sshd banip {stranger}")
    try:
        until(HANG, refused, "the ban")
        for words in ("start", "reload", "restart", "stop nftables; systemctl start"):
            # Nobody may take the old one for the new one; and systemd counts starts, unless it is told not to.
            lab.do(
                host,
                f"nft delete table inet f2b-table; systemctl reset-failed nftables; systemctl {words} nftables",
            )
            until(HANG, refused, f"the ban after {words}")
    finally:
        lab.do(host, f"fail2ban-client set sshd unbanip {stranger} || true; systemctl stop nftables")
        lab.do(host, "systemctl start order82-firewall fail2ban")


def test_bans_that_the_kernel_does_not_have_are_seen_by_the_inspection(lab: Lab, stranger: str) -> None:
    """On one host the table is gone, on the other what made its sets count."""
    there = f"until nft list table inet f2b-table | grep -q {stranger}; do sleep 0.1; done"
    ban = f"fail2ban-client set sshd banip {stranger} && timeout {HANG} sh -c '{there}' && "
    drift = Drift(
        {
            "web": ban + "nft delete table inet f2b-table",
            "vault": ban + "nft flush chain inet f2b-table f2b-chain",
        },
        dict.fromkeys(("web", "vault"), "systemctl reload fail2ban"),
        {host: {"intrusion_prevention.bans"} for host in ("web", "vault")},
    )
    try:
        with broken(lab, drift):
            lab.sees(drift)
    finally:
        for host in ("web", "vault"):
            lab.do(host, f"fail2ban-client set sshd unbanip {stranger}")


def test_an_administrator_is_never_banned(lab: Lab, pardon: None) -> None:
    cursor = lab.cursor("web")
    fails_to_log_in(lab, WEB, 7, ADMINISTRATOR)
    ignored = f"-u fail2ban -g 'Ignore {ADMINISTRATOR} by ip'"
    until(HANG, lambda: len(lab.journal("web", cursor, ignored)) >= 7, "fail2ban has seen all of it")
    assert gets_in(lab, WEB, 22, ADMINISTRATOR)
    assert ADMINISTRATOR not in lab.do("web", "fail2ban-client get sshd banip")


def test_one_failure_and_a_right_login_are_no_attack(lab: Lab, pardon: None) -> None:
    cursor = lab.cursor("web")
    fails_to_log_in(lab, WEB, 2)
    until(HANG, lambda: len(lab.journal("web", cursor, f"-u fail2ban -g 'Found {ATTACKER}'")) >= 2, "fail2ban saw both")
    assert gets_in(lab, WEB, 22)


def test_who_was_left_alone_is_seen_by_the_inspection(lab: Lab, stranger: str) -> None:
    """Somebody spared a source that the inventory does not spare; and on another host nobody looks at SSH."""
    drift = Drift(
        {
            "web": f"fail2ban-client set sshd addignoreip {stranger}",
            "gateway": "fail2ban-client stop sshd",
        },
        {
            "web": f"fail2ban-client set sshd delignoreip {stranger}; fail2ban-client set sshd banip {stranger}",
            "gateway": "fail2ban-client reload",
        },
        {host: {"intrusion_prevention.bans"} for host in ("web", "gateway")},
    )
    with broken(lab, drift):
        fails_to_log_in(lab, WEB, 6, stranger)
        result = lab.sees(drift)  # once fail2ban should have acted
    [seen] = [one for one in result["results"] if (one["host"], one["outcome"]) == ("web", "fail")]
    assert stranger in str(seen["observed"])


def test_a_stopped_service_is_seen_by_the_inspection(lab: Lab) -> None:
    drift = Drift(
        {"web": "systemctl stop fail2ban", "gateway": "systemctl disable --quiet fail2ban"},
        {"web": "systemctl start fail2ban", "gateway": "systemctl enable --quiet fail2ban"},
        # Who is banned can't be asked then.
        {
            "web": {f"intrusion_prevention.{name}" for name in ("running", "bans", "as_laid_down")},
            "gateway": {"intrusion_prevention.running", "intrusion_prevention.as_laid_down"},
        },
    )
    with broken(lab, drift):
        lab.sees(drift)
