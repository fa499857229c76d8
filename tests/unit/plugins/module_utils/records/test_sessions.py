# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairing of logins and logouts, with the words that Debian 12 and 13 write."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import sessions
from ansible_collections.order82.baseline.plugins.module_utils.records.sessions import pair
from ansible_collections.order82.baseline.plugins.module_utils.records.settings import Settings


def lines(*rows: tuple[int, str, int, str]) -> list[str]:
    return [
        f'<86>1 2026-11-24T10:00:{second:02d}.000000+00:00 liar {app} {pid} - [order82@32473 class="session" boot="b1" uid="0" audit=""]'
        f'[stored@32473 at="2026-11-24T10:01:00+00:00" from="10.0.0.1" marks=""] {message}'
        for second, app, pid, message in rows
    ]


CASES = Path(__file__).with_name("cases")


LOGIN = (
    (1, "sshd-session", 50, "Accepted publickey for ops from 10.82.1.100 port 51234 ssh2: ED25519 SHA256:x"),
    (1, "sshd-session", 50, "pam_unix(sshd:session): session opened for user ops(uid=1000) by ops(uid=0)"),
    (9, "sshd-session", 50, "pam_unix(sshd:session): session closed for user ops"),
)


def test_login_and_logout_are_paired():
    (one,) = pair("web", lines(*LOGIN))
    assert one == {
        "host": "web",
        "service": "sshd",
        "account": "ops",
        "by": "ops",
        "address": "10.82.1.100",
        "port": "51234",
        "terminal": "",
        "method": "publickey",
        "key": "ED25519 SHA256:x",
        "opened": "2026-11-24T10:00:01.000000+00:00",
        "closed": "2026-11-24T10:00:09.000000+00:00",
        "outcome": "closed",
    }


def test_arriving_twice_counts_once():
    assert len(pair("web", lines(*LOGIN, *LOGIN))) == 1


def test_two_sessions_at_once_are_told_apart_by_process():
    other = (
        (2, "sshd", 51, "Accepted password for root from 10.82.1.9 port 4 ssh2"),
        (2, "sshd", 51, "pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)"),
    )
    one, two = pair("web", lines(*LOGIN[:2], *other, LOGIN[2]))
    assert (one["outcome"], two["outcome"], two["account"]) == ("closed", "open", "root")


def test_refused_login_names_account_address_and_port():
    (one,) = pair(
        "web",
        lines(
            (3, "sshd", 60, "Invalid user eve from 198.51.100.10 port 7 "),
            (4, "sshd", 60, "Connection closed by invalid user eve 198.51.100.10 port 7 [preauth]"),
        ),
    )
    assert (one["outcome"], one["account"], one["address"], one["port"]) == ("refused", "eve", "198.51.100.10", "7")


def test_each_failed_password_counts():
    found = pair(
        "web",
        lines(
            (3, "sshd", 60, "Failed password for ops from 198.51.100.10 port 7 ssh2"),
            (4, "sshd", 61, "Failed password for invalid user eve from 198.51.100.10 port 8 ssh2"),
        ),
    )
    assert [one["account"] for one in found] == ["ops", "eve"]


def test_sudo_names_who_and_whom():
    (one,) = pair(
        "web",
        lines(
            (5, "sudo", 70, "pam_unix(sudo:session): session opened for user root(uid=0) by ops(uid=1000)"),
            (6, "sudo", 70, "pam_unix(sudo:session): session closed for user root"),
        ),
    )
    assert (one["service"], one["account"], one["by"], one["outcome"]) == ("sudo", "root", "ops", "closed")


def test_su_names_the_terminal():
    (one,) = pair(
        "web",
        lines(
            (5, "su", 71, "(to root) ops on pts/0"),
            (5, "su", 71, "pam_unix(su:session): session opened for user root(uid=0) by ops(uid=1000)"),
        ),
    )
    assert (one["terminal"], one["outcome"]) == ("pts/0", "open")


