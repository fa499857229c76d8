# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever fails to log in again and again is shut out, and it is on record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import Lab, until
from ..drift import Drift, broken, is_seen
from .outside import ADMINISTRATOR, ATTACKER, COLLECTORS, WEB, fails_to_log_in, reaches

SETTLED = 16
"""Seconds after which an inspection expects that a failure has been acted upon."""


@pytest.fixture
def pardon(lab: Lab) -> Iterator[None]:
    """Nobody is banned before and after."""
    lab.do("web", "fail2ban-client unban --all")
    yield
    lab.do("web", "fail2ban-client unban --all")


def test_repeated_failures_are_banned_and_recorded_twice(lab: Lab, stranger: str) -> None:
    fails_to_log_in(lab, WEB, 6, stranger)
    until(15, lambda: stranger in lab.do("web", "fail2ban-client get sshd banip"), "the ban")
    assert not reaches(lab, WEB, 22, stranger)
    assert reaches(lab, WEB, 22, ADMINISTRATOR)
    for collector in COLLECTORS:
        until(5, lambda at=collector: lab.records(at, "security_event", "web", f"[sshd] Ban {stranger}"), collector)
        failures = lab.records(collector, "session", "web", f"from {stranger} port")
        assert len([line for line in failures if "Failed password" in line]) >= 5


def test_a_ban_survives_a_restart_of_the_service(lab: Lab, pardon: None) -> None:
    lab.do("web", f"fail2ban-client set sshd banip {ATTACKER}")
    lab.do("web", "systemctl restart fail2ban")
    until(15, lambda: not reaches(lab, WEB, 22, seconds=1), "the ban, restored")


def test_an_administrator_is_never_banned(lab: Lab, pardon: None) -> None:
    fails_to_log_in(lab, WEB, 7, ADMINISTRATOR)
    assert reaches(lab, WEB, 22, ADMINISTRATOR)
    assert ADMINISTRATOR not in lab.do("web", "fail2ban-client get sshd banip")


def test_one_failure_and_a_right_login_are_no_attack(lab: Lab, pardon: None) -> None:
    fails_to_log_in(lab, WEB, 2)
    assert reaches(lab, WEB, 22)


def test_who_was_left_alone_is_seen_by_the_inspection(lab: Lab, stranger: str, tmp_path: Path) -> None:
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
        lab.do("web", f"sleep {SETTLED}")
        result = lab.inspect(tmp_path)
        is_seen(result, drift)
    [seen] = [one for one in result["results"] if (one["host"], one["outcome"]) == ("web", "fail")]
    assert stranger in str(seen["observed"])


def test_a_stopped_service_is_seen_by_the_inspection(lab: Lab, tmp_path: Path) -> None:
    drift = Drift(
        {"web": "systemctl stop fail2ban", "gateway": "systemctl disable --quiet fail2ban"},
        {"web": "systemctl start fail2ban", "gateway": "systemctl enable --quiet fail2ban"},
        # Who is banned can't be asked then.
        {
            "web": {"intrusion_prevention.running", "intrusion_prevention.bans"},
            "gateway": {"intrusion_prevention.running"},
        },
    )
    with broken(lab, drift):
        is_seen(lab.inspect(tmp_path), drift)


def test_removal_ends_the_bans_and_leaves_nothing(lab: Lab) -> None:
    lab.do("gateway", f"fail2ban-client set sshd banip {ATTACKER}")
    lab.apply("intrusion_prevention", "gateway", "-e", "intrusion_prevention_state=absent")
    assert "f2b" not in lab.do("gateway", "nft list tables")
    assert lab.do("gateway", "ls -d /etc/fail2ban /etc/systemd/system/fail2ban.service.d", ok=(2,)) == ""
    assert "changed=0" in lab.apply("intrusion_prevention", "gateway", "-e", "intrusion_prevention_state=absent")
    lab.apply("intrusion_prevention", "gateway")
    assert "sshd" in lab.do("gateway", "fail2ban-client status")
