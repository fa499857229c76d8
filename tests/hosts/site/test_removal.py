# SPDX-License-Identifier: GPL-3.0-or-later
"""Every role goes away again, and no record with it; applied anew, all is as before."""

from __future__ import annotations

from pathlib import Path

from ..conftest import Lab, changed, until

# What a web server carries, but for what all of it shares.
MEASURES = (
    "log_forwarder",
    "time_sync",
    "host_firewall",
    "intrusion_prevention",
    "antivirus",
    "intrusion_detection",
    "network_state",
    "backup",
    "audit_trail",
)
ABSENT = [word for role in MEASURES for word in ("-e", f"{role}_state=absent")]
STORE = "cd /srv/records && find . -type f ! -newer /run/removed -print0 | sort -z | xargs -0 sha256sum | sha256sum"


def test_collector_keeps_its_store(lab: Lab) -> None:
    lab.do("collector2", "systemctl stop order82-collect order82-records.timer; touch /run/removed")
    before = lab.do("collector2", STORE)
    lab.play(
        "site.yml", "--limit", "collector2", "-e", "log_collector_state=absent", "-e", "log_forwarder_state=absent"
    )
    assert lab.do("collector2", STORE) == before
    assert not lab.host("collector2").file("/etc/systemd/system/order82-collect.service").exists
    day = "/srv/records/session/$(date -u +%F)/web.log"
    assert lab.host("collector2").run(f"truncate --size 0 {day}").rc != 0, "still append-only"


def test_repository_keeps_what_others_backed_up(lab: Lab) -> None:
    absent = ("backup_repository", "vault", "-e", "backup_repository_state=absent")
    lying = "cd /srv/backup && find . -type f -print0 | sort -z | xargs -0 sha256sum"
    before = lab.do("vault", lying)
    assert "/snapshots/" in before
    lab.apply(*absent)
    assert lab.do("vault", lying) == before
    assert (
        lab.do("vault", "systemctl list-units --all --no-legend 'order82-repository*'; ss -Hltn 'sport = :2515'") == ""
    )
    assert lab.do("vault", "ls -d /etc/order82/backup_repository* 2>/dev/null", ok=(2,)) == ""
    assert "changed=0" in lab.apply(*absent)


def test_shared_parts_do_not_go_before_the_measures(lab: Lab) -> None:
    """The measures end by the command, so whoever types all of it in one run is told to take two."""
    said = lab.play("site.yml", "--limit", "web", *ABSENT, "-e", "order82_state=absent", ok=(2,))
    sentence = " ".join(said.split())
    assert "web still has order82-" in sentence
    assert " order82-backup.timer, " in sentence
    assert changed(said) == {}


def test_sender_keeps_its_journal_and_its_logs(lab: Lab, mark: str) -> None:
    lab.do("web", f"logger -t probe {mark}")
    until(10, lambda: lab.host("web").run(f"grep -q {mark} /var/log/syslog").rc == 0, "the local text log")
    lab.hold("web", "order82-backup")
    lab.play("site.yml", "--limit", "web", *ABSENT)
    assert mark in lab.do("web", f"journalctl -o cat -t probe --grep {mark}")
    lab.do("web", f"grep -q {mark} /var/log/syslog")
    assert lab.do("web", "systemctl list-units --all --no-legend 'order82-*'") == ""
    assert not lab.host("web").package("chrony").is_installed
    # What keeps the local copies for sixty days stays: the packages' own rules would delete them tonight.
    assert "rotate 60" in lab.do("web", "cat /etc/logrotate.d/rsyslog")


def test_shared_parts_go_last(lab: Lab) -> None:
    lab.play("site.yml", "--limit", "web", *ABSENT, "-e", "order82_state=absent")
    assert not lab.host("web").file("/etc/order82").exists
    assert not lab.host("web").file("/usr/bin/order82").exists


def test_second_removal_changes_nothing(lab: Lab) -> None:
    said = lab.play("site.yml", "--limit", "web", *ABSENT, "-e", "order82_state=absent")
    assert "changed=0" in said


def test_applied_again_all_is_as_before(lab: Lab, tmp_path: Path, mark: str) -> None:
    lab.play("site.yml")
    lab.do("web", f"logger -t probe {mark}")
    for collector in ("collector1", "collector2"):
        until(20, lambda at=collector: lab.records(at, "system", "web", mark), f"{mark} on {collector}")
    bad = [one for one in lab.inspect(tmp_path)["results"] if one["outcome"] not in ("pass", "not_applicable")]
    assert [(one["host"], one["check"], one["observed"]) for one in bad] == []