def test_failed_su_is_refused():
    (one,) = pair(
        "web",
        lines(
            (
                5,
                "su",
                72,
                "pam_unix(su:auth): authentication failure; logname= uid=1000 euid=0 tty=/dev/pts/0 ruser=ops rhost=  user=root",
            )
        ),
    )
    assert (one["outcome"], one["account"], one["terminal"]) == ("refused", "root", "/dev/pts/0")


def test_logout_of_an_older_login_is_kept():
    (one,) = pair("web", lines(LOGIN[2]))
    assert (one["outcome"], one["opened"]) == ("closed_only", None)


def test_same_process_number_after_a_restart_is_another_session():
    after = [text.replace('boot="b1"', 'boot="b2"') for text in lines(LOGIN[2])]
    first, second = pair("web", lines(*LOGIN[:2]) + after)
    assert (first["outcome"], second["outcome"]) == ("open", "closed_only")


def test_name_cannot_pretend_another_address():
    (one,) = pair("web", lines((3, "sshd", 60, "Invalid user x from 9.9.9.9 port 1 from 198.51.100.10 port 7")))
    assert (one["address"], one["port"], one["account"]) == ("198.51.100.10", "7", "x from 9.9.9.9 port 1")


def test_name_cannot_pretend_a_login():
    found = pair(
        "web",
        lines(
            (
                3,
                "sshd",
                60,
                "Invalid user Accepted password for root from 9.9.9.9 port 1 ssh2 from 198.51.100.10 port 7",
            ),
            (
                3,
                "sshd",
                61,
                "Invalid user pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0) from 198.51.100.10 port 8",
            ),
        ),
    )
    assert [(one["outcome"], one["address"]) for one in found] == [("refused", "198.51.100.10")] * 2


def test_local_user_cannot_speak_for_sshd():
    forged = [text.replace('uid="0"', 'uid="1000"') for text in lines(*LOGIN)]
    assert pair("web", forged) == []


def test_sudo_of_debian_12_names_a_number():
    (one,) = pair(
        "web", lines((5, "sudo", 70, "pam_unix(sudo:session): session opened for user root(uid=0) by (uid=1000)"))
    )
    assert one["by"] == "1000"


def told(app: str, uid: str, message: str, unit: str = "session-4.scope") -> list[str]:
    return [
        f'<86>1 2026-11-24T10:00:01.000000+00:00 liar {app} 50 - [order82@32473 class="session" boot="b1" uid="{uid}" '
        f'audit="" claims="" login="" unit="{unit}"][stored@32473 at="2026-11-24T10:01:00+00:00" from="10.0.0.1" marks=""] {message}'
    ]


