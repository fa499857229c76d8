# SPDX-License-Identifier: GPL-3.0-or-later
"""One thing breaks on a converged host: exactly the right checks and provisions go red, and green again when it is mended."""

from __future__ import annotations

import pytest

from ..conftest import Lab
from ..drift import Drift, broken
from .conftest import CLOSED as DAY

ALL = ("collector1", "collector2", "gateway", "vault", "web")
STORE_CHECKS = {"all_heard", "integrity", "protection", "retention", "space"}


DRIFTS = {
    "service stopped": Drift(
        {"web": "systemctl stop chrony"},
        {"web": "systemctl start chrony"},
        {"web": {"time_sync.running", "time_sync.offset", "time_sync.sources"}},
    ),
    "unit masked": Drift(
        # Debian's units lie under /usr/lib; ours, in /etc, would have to be moved away first.
        {"vault": "systemctl mask --now rsyslog.service syslog.socket"},
        {"vault": "systemctl unmask rsyslog.service syslog.socket && systemctl start rsyslog.service"},
        {"vault": {"log_forwarder.recorders"}},
    ),
    "unit disabled": Drift(
        {"web": "systemctl disable order82-config.service"},
        {"web": "systemctl enable order82-config.service"},
        {"web": {"log_forwarder.recorders"}},
    ),
    "attribute cleared": Drift(
        {"collector1": f"chattr -i {DAY}/web.log"},
        {"collector1": f"chattr +i {DAY}/web.log"},
        {"collector1": {"log_collector.protection"}},
    ),
    "attribute of a folder cleared": Drift(
        {"collector2": "chattr -a /srv/records/session"},
        {"collector2": "chattr +a /srv/records/session"},
        {"collector2": {"log_collector.protection", "log_collector.housekeeping"}},
        still={"collector2": ("order82-records.timer",)},  # it would set it again within a minute
    ),
    "mode of a record loosened": Drift(
        {"collector1": f"chattr -i {DAY}/web.log; chmod 0644 {DAY}/web.log; chattr +i {DAY}/web.log"},
        {"collector1": f"chattr -i {DAY}/web.log; chmod 0440 {DAY}/web.log; chattr +i {DAY}/web.log"},
        {"collector1": {"log_collector.protection"}},
    ),
    "mode of the key loosened": Drift(
        {"web": "chmod 0644 /etc/order82/tls/host.key"},
        {"web": "chmod 0640 /etc/order82/tls/host.key"},
        {"web": {"order82.key"}},
    ),
    "wrong owner": Drift(
        {"collector2": f"chattr -i {DAY}/vault.log; chown nobody {DAY}/vault.log; chattr +i {DAY}/vault.log"},
        {"collector2": f"chattr -i {DAY}/vault.log; chown order82-collect {DAY}/vault.log; chattr +i {DAY}/vault.log"},
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
        {"vault": {"log_forwarder.journal"}},
    ),
    "TLS switched off": Drift(
        {
            "collector1": 'sed -i.was \'s/tls="on"/tls="off"/\' /etc/order82/collect.conf; systemctl restart order82-collect'
        },
        {"collector1": "mv /etc/order82/collect.conf.was /etc/order82/collect.conf; systemctl restart order82-collect"},
        {"collector1": {"log_collector.listener"}},
    ),
    "clock source removed": Drift(
        {"vault": "sed -i.was '/^server/d' /etc/chrony/chrony.conf; systemctl restart chrony"},
        {"vault": "mv /etc/chrony/chrony.conf.was /etc/chrony/chrony.conf; systemctl restart chrony"},
        {"vault": {"time_sync.offset", "time_sync.sources"}},
    ),
    "record deleted": Drift(
        {"collector1": f"cd {DAY}; chattr -i . vault.log; mv vault.log /root/; chattr +i ."},
        {"collector1": f"cd {DAY}; chattr -i .; mv /root/vault.log .; chattr +i vault.log ."},
        {"collector1": {"log_collector.integrity"}},
    ),
    "record forged": Drift(
        {
            "collector2": f"cd {DAY}; chattr -i web.log; cp -a web.log /root/; chmod +w web.log; echo x >> web.log; chmod 0440 web.log; chattr +i web.log"
        },
        {
            "collector2": f"cd {DAY}; chattr -i . web.log; cp -a --remove-destination /root/web.log .; chattr +i web.log ."
        },
        {"collector2": {"log_collector.integrity"}},
    ),
    "day deleted": Drift(
        {
            "collector1": f"chattr -a /srv/records/session; chattr -i {DAY}; mv {DAY} /root/day; chattr +a /srv/records/session"
        },
        {
            "collector1": f"chattr -a /srv/records/session; mv /root/day {DAY}; chattr +i {DAY}; chattr +a /srv/records/session"
        },
        {"collector1": {"log_collector.retention"}},
    ),
    "retention lowered in the settings": Drift(
        {"collector2": 'sed -i.was \'s/"retention_days": 60/"retention_days": 30/\' /etc/order82/records.json'},
        {"collector2": "mv /etc/order82/records.json.was /etc/order82/records.json"},
        {"collector2": {f"log_collector.{name}" for name in STORE_CHECKS} | {"nat_log.answer"}},
    ),
    "housekeeping stopped": Drift(
        {"collector1": "systemctl disable --now order82-records.timer"},
        {"collector1": "systemctl enable --now order82-records.timer"},
        {"collector1": {"log_collector.housekeeping"}},
    ),
    "forwarding to one collector lost": Drift(
        {"web": "systemctl stop order82-forward@collector2"},
        {"web": "systemctl start order82-forward@collector2"},
        {"web": {"log_forwarder.running", "log_forwarder.forwarding"}},
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
    "host silent": Drift(
        {
            "vault": "systemctl stop 'order82-forward@*'",
            "collector1": "cd /srv/records; for f in $(lsattr */*/vault.log | sed -n 's/^-----a[^ ]* //p'); do chattr -a $f; touch -d '-10 minutes' $f; chattr +a $f; done",
        },
        {"vault": "systemctl start order82-forward@collector1 order82-forward@collector2; logger -t probe back"},
        {"vault": {"log_forwarder.running", "log_forwarder.forwarding"}, "collector1": {"log_collector.all_heard"}},
    ),
    "receiver stopped": Drift(
        {"collector2": "systemctl stop order82-collect"},
        {"collector2": "systemctl start order82-collect"},
        {"collector2": {"log_collector.receiving", "log_collector.listener"}},
    ),
    "certificate of another authority": Drift(
        {
            "web": "cd /etc/order82/tls; cp -a host.crt /root/; openssl req -x509 -key host.key -subj /CN=web -days 900 -out host.crt 2>/dev/null"
        },
        {"web": "cp -a /root/host.crt /etc/order82/tls/host.crt"},
        {"web": {"order82.certificate"}},
    ),
}
# A collector that nobody can reach is red at each sender too: every one of them keeps its own connection.
for _name, _collector in (("TLS switched off", "collector1"), ("receiver stopped", "collector2")):
    for _host in ALL:
        DRIFTS[_name].red.setdefault(_host, set()).add("log_forwarder.forwarding")


@pytest.mark.parametrize("name", DRIFTS)
def test_drift_is_seen(lab: Lab, name: str) -> None:
    with broken(lab, DRIFTS[name]):
        lab.sees(DRIFTS[name])
