# SPDX-License-Identifier: GPL-3.0-or-later
"""One thing breaks on a converged host: exactly the right checks and provisions go red, and green again when it is mended."""

from __future__ import annotations

import pytest

from ..conftest import Lab, changed
from ..drift import Drift, broken
from .conftest import CLOSED as DAY

ALL = ("collector1", "collector2", "gateway", "vault", "web")
STORE_CHECKS = {
    "all_heard",
    "clock",
    "contents",
    "filled",
    "logins",
    "protection",
    "reaches_back",
    "readers",
    "retention",
    "sealed",
    "space",
    "witness",
}

LOGINS = {"collector1": {"log_collector.logins"}, "collector2": {"log_collector.logins"}}


DRIFTS = {
    "service stopped": Drift(
        {"web": "systemctl stop chrony"},
        {"web": "systemctl start chrony"},
        {"web": {"time_sync.running", "time_sync.offset", "time_sync.sources", "time_sync.as_laid_down"}},
    ),
    "unit masked": Drift(
        # Debian's units lie under /usr/lib; ours, in /etc, would have to be moved away first.
        {"vault": "systemctl mask --now rsyslog.service syslog.socket"},
        {"vault": "systemctl unmask rsyslog.service syslog.socket && systemctl start rsyslog.service"},
        {"vault": {"log_forwarder.recorders", "log_forwarder.as_laid_down"}},
    ),
    "unit disabled": Drift(
        {"web": "systemctl disable order82-config.service"},
        {"web": "systemctl enable order82-config.service"},
        {"web": {"log_forwarder.recorders", "log_forwarder.as_laid_down"}},
    ),
    "guard of the journal stopped": Drift(
        {"vault": "systemctl stop order82-journal.service"},
        {"vault": "systemctl start order82-journal.service"},
        {"vault": {"log_forwarder.crowding", "log_forwarder.as_laid_down"}},
    ),
    "timer of the self-check stopped": Drift(
        {"web": "systemctl stop order82-check.timer"},
        {"web": "systemctl start order82-check.timer"},
        {"web": {"measure_watch.running", "measure_watch.as_laid_down"}},
    ),
    "watch over the measures stopped, with what brings it back": Drift(
        {"gateway": "systemctl stop order82-watch-back.timer order82-watch.service"},
        {"gateway": "systemctl start order82-watch.service order82-watch-back.timer"},
        {"gateway": {"measure_watch.running", "measure_watch.as_laid_down"}},
    ),
    "checks of the self-check narrowed": Drift(
        {"gateway": "cd /var/lib/order82; cp -a checks.json /root/; sed -i '/time_sync.offset/d' checks.json"},
        {"gateway": "mv /root/checks.json /var/lib/order82/; systemctl start order82-check.service"},
        {"gateway": {"measure_watch.self_check", "measure_watch.as_laid_down"}},
    ),
    "work announced past the record": Drift(
        {
            "web": 'now=$(date +%s); umask 077; echo \'{"by": "x", "reason": "x", "since": \'$now\', "until": \'$((now + 600))\'}\' '
            ">/var/lib/order82/maintenance.json"
        },
        {"web": "rm /var/lib/order82/maintenance.json"},
        {"web": {"measure_watch.announced"}},
    ),
    "self-check that ends well whatever there is": Drift(
        {
            "web": "mkdir /etc/systemd/system/order82-check.service.d; cd /etc/systemd/system/order82-check.service.d; "
            "printf '[Service]\\nExecStart=\\nExecStart=/bin/true\\n' > x.conf; systemctl daemon-reload"
        },
        {"web": "rm -r /etc/systemd/system/order82-check.service.d; systemctl daemon-reload"},
        {"web": {"measure_watch.as_laid_down"}},
    ),
    "attribute cleared": Drift(
        {"collector1": f"chattr -i {DAY}/web.log.zst"},
        {"collector1": f"chattr +i {DAY}/web.log.zst"},
        {"collector1": {"log_collector.protection"}},
    ),
    "attribute of a folder cleared": Drift(
        {"collector2": "chattr -a /srv/records/session"},
        {"collector2": "chattr +a /srv/records/session"},
        {"collector2": {"log_collector.protection", "log_collector.housekeeping", "log_collector.as_laid_down"}},
        still={"collector2": ("order82-records.timer",)},  # it would set it again within a minute
    ),
    "mode of a record loosened": Drift(
        {"collector1": f"chattr -i {DAY}/web.log.zst; chmod 0644 {DAY}/web.log.zst; chattr +i {DAY}/web.log.zst"},
        {"collector1": f"chattr -i {DAY}/web.log.zst; chmod 0440 {DAY}/web.log.zst; chattr +i {DAY}/web.log.zst"},
        {"collector1": {"log_collector.protection"}},
    ),
    "mode of the key loosened": Drift(
        {"web": "chmod 0644 /etc/order82/tls/host.key"},
        {"web": "chmod 0640 /etc/order82/tls/host.key"},
        {"web": {"order82.key", "order82.as_laid_down"}},
    ),
    "wrong owner": Drift(
        {
            "collector2": f"chattr -i {DAY}/vault.log.zst; chown nobody {DAY}/vault.log.zst; chattr +i {DAY}/vault.log.zst"
        },
        {
            "collector2": f"chattr -i {DAY}/vault.log.zst; chown order82-collect {DAY}/vault.log.zst; chattr +i {DAY}/vault.log.zst"
        },
        {"collector2": {"log_collector.protection"}},
    ),
    "retention lowered by another package": Drift(
        {"web": "printf '/var/log/other.log {\\n daily\\n rotate 7\\n}\\n' > /etc/logrotate.d/other"},
        {"web": "rm /etc/logrotate.d/other"},
        {"web": {"log_forwarder.rotation"}},
    ),
    "a rule named before ours": Drift(
        {"vault": "printf '/var/log/auth.log {\\n daily\\n rotate 90\\n}\\n' > /etc/logrotate.d/aaa"},
        {"vault": "rm /etc/logrotate.d/aaa"},
        {"vault": {"log_forwarder.rotation"}},
    ),
    "journal's configuration changed": Drift(
        {"vault": "printf '[Journal]\\nMaxRetentionSec=7day\\n' > /etc/systemd/journald.conf.d/zz.conf"},
        {"vault": "rm /etc/systemd/journald.conf.d/zz.conf; systemctl restart systemd-journald"},
        {"vault": {"log_forwarder.journal", "log_forwarder.as_laid_down"}},
    ),
    "a certificate admitted that nobody was given": Drift(
        {"collector2": "sed -i.was '$a 0011 web' /etc/order82/admitted.map"},
        {"collector2": "mv /etc/order82/admitted.map.was /etc/order82/admitted.map"},
        {"collector2": {"log_collector.admits"}},
    ),
    "a program beside the receiver": Drift(
        {
            "collector2": "systemd-run --quiet --unit=beside nsenter --net --target $(systemctl show -P MainPID order82-collect) sleep infinity"
        },
        {"collector2": "systemctl stop beside"},
        {"collector2": {"log_collector.origin"}},
    ),
    "no limit for anybody who sends": Drift(
        {
            "collector1": "nsenter --net --target $(systemctl show -P MainPID order82-collect) nft delete table ip order82_limits"
        },
        {"collector1": "systemctl reload order82-collect"},
        {"collector1": {"log_collector.shares"}},
    ),
    "clock source removed": Drift(
        {"vault": "sed -i.was '/^server/d' /etc/chrony/chrony.conf; systemctl restart chrony"},
        {"vault": "mv /etc/chrony/chrony.conf.was /etc/chrony/chrony.conf; systemctl restart chrony"},
        {"vault": {"time_sync.offset", "time_sync.sources", "time_sync.as_laid_down"}},
    ),
    "record deleted": Drift(
        {"collector1": f"cd {DAY}; chattr -i . vault.log.zst; mv vault.log.zst /root/; chattr +i ."},
        {"collector1": f"cd {DAY}; chattr -i .; mv /root/vault.log.zst .; chattr +i vault.log.zst ."},
        {"collector1": {"log_collector.sealed"}},
    ),
    "record forged": Drift(
        {
            "collector2": f"cd {DAY}; chattr -i web.log.zst; cp -a web.log.zst /root/; chmod +w web.log.zst; echo x >> web.log.zst; chmod 0440 web.log.zst; chattr +i web.log.zst"
        },
        {
            "collector2": f"cd {DAY}; chattr -i . web.log.zst; cp -a --remove-destination /root/web.log.zst .; chattr +i web.log.zst ."
        },
        {"collector2": {"log_collector.sealed", "log_collector.contents"}},
    ),
    "day deleted": Drift(
        {
            "collector1": f"chattr -a /srv/records/session; chattr -i {DAY}; mv {DAY} /root/day; chattr +a /srv/records/session"
        },
        {
            "collector1": f"chattr -a /srv/records/session; mv /root/day {DAY}; chattr +i {DAY}; chattr +a /srv/records/session"
        },
        {
            "collector1": {
                f"log_collector.{name}"
                for name in ("retention", "reaches_back", "sealed", "housekeeping", "as_laid_down")
            }
        },
        still={"collector1": ("order82-records.timer",)},  # it would tell the other one within a minute
    ),
    "the oldest days deleted": Drift(
        # Its housekeeping says what it has, and the other one has its earlier word.
        {
            "collector1": "cd /srv/records/session; chattr -a .; for d in $(ls | head -n 2); do chattr -i $d; mv $d /root/; done; chattr +a .; "
            "systemctl start order82-records"
        },
        {
            "collector1": "cd /srv/records/session; chattr -a .; for d in /root/20*-*; do mv $d .; chattr +i ${d##*/}; done; chattr +a .; "
            "systemctl start order82-records"
        },
        {
            "collector1": {"log_collector.reaches_back", "log_collector.contents", "log_collector.sealed"},
            "collector2": {"log_collector.reaches_back", "log_collector.witness"},
        },
    ),
    "retention lowered in the settings": Drift(
        {"collector2": 'sed -i.was \'s/"retention_days": 60/"retention_days": 30/\' /etc/order82/records.json'},
        {"collector2": "mv /etc/order82/records.json.was /etc/order82/records.json"},
        {
            "collector2": {f"log_collector.{name}" for name in STORE_CHECKS}
            | {f"nat_log.{name}" for name in ("answer", "gapless", "finds", "look_ups")}
            | {"log_collector.shares", "log_collector.as_laid_down"}
        },
    ),
    "housekeeping stopped": Drift(
        {"collector1": "systemctl disable --now order82-records.timer"},
        {"collector1": "systemctl enable --now order82-records.timer"},
        {"collector1": {"log_collector.housekeeping", "log_collector.as_laid_down"}},
    ),
    "nobody is told of alarms": Drift(
        {"collector2": "systemctl stop order82-alarms.service"},
        {"collector2": "systemctl start order82-alarms.service"},
        {"collector2": {"alarms.running", "alarms.as_laid_down"}},
    ),
    "the service that tells of alarms hangs": Drift(
        {
            "collector1": "systemctl kill --signal=STOP order82-alarms; "
            'sed -i \'s/"read": [0-9.]*/"read": 1/\' /var/lib/order82-alarms/memory.json'
        },
        {"collector1": "systemctl kill --signal=CONT order82-alarms; logger -t order82 told nobody"},
        {"collector1": {"alarms.follows"}},
    ),
    "forwarder hangs": Drift(
        {
            # Stopped, it can't save its place: the one of two minutes ago, with what waits since then.
            "web": "systemctl kill --signal=STOP order82-forward@collector1; cd /var/lib/order82-forward; "
            "journalctl -q -o json --output-fields=PRIORITY --until -120s | tail -n 101 | head -1 | "
            'python3 -c \'import json; print(json.loads(input())["__CURSOR"], end="")\' > collector1.cursor',
        },
        {"web": "systemctl kill --signal=CONT order82-forward@collector1; seq 200 | systemd-cat -t probe"},
        {"web": {"log_forwarder.forwarding"}},
    ),
    "forwarding to one collector lost, and a host silent": Drift(
        {
            "web": "systemctl stop order82-forward@collector2",
            "vault": "systemctl stop 'order82-forward@*'",
            "collector1": "cd /srv/records; for f in $(lsattr */*/vault.log | sed -n 's/^-----a[^ ]* //p'); do chattr -a $f; touch -d '-10 minutes' $f; chattr +a $f; done",
        },
        {
            "web": "systemctl start order82-forward@collector2",
            "vault": "systemctl start order82-forward@collector1 order82-forward@collector2; logger -t probe back",
        },
        {
            **{
                host: {"log_forwarder.running", "log_forwarder.forwarding", "log_forwarder.as_laid_down"}
                for host in ("web", "vault")
            },
            "collector1": {"log_collector.all_heard", "log_collector.logins"},
            "collector2": {"log_collector.logins"},
        },
    ),
    # Two at once where senders are to notice: an inspection waits for their connections, for each collector alike.
    "TLS switched off, and a receiver that every account reaches": Drift(
        {
            "collector1": "sed -i.was 's/ ssl crt .*//' /etc/order82/front.cfg; systemctl restart order82-front",
            "collector2": "mkdir -p /run/systemd/system/order82-collect.service.d; "
            "printf '[Service]\\nPrivateNetwork=false\\n' > /run/systemd/system/order82-collect.service.d/x.conf; "
            "systemctl daemon-reload; systemctl restart order82-collect",
        },
        {
            "collector1": "mv /etc/order82/front.cfg.was /etc/order82/front.cfg; systemctl restart order82-front",
            "collector2": "nft delete table ip order82_limits; rm -r /run/systemd/system/order82-collect.service.d; systemctl daemon-reload; systemctl restart order82-collect",
        },
        {
            "collector1": {"log_collector.listener", "log_collector.as_laid_down"},
            "collector2": {f"log_collector.{name}" for name in ("front", "listener", "origin", "as_laid_down")},
        },
    ),
    "the front stopped, and a receiver": Drift(
        {
            "collector1": "systemctl stop order82-front.socket order82-front.service",
            "collector2": "systemctl stop order82-collect",
        },
        {
            "collector1": "systemctl start order82-front.socket order82-front.service",
            "collector2": "systemctl start order82-collect",
        },
        {
            "collector1": {f"log_collector.{name}" for name in ("front", "listener", "origin", "as_laid_down")},
            "collector2": {
                f"log_collector.{name}"
                for name in ("receiving", "front", "listener", "origin", "shares", "as_laid_down")
            },
        },
    ),
    "certificate of another authority": Drift(
        {
            # One that the host itself trusts.
            "web": "cd /etc/order82/tls; cp -a host.crt ca.crt /root/; openssl req -x509 -key host.key -subj /CN=web -days 900 -out host.crt 2>/dev/null; "
            "cat host.crt >>ca.crt"
        },
        {"web": "cp -a /root/host.crt /root/ca.crt /etc/order82/tls/"},
        {"web": {"order82.certificate", "order82.as_laid_down"}},
    ),
}
RULES = "/var/lib/order82-ids/rules/suricata.rules"
JOURNAL_AGAIN = "systemctl restart systemd-journald"
# What only the comparison with what was laid down sees, and settings of others' that hollow a measure out.
DRIFTS |= {
    "a drop-in under /run": Drift(
        {
            "web": "mkdir -p /run/systemd/system/order82-config.service.d; "
            "printf '[Service]\\nExecStart=\\nExecStart=/usr/bin/sleep infinity\\n' > /run/systemd/system/order82-config.service.d/x.conf; "
            "systemctl daemon-reload"
        },
        {"web": "rm -r /run/systemd/system/order82-config.service.d; systemctl daemon-reload"},
        {"web": {"log_forwarder.as_laid_down"}},
    ),
    "a recorder is frozen": Drift(
        {"vault": "systemctl freeze order82-config.service"},
        {"vault": "systemctl thaw order82-config.service"},
        {"vault": {"log_forwarder.as_laid_down"}},
    ),
    "a timer is set to once a year": Drift(
        {
            "web": "cp -a /etc/systemd/system/order82-antivirus-test.timer /root/; "
            "sed -i s/OnCalendar=.*/OnCalendar=yearly/ /etc/systemd/system/order82-antivirus-test.timer; systemctl daemon-reload"
        },
        {"web": "mv /root/order82-antivirus-test.timer /etc/systemd/system/; systemctl daemon-reload"},
        {"web": {"antivirus.as_laid_down"}},
    ),
    "the journal keeps little": Drift(
        {
            "vault": "mkdir -p /run/systemd/journald.conf.d; "
            f"printf '[Journal]\\nMaxLevelStore=crit\\n' > /run/systemd/journald.conf.d/zz.conf; {JOURNAL_AGAIN}"
        },
        {"vault": f"rm -r /run/systemd/journald.conf.d; {JOURNAL_AGAIN}"},
        {"vault": {"log_forwarder.journal", "log_forwarder.as_laid_down"}},
    ),
    "the command does nothing any more": Drift(
        {"vault": "cp -a /usr/bin/order82 /root/; printf '#!/bin/sh\\nexit 0\\n' > /usr/bin/order82"},
        {"vault": "cp -a --remove-destination /root/order82 /usr/bin/order82"},
        {"vault": {"order82.as_laid_down"}},
    ),
    "fail2ban is patient": Drift(
        {"vault": "printf '[sshd]\\nmaxretry = 1000\\n' > /etc/fail2ban/jail.d/zz.local; systemctl restart fail2ban"},
        {"vault": "rm /etc/fail2ban/jail.d/zz.local; systemctl restart fail2ban"},
        {"vault": {"intrusion_prevention.bans"}},
    ),
    "a rule is taken out of Suricata's file": Drift(
        {"gateway": f"cp -p {RULES} /root/r; sed -i '/sid:8200003;/d' {RULES}"},
        {"gateway": f"cp -p /root/r {RULES}"},
        {"gateway": {"intrusion_detection.rules"}},
    ),
    "Suricata keeps payloads": Drift(
        {
            "gateway": "cp -p /etc/suricata/order82.yaml /root/; "
            "sed -i 's/^\\( *\\)tagged-packets: no/&\\n\\1payload: yes/' /etc/suricata/order82.yaml"
        },
        {"gateway": "cp -p /root/order82.yaml /etc/suricata/"},
        {"gateway": {"intrusion_detection.no_payloads", "intrusion_detection.as_laid_down"}},
    ),
    "destinations are recorded without a basis": Drift(
        {
            "gateway": 'cp -p /etc/order82/nat.json /root/; sed -i \'s/"log_destinations": false/"log_destinations": true/\' /etc/order82/nat.json'
        },
        {"gateway": "cp -p /root/nat.json /etc/order82/"},
        {"gateway": {"nat_gateway.destinations", "nat_gateway.as_laid_down"}},
    ),
    "a reader that nobody named": Drift(
        {"collector1": "gpasswd --add nobody order82-session"},
        {"collector1": "gpasswd --delete nobody order82-session"},
        {"collector1": {"log_collector.readers"}},
    ),
    "the command answers without a case": Drift(
        {"collector2": "cp -a /usr/bin/order82 /root/; printf '#!/bin/sh\\necho 100.64.0.7\\n' > /usr/bin/order82"},
        {"collector2": "cp -a --remove-destination /root/order82 /usr/bin/order82"},
        {
            "collector2": {"nat_log.look_ups", "nat_log.indexing", "nat_log.as_laid_down", "order82.as_laid_down"}
            | {f"log_collector.{name}" for name in ("housekeeping", "as_laid_down")}
        },
        still={"collector2": ("order82-records.timer", "order82-nat-index.timer")},
    ),
    "a second translation": Drift(
        {
            "gateway": "nft 'table ip rogue { chain post { type nat hook postrouting priority 90; ip saddr 10.82.3.98 masquerade; }; }'"
        },
        {"gateway": "nft delete table ip rogue"},
        {"gateway": {"nat_gateway.plan"}},
    ),
    "the recorder is made deaf": Drift(
        {"gateway": "sysctl -qw net.netfilter.nf_conntrack_events=0"},
        {"gateway": "sysctl -qw net.netfilter.nf_conntrack_events=1"},
        {"gateway": {"nat_gateway.recording", "nat_gateway.as_laid_down"}},
    ),
    "logins leave no record": Drift(
        {"web": "echo LogLevel QUIET > /etc/ssh/sshd_config.d/x.conf; systemctl reload ssh"},
        {"web": "rm /etc/ssh/sshd_config.d/x.conf; systemctl reload ssh"},
        {"web": {"log_forwarder.logins"}, **LOGINS},
    ),
    "a program is another": Drift(
        {"web": "cp -a /usr/sbin/logrotate /root/; printf '#!/bin/sh\\n' > /usr/sbin/logrotate"},
        {"web": "cp -a --remove-destination /root/logrotate /usr/sbin/logrotate"},
        {"web": {"log_forwarder.as_laid_down", "log_forwarder.rotation"}},
    ),
}
# Collectors that nobody can reach are red at each sender too: every one of them keeps its own connections.
UNREACHED = ("TLS switched off, and a receiver that every account reaches", "the front stopped, and a receiver")
for _name in UNREACHED:
    for _host in ALL:
        DRIFTS[_name].red.setdefault(_host, set()).add("log_forwarder.forwarding")
