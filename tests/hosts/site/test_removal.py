# SPDX-License-Identifier: GPL-3.0-or-later
"""Every role goes away again, and no record with it; applied anew, all is as before.

On a Debian 12 (web, collector2) and on a Debian 13 (gateway, collector1, vault). These tests come last, and in this order:
each goes on where the one before it ended.
"""

from __future__ import annotations

from ..conftest import HANG, Lab, changed, until
from .outside import ATTACKER, COLLECTORS, WEB
from .test_antivirus import WRITE_TEST_FILE, is_quarantined

# The whole goes and comes as by a user's Ansible.
GUARDS = ("host_firewall", "intrusion_prevention", "antivirus", "intrusion_detection", "network_state")
LEFT_BY_GUARDS = (
    "/etc/order82/firewall.nft /var/lib/order82-firewall /etc/systemd/system/order82-firewall.service "
    "/etc/fail2ban /etc/systemd/system/fail2ban.service.d "
    "/etc/clamav /var/lib/clamav /usr/sbin/clamd /usr/sbin/clamonacc /usr/bin/freshclam "
    "/usr/bin/suricata /etc/suricata /var/lib/order82-ids /etc/order82/ids /etc/systemd/system/order82-ids* "
    "/var/lib/order82-network /etc/order82/network.json /etc/systemd/system/order82-network.service"
)
LEFT = (
    "/etc/order82 /usr/bin/order82 /etc/systemd/system/order82-* /var/lib/order82-journal /run/order82-journal "
    "/etc/ssh/sshd_config.d/00-order82.conf"
)
STORE = "cd /srv/records && find . -type f ! -newer /run/removed -print0 | sort -z | xargs -0 sha256sum | sha256sum"
BACKUPS = "cd /srv/backup && find . -type f -print0 | sort -z | xargs -0 sha256sum"
REPOSITORIES = ("collector1", "vault")


def there(lab: Lab, host: str, paths: str) -> list[str]:
    """Which of these there are."""
    return lab.do(host, f"ls -d {paths} 2>/dev/null", ok=(0, 2)).split()


def test_nothing_goes_unasked(lab: Lab) -> None:
    before = lab.do("web", "ls /etc/systemd/system; dpkg -l chrony")
    lab.remove("time_sync", hosts="web", yes=False, ok=(1, 2))
    assert lab.do("web", "ls /etc/systemd/system; dpkg -l chrony") == before


def test_shared_parts_do_not_go_before_the_measures(lab: Lab) -> None:
    """The measures end by the command, which is a part of them."""
    said = lab.remove("order82", hosts="web", ok=(1, 2))
    assert "web" in said
    lab.do("web", "order82 --help >/dev/null; test -e /etc/order82/tls/host.key")


def test_guards_go_alone_and_leave_what_is_evidence(lab: Lab, mark: str) -> None:
    """On Debian 12; on the others they go with all the rest."""
    lab.do("web", f"fail2ban-client set sshd banip {ATTACKER}; {WRITE_TEST_FILE} >/home/ops/{mark}")
    lab.do("web", "systemctl start order82-antivirus-scan", ok=(0, 1))
    is_quarantined(lab, "web", f"/home/ops/{mark}")
    lab.remove(*GUARDS, hosts="web")
    tables = lab.do("web", "nft list tables")
    assert "order82_firewall" not in tables
    assert "f2b" not in tables
    assert there(lab, "web", LEFT_BY_GUARDS) == []
    assert "refused" in lab.do("outside", f"nc -v -w 20 {WEB} 9 2>&1", ok=(1,))  # by the host itself, not dropped
    assert mark in lab.do("web", "cat /var/lib/order82-quarantine/*/meta.json")
    assert lab.records("collector1", "network_state", "web", "sample {")
    # What watched over it goes, and the records stay.
    lab.do("web", f"logger -t probe {mark}")
    lab.arrived("system", "web", mark)
    assert changed(lab.remove(*GUARDS, hosts="web")) == {}


def test_all_of_it_goes_and_no_record_with_it(lab: Lab, mark: str) -> None:
    """In one run, on all hosts, with work under way."""
    for host in lab.managed():
        lab.do(host, f"logger -t probe {mark}")
    for host in lab.managed():
        lab.arrived("system", host, mark)
        until(HANG, lambda at=host: lab.host(at).run(f"grep -q {mark} /var/log/syslog").rc == 0, f"{host}'s text log")
    lab.hold("web", "order82-backup")
    lab.hold("collector2", "order82-nat-index")
    backups = {host: lab.do(host, BACKUPS) for host in REPOSITORIES}
    assert all("/snapshots/" in found for found in backups.values())
    stores = {}
    for collector in COLLECTORS:
        lab.do(collector, "systemctl stop order82-collect order82-records.timer; touch /run/removed")
        stores[collector] = lab.do(collector, STORE)

    lab.remove()

    assert {host: lab.do(host, BACKUPS) for host in REPOSITORIES} == backups
    for collector in COLLECTORS:
        assert lab.do(collector, STORE) == stores[collector]
        day = lab.do(collector, f"grep -laF {mark} /srv/records/system/*/web.log").split()[-1]
        assert lab.host(collector).run(f"truncate --size 0 {day}").rc != 0, "still append-only"
        assert (
            there(
                lab,
                collector,
                "/var/lib/order82-index /usr/lib/order82 /etc/keepalived/keepalived.conf /var/lib/order82-alarms",
            )
            == []
        )
    for host in lab.managed():
        assert lab.do(host, "systemctl list-units --all --no-legend 'order82-*'") == "", host
        assert there(lab, host, LEFT) == [], host
        assert not lab.host(host).package("chrony").is_installed
        lab.do(host, "sshd -t && getent passwd order82-probe", ok=(2,))
        assert mark in lab.do(host, f"journalctl -o cat -t probe --grep {mark}")
        lab.do(host, f"grep -q {mark} /var/log/syslog")
        # What keeps the local copies for sixty days stays: the packages' own rules would delete them tonight.
        assert "rotate 60" in lab.do(host, "cat /etc/logrotate.d/rsyslog")
    assert there(lab, "gateway", LEFT_BY_GUARDS) == []
    assert "order82" not in lab.do("gateway", "nft list tables")
    for host in REPOSITORIES:
        assert lab.do(host, "ss -Hltn 'sport = :2515'") == ""


def test_second_removal_changes_nothing(lab: Lab) -> None:
    """On a host of each release, and of these on one that had all that a collector has."""
    assert changed(lab.remove(hosts="web:collector1")) == {}


def test_applied_again_all_is_as_before(lab: Lab, mark: str) -> None:
    lab.play("site.yml")
    for host in lab.managed():
        lab.do(host, f"logger -t probe {mark}")
    for host in lab.managed():
        lab.arrived("system", host, mark)
    assert "/home/ops/mark-" in lab.do("web", "order82 antivirus list")
    for host in ("web", "gateway"):
        assert "sshd" in lab.do(host, "fail2ban-client status")
        assert "on every interface" in lab.do(host, "order82 ids test")
    lab.green()