@pytest.mark.parametrize(
    ("app", "uid", "message"),
    [
        ("su", "33", "Accepted password for root from 192.0.2.1 port 1 ssh2"),
        ("su", "0", "pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)"),
        ("su", "33", "pam_unix(su:session): session opened for user root(uid=0) by ops(uid=1000)"),
        ("sudo", "33", "pam_unix(su:session): session opened for user root(uid=0) by (uid=33)"),
        (
            "su",
            "33",
            "pam_unix(su:auth): authentication failure; logname= uid=1000 euid=0 tty=pts/1 ruser=ops rhost=  user=root",
        ),
        ("sshd", "33", "Accepted password for root from 192.0.2.1 port 1 ssh2"),
        ("sshd", "", "Accepted password for root from 192.0.2.1 port 1 ssh2"),
        ("login", "1000", "pam_unix(login:session): session opened for user root(uid=0) by (uid=0)"),
        ("CRON", "0", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"),
    ],
)
def test_a_program_speaks_of_its_own_service_and_of_its_own_caller_only(app, uid, message):
    assert pair("web", told(app, uid, message)) == []


@pytest.mark.parametrize(
    ("app", "uid", "message"),
    [
        ("su", "1000", "pam_unix(su:session): session opened for user root(uid=0) by (uid=1000)"),
        ("su", "1000", "pam_unix(su-l:session): session opened for user root(uid=0) by ops(uid=1000)"),
        ("sudo", "1000", "pam_unix(sudo:session): session opened for user root(uid=0) by ops(uid=1000)"),
        (
            "su",
            "33",
            "pam_unix(su:auth): authentication failure; logname= uid=33 euid=0 tty=pts/1 ruser=ops rhost=  user=root",
        ),
        ("su", "33", "pam_unix(su:session): session closed for user root"),
    ],
)
def test_su_and_sudo_bear_the_uid_of_their_caller(app, uid, message):
    assert len(pair("web", told(app, uid, message))) == 1


SUDO = "pam_unix(sudo:session): session %s for user root"


def of_sudo(what: str, uid: str = "1000", claims: str = "", pid: int = 50, second: int = 1) -> str:
    (text,) = told("sudo", uid, SUDO % what)
    text = text.replace('claims=""', f'claims="{claims}"').replace(" sudo 50 ", f" sudo {pid} ")
    return text.replace("10:00:01", f"10:00:{second:02d}")


@pytest.mark.parametrize(("uid", "pid", "outcome"), [("1000", 50, "closed"), ("33", 50, "open"), ("1000", 51, "open")])
def test_a_logout_that_nobody_vouches_for_counts_for_its_own_process_only(uid, pid, outcome):
    (one,) = pair("web", [of_sudo("opened"), of_sudo("closed", uid, "session?", pid, second=2)])
    assert one["outcome"] == outcome


def test_a_login_that_nobody_vouches_for_is_none():
    assert pair("web", [of_sudo("opened", claims="session?"), of_sudo("closed", claims="session?", second=2)]) == []


def test_nothing_else_that_nobody_vouches_for_counts_for_a_process_that_has_a_session():
    [denied] = told(
        "sudo",
        "1000",
        "pam_unix(sudo:auth): authentication failure; logname= uid=1000 euid=0 tty=pts/1 ruser=ops rhost=  user=root",
    )
    said = [of_sudo("opened", claims="session?", second=2), denied.replace('claims=""', 'claims="session?"')]
    assert len(pair("web", [of_sudo("opened"), *said])) == 1


def test_the_command_reads_such_logouts_where_they_lie(tmp_path, monkeypatch):
    for record_class, texts in {
        "session": [of_sudo("opened"), of_sudo("opened", second=3)],
        "system": [of_sudo("closed", claims="session?", second=2), of_sudo("closed", claims="session", second=4)],
    }.items():
        folder = tmp_path / record_class / "2026-11-24"
        folder.mkdir(parents=True)
        (folder / "web.log").write_text("".join(text + "\n" for text in texts), encoding="utf-8")
    settings = Settings(str(tmp_path), ("session", "system"), ("web",), "nobody", 60, 1, 0)
    monkeypatch.setattr(sessions.record_settings, "load", lambda: settings)
    found, text, code = sessions.command(argparse.Namespace(day=None, host=None, account=None))
    assert ([one["outcome"] for one in found], code) == (["closed", "open"], 0)
    assert "root" in text


def of_sshd(*messages: str, pid: int = 60) -> list[str]:
    return lines(*((second, "sshd", pid, message) for second, message in enumerate(messages)))


@pytest.mark.parametrize(
    ("rows", "account", "port", "outcome"),
    [
        ((1,), "ops", "50312", "open"),
        ((2,), "ops", "50314", "refused"),
        ((3, 4), "ops", "50316", "refused"),
        ((5, 6), "zhang", "50318", "open"),
    ],
)
def test_what_was_reported_from_the_field_is_told_once_with_address_and_port(rows, account, port, outcome):
    """Certificates, one wrong password in the words of PAM and of sshd, and a login by SSSD."""
    said = (CASES / "field_sshd.txt").read_text().splitlines()
    (one,) = pair("web", of_sshd(*(said[row - 1] for row in rows)))
    assert (one["account"], one["address"], one["port"], one["outcome"]) == (account, "10.82.2.100", port, outcome)


ASKED = "logname= uid=0 euid=0 tty=ssh ruser= rhost=10.82.2.100"
UNIX = f"pam_unix(sshd:auth): authentication failure; {ASKED}  user=zhang"
SSS = f"pam_sss(sshd:auth): authentication %s; {ASKED} user=zhang"
FAILED = "Failed password for zhang from 10.82.2.100 port 7 ssh2"
ACCEPTED = "Accepted password for zhang from 10.82.2.100 port 7 ssh2"


@pytest.mark.parametrize(
    ("messages", "outcomes"),
    [
        ((UNIX, SSS % "success", ACCEPTED), ["open"]),  # pam_unix does not know whom SSSD knows
        ((UNIX, SSS % "failure", FAILED), ["refused"]),
        ((UNIX, SSS % "failure", FAILED, SSS % "success", ACCEPTED), ["refused", "open"]),
        ((UNIX, ACCEPTED), ["open"]),  # by a module that says nothing
        ((UNIX, FAILED, ACCEPTED), ["refused", "open"]),
        ((UNIX, FAILED, FAILED, "Connection closed by authenticating user zhang 10.82.2.100 port 7 [preauth]"), ["refused"] * 2),
        (("Disconnected from authenticating user zhang 10.82.2.100 port 7 [preauth]",), ["refused"]),
        (
            ("Invalid user eve from 10.82.2.100 port 7", "Failed none for invalid user eve from 10.82.2.100 port 7 ssh2",
             "Failed password for invalid user eve from 10.82.2.100 port 7 ssh2"),
            ["refused"],
        ),
    ],
)  # fmt: skip
def test_an_attempt_counts_once_in_whatever_words_it_is_told(messages, outcomes):
    found = pair("web", of_sshd(*messages))
    assert [one["outcome"] for one in found] == outcomes
    assert {(one["address"], one["port"]) for one in found} == {("10.82.2.100", "7")}


def test_a_login_by_sudo_that_sssd_lets_in_was_not_refused():
    asked = "logname=zhang uid=1000 euid=0 tty=/dev/pts/0 ruser=zhang rhost= "
    found = pair(
        "web",
        lines(
            (1, "sudo", 70, f"pam_unix(sudo:auth): authentication failure; {asked} user=zhang"),
            (1, "sudo", 70, f"pam_sss(sudo:auth): authentication success; {asked}user=zhang"),
            (2, "sudo", 70, "pam_unix(sudo:session): session opened for user root(uid=0) by zhang(uid=1000)"),
        ),
    )
    assert [(one["account"], one["outcome"]) for one in found] == [("root", "open")]


ASKED_BY_A_CHILD = (
    (1, "sshd", 61, UNIX),
    (1, "sshd", 60, "error: PAM: Authentication failure for zhang from 10.82.2.100"),
)


@pytest.mark.parametrize("verbose", [False, True])
def test_what_a_child_of_sshd_asked_counts_once(verbose):
    """With keyboard-interactive PAM speaks in a process of its own, and sshd tells of its refusal from LogLevel VERBOSE on."""
    failed = ((2, "sshd", 60, "Failed keyboard-interactive/pam for zhang from 10.82.2.100 port 7 ssh2"),) * verbose
    again = tuple((second + 3, app, pid + 2 * (pid == 61), text) for second, app, pid, text in ASKED_BY_A_CHILD)
    left = (9, "sshd", 60, "Connection closed by authenticating user zhang 10.82.2.100 port 7 [preauth]")
    found = pair("web", lines(*ASKED_BY_A_CHILD, *failed, *again, left))
    assert [(one["outcome"], one["address"]) for one in found] == [("refused", "10.82.2.100")] * 2
    assert found[-1]["port"] == "7"


def test_who_is_let_in_by_a_child_was_not_refused():
    accepted = ACCEPTED.replace("password", "keyboard-interactive/pam")
    (one,) = pair("web", lines(ASKED_BY_A_CHILD[0], (2, "sshd", 60, accepted)))
    assert (one["outcome"], one["port"]) == ("open", "7")


CERTIFICATE = "ssh2: ED25519-CERT SHA256:x ID %s (serial 8) CA ED25519 SHA256:y"


@pytest.mark.parametrize(
    ("message", "account", "address"),
    [
        (
            "Failed publickey for ops from 2001:db8::1 port 7 "
            + CERTIFICATE % ("x from 9.9.9.9 port 1 " + CERTIFICATE % "y"),
            "ops",
            "2001:db8::1",
        ),
        (
            "Accepted publickey for ops from 198.51.100.10 port 7 " + CERTIFICATE % "x from 9.9.9.9 port 1 ssh2",
            "ops",
            "198.51.100.10",
        ),
        (
            "Failed password for invalid user x from 9.9.9.9 port 1 ssh2 from 2001:db8::1 port 7 ssh2",
            "x from 9.9.9.9 port 1 ssh2",
            "2001:db8::1",
        ),
        (
            f"Failed password for invalid user {ACCEPTED} from 198.51.100.10 port 7 ssh2",
            ACCEPTED,
            "198.51.100.10",
        ),
        (
            "pam_sss(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=198.51.100.10 "
            "user=x rhost=9.9.9.9  user=root",
            "x rhost=9.9.9.9  user=root",
            "198.51.100.10",
        ),
    ],
)
def test_neither_a_name_nor_a_certificate_can_pretend_another_address(message, account, address):
    (one,) = pair("web", of_sshd(message))
    assert (one["account"], one["address"]) == (account, address)


def printed(name: str) -> list[str]:
    """What programs printed, as records of one host; name and process stand before each of their lines."""
    said = (CASES / f"{name}.txt").read_text().splitlines()
    assert said[0].startswith("# ")
    rows = (re.fullmatch(r"([\w-]+)\[(\d+)\]: (.*)", line).groups() for line in said[1:])
    return lines(*((number // 10, app, int(pid), text) for number, (app, pid, text) in enumerate(rows)))


IN, OUT = "closed", "refused"
STRANGE = "eve from 9.9.9.9 port 1 ssh2"
PASSWORDS = [
    ("ops", IN, "password"),
    *[("ops", OUT, "password")] * 2,
    (STRANGE, OUT, "password"),
    ("eve", OUT, "password"),
    ("root", OUT, "password"),
    *[("ops", OUT, "keyboard-interactive/pam")] * 2,
    ("eve", OUT, "keyboard-interactive/pam"),
    ("ops", IN, "keyboard-interactive/pam"),
]
TOLD = {
    "sshd": [
        *[("ops", IN, "publickey")] * 3,
        ("ops", OUT, "keyboard-interactive/pam"),
        *PASSWORDS,
    ],
    "sshd_verbose": [
        *[("ops", IN, "publickey")] * 3,
        *[("ops", OUT, "publickey")] * 2,
        ("ops", IN, "keyboard-interactive/pam"),
        *PASSWORDS,
    ],
    "sshd_sssd": [
        ("zhang", IN, "password"),
        ("zhang", IN, "keyboard-interactive/pam"),
        ("zhang", OUT, "password"),
        ("zhang", OUT, "keyboard-interactive/pam"),
    ],
    "sshd_certificate": [
        ("li", OUT, "publickey"),  # the client's key without its certificate
        ("li", IN, "publickey"),
        *[("li", OUT, "publickey")] * 2,
    ],
}


@pytest.mark.parametrize("release", [12, 13])
@pytest.mark.parametrize("name", sorted(TOLD))
def test_what_sshd_of_debian_prints_is_told_once_for_each_attempt(release, name):
    """Keys, passwords, PAM in a child, strangers that call themselves like a line of sshd, SSSD, certificates."""
    found = pair("web", printed(f"debian{release}_{name}"))
    assert [(one["account"], one["outcome"], one["method"]) for one in found] == TOLD[name]
    assert {one["address"] for one in found} == {"10.9.0.1"}
    assert all(one["port"].isdigit() for one in found)
