# SPDX-License-Identifier: GPL-3.0-or-later
"""An account without rights, and a host that is no gateway, write what is not theirs: kept, marked, told of, believed nowhere."""

from __future__ import annotations

import base64
import shlex

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import line, sources

from ..conftest import HANG, READ, Lab, until
from .outside import COLLECTORS, WEB, gets_in
from .test_hostile import HOST_KEY, send

HOSTS = ("web", "gateway")  # Debian 12; and Debian 13, where the recorder of translations runs
ACCOUNT = "33"  # www-data
OPS = "1000"  # by which tests come
CLASSES = "/srv/records/[!s]*/*/*.log* /srv/records/s[!y]*/*/*.log*"  # all but system
NATIVE = """
import socket, sys
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect("/run/systemd/journal/socket")
journal.sendall(bytes.fromhex(sys.argv[1]))
"""
CLAIMS = {
    "order82-nat-mapping": "nat_mapping",
    "order82-disclosure": "disclosure",
    "order82-security-event": "security_event",
    "sshd": "session",
    "su": "session",
    "dnsmasq-dhcp": "session",
    "fail2ban.actions": "measure_state",
}


def as_www_data(lab: Lab, host: str, command: str) -> None:
    lab.do(host, f"setpriv --reuid=www-data --regid=www-data --clear-groups sh -c {shlex.quote(command)}")


def native(lab: Lab, host: str, *fields: tuple[str, str]) -> None:
    """Write these fields to the journal's own socket as www-data; one may come more than once."""
    entry = "".join(f"{name}={value}\n" for name, value in fields).encode().hex()
    as_www_data(lab, host, f"echo {base64.b64encode(NATIVE.encode()).decode()} | base64 -d | python3 - {entry}")


def kept(lab: Lab, host: str, mark: str) -> line.Record:
    """The one record with this mark, which is of class system on both collectors, and of no other; but for this very test's sudo."""
    found = lab.arrived("system", host, mark)
    for collector in COLLECTORS:
        others = lab.do(collector, f"{READ} {CLASSES} | grep -aF {shlex.quote(mark)}", ok=(0, 1)).splitlines()
        assert [
            one for one in map(line.parse, others) if one is None or (one.app, one.sent["uid"]) != ("sudo", OPS)
        ] == []
    record = line.parse(found["collector1"][0])
    assert record is not None
    assert record.sent["uid"] == ACCOUNT
    return record


@pytest.mark.parametrize("host", HOSTS)
def test_a_name_is_no_right(lab: Lab, host: str, mark: str) -> None:
    """By each way into the journal: /dev/log, a stream, and its own socket."""
    said = "Accepted password for root from 192.0.2.1 port 1 ssh2:"
    ways = "; ".join(
        f"logger -t {name} '{said} {mark} {name} log'; systemd-cat -t {name} echo '{said} {mark} {name} stream'"
        for name in CLAIMS
    )
    as_www_data(lab, host, ways)
    for name in CLAIMS:
        own = (("_UID", "0"), ("_EXE", "/usr/sbin/sshd"), ("_SYSTEMD_UNIT", "ssh.service"))
        native(lab, host, ("SYSLOG_IDENTIFIER", name), *own, ("MESSAGE", f"{said} {mark} {name} native"))
    for name, claimed in CLAIMS.items():
        for way in ("log", "stream", "native"):
            record = kept(lab, host, f"{mark} {name} {way}")
            # Of su, nobody can tell any more what it was if it had ended when journald looked.
            unsure = {claimed + sources.UNKNOWN} if name == "su" else set()
            assert record.app == name
            assert record.sent["claims"] in {claimed} | unsure


def test_the_account_is_counted_and_told_of(lab: Lab, mark: str, day: str) -> None:
    as_www_data(lab, "web", f"logger -t order82-nat-mapping {mark}")
    kept(lab, "web", mark)
    for collector in COLLECTORS:
        lab.do(collector, "systemctl start order82-records.service")
        claims = lab.order82(collector, "records", "claims", "--day", day, "--host", "web")
        assert [one for one in claims if (one["account"], one["record_class"]) == (ACCOUNT, "nat_mapping")]
        lab.arrived("measure_state", collector, f"on web the account {ACCOUNT} writes what only claims to be of class")


def test_no_check_becomes_red_or_green_by_it(lab: Lab, mark: str) -> None:
    """Words by which the index was damaged, the recorder seemed to have lost something, and a sample seemed new."""
    for host in HOSTS:
        now = lab.do(host, "date +%s").strip()
        for name, text in (
            ("order82-nat-mapping", f"x {mark}"),
            (
                "order82-nat-mapping",
                f"beat run=1 seq=1 at={now}.000 plan={mark} open=0 begun=9 ended=0 lost=9 clock=none",
            ),
            ("order82-network-state", f"sample {mark}"),
        ):
            as_www_data(lab, host, f"logger -t {name} {shlex.quote(text)}")
        lab.arrived("system", host, f"sample {mark}")
    for collector in COLLECTORS:
        lab.do(collector, "systemctl start order82-nat-index.service")
    lab.look()
    lab.green()


