# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may write which class: the forwarder's rules, read as rsyslog reads them, on what journald gave for real senders."""

from __future__ import annotations

import re

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils import record_rules

_ARRAY = re.compile(r"(\$[!\w]+) == (\[[^\]]*\])")
_WORD = re.compile(r'(\$[!\w]+) (startswith|contains) ("(?:[^"\\]|\\.)*")')
_SEARCH = re.compile(r're_match\((\$\w+), ("(?:[^"\\]|\\.)*")\)')
_SET = re.compile(r'set \$\.(\w+) = "([\w?]*)";')


def sorted_into(fields: dict[str, str], message: str, gateway: bool = False) -> tuple[str, str]:
    """The class and the claim by the rendered rules; a name is looked up as rsyslog does, absent is empty."""
    known = {"class": "system", "claims": ""}
    lines = ["def run(get, known, search):"]
    for line in record_rules.render(gateway).splitlines():
        depth = len(line) - len(line.lstrip()) + 4
        text = line.strip().lstrip("} ").replace(" then {", ":").replace("else {", "else:").replace("else if", "elif")
        text = _SEARCH.sub(r"search(\2, get('\1'))", text)
        text = _ARRAY.sub(r"(get('\1') in \2)", text)
        text = _WORD.sub(
            lambda m: f"get('{m[1]}').startswith({m[3]})" if m[2] == "startswith" else f"({m[3]} in get('{m[1]}'))",
            text,
        )
        text = _SET.sub(r"known['\1'] = '\2'", text)
        lines += [" " * depth + text] if text else []
    space: dict = {}
    exec("\n".join(lines), space)
    values = {"$programname": fields.get("SYSLOG_IDENTIFIER", ""), "$msg": message}
    values |= {"$!" + key: value for key, value in fields.items()}
    space["run"](lambda name: values.get(name, ""), known, re.search)
    return known["class"], known["claims"]


def sender(name: str, uid: int, exe: str = "", unit: str = "", **more: str) -> dict[str, str]:
    return {
        "SYSLOG_IDENTIFIER": name,
        "_UID": str(uid),
        "_EXE": exe,
        "_SYSTEMD_UNIT": unit,
        "_TRANSPORT": "syslog",
        **more,
    }


ALL, NONE = {"_CAP_EFFECTIVE": "1ffffffffff"}, {"_CAP_EFFECTIVE": "0"}
SCOPE, PYTHON = "session-4.scope", "/usr/bin/python3.11"
OPENED = "pam_unix(su:session): session opened for user root(uid=0) by (uid=1001)"


@pytest.mark.parametrize(
    ("fields", "message", "record_class"),
    [
        (sender("sshd", 0, "/usr/sbin/sshd", "ssh.service"), "Accepted publickey for ops", "session"),
        (sender("sshd", 0, "/usr/sbin/sshd", SCOPE), "pam_unix(sshd:session): session closed", "session"),
        (sender("sshd-session", 0, "/usr/lib/openssh/sshd-session", "ssh.service"), "Failed password", "session"),
        (sender("sshd-session", 0), "it has ended already, and only root has this uid", "session"),
        (sender("su", 1001, "/usr/bin/su", SCOPE, **ALL), OPENED, "session"),
        (sender("su", 1001, "", SCOPE, _COMM="su", **ALL), OPENED, "session"),
        (sender("su", 0, "/usr/bin/su", SCOPE, **ALL), OPENED, "session"),
        (sender("sudo", 1001, "/usr/bin/sudo", SCOPE, **ALL), "ops : COMMAND=/bin/true", "maintenance"),
        (sender("sudo", 1001, "/usr/bin/sudo", SCOPE, **ALL), "pam_unix(sudo:session): session opened", "session"),
        (sender("login", 0, "/usr/bin/login", "getty@tty1.service"), "LOGIN ON tty1 BY ops", "session"),
        (sender("systemd-logind", 0, "/usr/lib/systemd/systemd-logind", "systemd-logind.service"), "New", "session"),
        (sender("dnsmasq-dhcp", 105, "/usr/sbin/dnsmasq", "dnsmasq.service"), "DHCPACK", "session"),
        (sender("freeradius", 106, "/usr/sbin/freeradius", "freeradius.service"), "accounting Start", "session"),
        (sender("systemd", 0, "/usr/lib/systemd/systemd", "init.scope"), "Started x", "maintenance"),
        (sender("dpkg", 998, "/usr/sbin/rsyslogd", "order82-files.service"), "status installed", "maintenance"),
        (sender("useradd", 0), "new user", "maintenance"),
        (sender("ansible-ansible.legacy.command", 0, PYTHON, SCOPE), "Invoked with", "maintenance"),
        (sender("order82-backup", 0, PYTHON, "order82-backup.service"), "backup {}", "maintenance"),
        (sender("audisp-syslog", 0, "/usr/sbin/audisp-syslog", "auditd.service"), "type=SYSCALL msg", "maintenance"),
        (sender("audisp-syslog", 0, "/usr/sbin/audisp-syslog", "auditd.service"), "type=USER msg", "measure_state"),
        (sender("audisp-syslog", 0, "/usr/sbin/audisp-syslog", "auditd.service"), "type=CRED_ACQ msg", "system"),
        (sender("fail2ban.actions", 0, PYTHON, "fail2ban.service"), "[sshd] Ban 192.0.2.1", "security_event"),
        (sender("fail2ban.jail", 0, PYTHON, "fail2ban.service"), "Jail started", "measure_state"),
        (sender("suricata", 107, "/usr/bin/suricata", "suricata.service"), '{"event_type":"alert"}', "security_event"),
        (
            sender("suricata", 107, "/usr/bin/suricata", "suricata.service"),
            '{"event_type":"alert","signature_id":8200001,}',
            "measure_state",
        ),
        (sender("rsyslogd", 998, "/usr/sbin/rsyslogd", "order82-forward@c1.service"), "started", "measure_state"),
        (sender("rsyslogd", 997, "", "order82-collect.service"), "authentication error", "security_event"),
        (sender("order82", 996, PYTHON, "order82-nat-record.service"), "alarm", "measure_state"),
        (sender("chronyd", 104, "/usr/sbin/chronyd", "chrony.service"), "Selected source", "measure_state"),
        (sender("order82-security-event", 995, PYTHON, "order82-antivirus.service"), "virus", "security_event"),
        (sender("order82-network-state", 994, PYTHON, "order82-network.service"), "sample {}", "network_state"),
        (sender("order82-network-state", 0, PYTHON, "keepalived.service"), "standby {}", "network_state"),
        (sender("order82-disclosure", 0, PYTHON, SCOPE), "asked {}", "disclosure"),
        (sender("order82-publication", 0, "/usr/bin/logger"), "published", "publication"),
    ],
)
def test_who_is_what_it_says_writes_its_class(fields, message, record_class):
    assert sorted_into(fields, message) == (record_class, "")