# Where two causes make the same check red, which of them did: the collectors that a host can't reach, and the hosts
# whose logins a collector misses.
UNCONNECTED = {name: {host: {"collector1", "collector2"} for host in ALL} for name in UNREACHED}
UNCONNECTED["forwarding to one collector lost, and a host silent"] = {
    "web": {"collector2"},
    "vault": {"collector1", "collector2"},
}
MISSED = {
    "forwarding to one collector lost, and a host silent": {"collector1": {"vault"}, "collector2": {"vault", "web"}}
}


@pytest.mark.parametrize("name", DRIFTS)
def test_drift_is_seen(lab: Lab, name: str) -> None:
    with broken(lab, DRIFTS[name]):
        seen = lab.sees(DRIFTS[name])
    observed = {(one["host"], one["check"]): one["observed"] for one in seen["results"]}
    for host, collectors in UNCONNECTED.get(name, {}).items():
        told = observed[host, "log_forwarder.forwarding"]
        assert {*told["unconnected"], *told["unanswered"]} == collectors, host
    for collector, hosts in MISSED.get(name, {}).items():
        assert hosts <= {one.split(":")[0] for one in observed[collector, "log_collector.logins"]["missing"]}, collector


MENDED = (
    "unit masked",
    "unit disabled",
    "mode of the key loosened",
    "journal's configuration changed",
    "a drop-in under /run",
    "a timer is set to once a year",
    "the command does nothing any more",
    "the recorder is made deaf",
    "a rule is taken out of Suricata's file",
)


def test_an_apply_mends_and_keeps_what_was_foreign_as_evidence(lab: Lab) -> None:
    """Many at once, on hosts that an apply would otherwise leave at once."""
    drifts = [DRIFTS[name] for name in MENDED]
    lab.green()
    try:
        for drift in drifts:
            for host, command in drift.breaks.items():
                lab.do(host, command)
        lab.do("vault", "systemctl freeze order82-files.service")
        lab.play("site.yml", "--limit", "web:vault:gateway")
        lab.green()
        kept = {
            host: lab.do(host, "cd /var/lib/order82/set_aside && cat */*x.conf */*zz.conf 2>/dev/null", ok=(0, 1))
            for host in ("web", "vault")
        }
        assert "ExecStart=/usr/bin/sleep infinity" in kept["web"]
        assert "MaxRetentionSec=7day" in kept["vault"]
        assert set(lab.do("vault", "stat -c %a:%U /var/lib/order82/set_aside/*").split()) == {"700:root"}
        assert changed(lab.play("site.yml", "--limit", "web:vault:gateway")) == {}
    except BaseException:
        lab.play("site.yml", "--limit", "web:vault:gateway")
        raise
    lab.green()