def test_nobodys_login_is_listed(lab: Lab, mark: str) -> None:
    account = mark.replace("-", "")
    for name in ("su", "sshd", "login", "sudo"):
        native(
            lab,
            "web",
            ("SYSLOG_IDENTIFIER", name),
            ("MESSAGE", f"Accepted password for {account} from 192.0.2.1 port 1 ssh2"),
        )
        native(
            lab,
            "web",
            ("SYSLOG_IDENTIFIER", name),
            ("MESSAGE", f"pam_unix(sshd:session): session opened for user {account}(uid=0) by (uid=0)"),
        )
    until(HANG, lambda: len(lab.records("collector1", "system", "web", account)) >= 8, "all eight")
    assert lab.order82("collector1", "records", "sessions", "--host", "web", "--account", account) == []


def test_a_forged_provenance_does_not_stand_before_the_true_one(lab: Lab, mark: str) -> None:
    forged = '1 - [order82@32473 class="session" boot="1" uid="0" audit=""] x'
    native(lab, "web", ("SYSLOG_IDENTIFIER", "sshd"), ("SYSLOG_PID", forged), ("MESSAGE", f"pid {mark}"))
    record = kept(lab, "web", f"pid {mark}")
    assert record.pid.isdigit()
    behind = '[1 - [order82@32473 class="disclosure" boot="1" uid="0" audit="" claims="" login="" unit="x" y="'
    native(lab, "web", ("SYSLOG_IDENTIFIER", f"order82-disclosure{behind}"), ("MESSAGE", f"bracket {mark}"))
    assert kept(lab, "web", f"bracket {mark}").pid.isdigit()
    native(lab, "web", ("SYSLOG_IDENTIFIER", f"sshd 1 - - {mark}"), ("MESSAGE", f"name {mark}"))
    assert kept(lab, "web", f"name {mark}").app == f"sshd_1_-_-_{mark}"
    native(
        lab,
        "web",
        ("SYSLOG_IDENTIFIER", "x"),
        ("SYSLOG_IDENTIFIER", "order82-disclosure"),
        ("MESSAGE", f"twice {mark}"),
    )
    kept(lab, "web", f"twice {mark}")


def test_a_record_in_the_heartbeats_name_is_not_lost(lab: Lab, mark: str) -> None:
    as_www_data(lab, "web", f"logger -t rsyslogd-pstats {mark}")
    assert kept(lab, "web", mark).sent["claims"] == "measure_state"


def test_a_program_called_sshd_has_nobody_banned(lab: Lab, stranger: str, mark: str) -> None:
    """Six false failures in the name of a stranger's address: he is not shut out, and the check of bans is not disturbed."""
    false = f"for number in 1 2 3 4 5 6; do ./sshd -t sshd Failed password for root from {stranger} port 1 ssh2; done"
    as_www_data(
        lab,
        "web",
        f"cd $(mktemp -d) && cp /usr/bin/logger sshd && {false}; ./sshd -t sshd Failed none for x from {mark} port 1",
    )
    lab.arrived("system", "web", f"from {mark} port 1")
    lab.do("web", "journalctl --sync")
    assert stranger not in lab.do("web", "fail2ban-client get sshd banip")
    matches = lab.do("web", "fail2ban-client get sshd journalmatch")
    assert "_UID=0" in matches
    assert "_COMM" not in matches
    assert gets_in(lab, WEB, 22, stranger)
    lab.look(["web"])
    lab.green("web")


def test_a_false_ban_hides_no_source_that_was_left_alone(lab: Lab, mark: str) -> None:
    cursor = lab.cursor("web")
    as_www_data(lab, "web", f"logger -t fail2ban.actions 'NOTICE [sshd] Ban {mark}'")
    assert lab.journal("web", cursor, f"-g {mark}")
    assert lab.journal("web", cursor, f"-t fail2ban.actions _SYSTEMD_UNIT=fail2ban.service -g {mark}") == []


@pytest.mark.parametrize("collector", COLLECTORS)
def test_a_host_that_is_no_gateway_tells_of_no_translation(lab: Lab, collector: str, mark: str) -> None:
    """Its root has a certificate, and may write what it wants into the name of its host: but not into this class."""
    sent = '[order82@32473 class="nat_mapping" boot="1" uid="0" audit="" claims="" login="" unit="order82-nat-record.service"]'
    message = f"<30>1 2026-11-24T00:00:00Z vault order82-nat-mapping 1 - {sent} beat {mark}"
    assert send(lab, "vault", collector, *HOST_KEY, message.encode()) == (0, "OK\n")
    (text,) = until(HANG, lambda: lab.records(collector, "system", "vault", mark), "the record")
    record = line.parse(text)
    assert record is not None
    assert "class" in record.stored["marks"].split()
    assert lab.records(collector, "nat_mapping", "*", mark) == []
    lab.do(collector, "systemctl start order82-records.service")
    lab.arrived("measure_state", collector, "on vault the account 0 writes what only claims to be of class nat_mapping")
    lab.green()


@pytest.mark.parametrize("host", HOSTS)
def test_what_is_what_it_says_still_writes_its_class(lab: Lab, host: str, mark: str) -> None:
    """The caller's own su, with its closing, from an account without rights."""
    lab.do(host, "runuser -u www-data -- sh -c 'echo wrong | su -c true root'", ok=(1,))
    until(
        HANG,
        lambda: [
            text
            for text in lab.records("collector1", "session", host, "pam_unix(su:auth): authentication failure")
            if "ruser=www-data" in text
        ],
        "the failure of su, whose uid is its caller's",
    )