@pytest.mark.parametrize(
    ("fields", "message", "claims"),
    [
        (sender("order82-nat-mapping", 33), "x", "nat_mapping"),
        (sender("order82-nat-mapping", 33, "/usr/bin/logger", "nginx.service"), "beat at=now", "nat_mapping"),
        (sender("order82-nat-mapping", 33, PYTHON, SCOPE), "flows", "nat_mapping"),
        (sender("su", 33, PYTHON, "nginx.service", **NONE), "Accepted password for root", "session"),
        (sender("su", 33, "/usr/bin/su", SCOPE, **NONE), OPENED, "session"),  # no_new_privs and LD_PRELOAD
        (sender("su", 33, "", SCOPE, _COMM="logger"), OPENED, "session"),
        (
            sender("sshd", 33, "/tmp/sshd", SCOPE, _COMM="sshd"),
            "Failed password for x from 192.0.2.1 port 1",
            "session",
        ),
        (
            sender("sshd", 33),
            "Failed password for x from 192.0.2.1 port 1",
            "session",
        ),  # no account's own sshd says this
        (sender("sshd", 33, "/usr/sbin/sshd", SCOPE), "Accepted password for root", "session"),  # a daemon of his own
        (sender("sshd", 0, "/usr/bin/su", SCOPE), "called by another name", "session"),
        (sender("login", 33, "/usr/bin/login", SCOPE), OPENED, "session"),
        (sender("dnsmasq-dhcp", 33, "/usr/sbin/dnsmasq", "nginx.service"), "DHCPACK", "session"),
        (sender("dnsmasq-dhcp", 1001, "/usr/sbin/dnsmasq", "user@1001.service"), "DHCPACK", "session"),
        (sender("fail2ban.actions", 33, PYTHON, SCOPE), "] Ban 192.0.2.1", "measure_state"),
        (sender("suricata", 33, "/usr/bin/suricata", SCOPE), '{"event_type":"alert"}', "measure_state"),
        (sender("audisp-syslog", 33), "type=SYSCALL ", "maintenance"),
        (sender("rsyslogd-pstats", 33), "omrelp", "measure_state"),
        (sender("order82", 33, PYTHON, "nginx.service"), "alarm", "measure_state"),
        (sender("order82-disclosure", 33, PYTHON, SCOPE), "asked {}", "disclosure"),
        (sender("order82-publication", 33, "/usr/bin/logger"), "published", "publication"),
        (sender("dpkg", 33, "/usr/bin/dpkg"), "status installed", "maintenance"),
        # It has ended, and nobody can say what it was.
        (sender("su", 33), OPENED, "session?"),
        (sender("sudo", 1001), "ops : user NOT in sudoers ; COMMAND=/bin/true", "session?"),
        (sender("passwd", 33), "password changed for root", "maintenance?"),
        (sender("sshd-session", 1001), "Disconnected from user ops", "session?"),
        (sender("ansible-setup", 1001), "Invoked with", "maintenance?"),
    ],
)
def test_who_only_says_so_is_kept_as_system_and_marked(fields, message, claims):
    assert sorted_into(fields, message, gateway=True) == ("system", claims)


@pytest.mark.parametrize("uid", [0, 990])
def test_translations_are_told_by_the_recorder_of_a_gateway_only(uid):
    fields = sender("order82-nat-mapping", uid, PYTHON, "order82-nat-record.service")
    assert sorted_into(fields, "beat", gateway=True) == ("nat_mapping", "")
    assert sorted_into(fields, "beat", gateway=False) == ("system", "nat_mapping")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (sender("probe", 33), "a word"),
        (sender("sshd-session", 1001, "/usr/lib/openssh/sshd-session", SCOPE, **NONE), "Disconnected from user ops"),
        (sender("sshd", 1001, "", SCOPE, _COMM="sshd", **NONE), "Received disconnect from 192.0.2.1"),
        (sender("systemd", 1001, "/usr/lib/systemd/systemd", "user@1001.service"), "Started x"),
        (sender("crontab", 1001, "/usr/bin/crontab", SCOPE), "(ops) REPLACE (ops)"),
        (sender("ansible-setup", 1001, PYTHON, SCOPE), "Invoked with"),
        ({"SYSLOG_IDENTIFIER": "systemd", "_TRANSPORT": "kernel"}, "before journald ran"),
    ],
)
def test_a_program_that_an_account_runs_for_itself_is_system_without_a_claim(fields, message):
    assert sorted_into(fields, message) == ("system", "")
