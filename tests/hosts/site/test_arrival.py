# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens on a host stands on both collectors within two seconds, with who, whence and when (article 7(3))."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import line

from ..conftest import HANG, Lab, until

COLLECTORS = ("collector1", "collector2")
SENDERS = ("web", "vault")  # Debian 12 and 13
ADMINISTRATOR = "10.82.3.67"
SSH = f"ssh -b {ADMINISTRATOR} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"


def delay(text: str) -> float:
    """Seconds from what happened to its being stored."""
    record = line.parse(text)
    assert record is not None, text
    stored = datetime.datetime.fromisoformat(record.stored["at"])
    return (stored - datetime.datetime.fromisoformat(record.time)).total_seconds()


def arrived(lab: Lab, record_class: str, host: str, containing: str) -> None:
    """Wait until a record stands on both collectors, and look how long it took."""
    for rows in lab.arrived(record_class, host, containing).values():
        assert delay(rows[-1]) <= 2


def sessions(lab: Lab, collector: str, host: str, **wanted: str) -> list[dict]:
    found = lab.order82(collector, "records", "sessions", "--host", host)
    return [one for one in found if all(one[key] == value for key, value in wanted.items())]


@pytest.fixture(scope="module")
def key(lab: Lab) -> str:
    """A key of the person on `subscriber` who may log in as ops."""
    lab.do("subscriber", "test -f /root/key || ssh-keygen -q -t ed25519 -N '' -f /root/key")
    public = lab.do("subscriber", "cat /root/key.pub").strip()
    for sender in SENDERS:
        lab.do(
            sender,
            f"grep -qF '{public}' /home/ops/.ssh/authorized_keys || echo '{public}' >> /home/ops/.ssh/authorized_keys",
        )
    return "/root/key"


@pytest.mark.parametrize("sender", SENDERS)
def test_login_and_logout(lab: Lab, key: str, sender: str) -> None:
    client = lab.do("subscriber", f"{SSH} -i {key} ops@{sender} 'echo $SSH_CONNECTION'").split()
    address, port = client[:2]
    arrived(lab, "session", sender, f"Accepted publickey for ops from {address} port {port}")
    for collector in COLLECTORS:
        (one,) = until(
            HANG,
            lambda at=collector: sessions(lab, at, sender, address=address, port=port, outcome="closed"),
            f"the pair of login and logout on {collector}",
        )
        assert (one["account"], one["service"], one["method"]) == ("ops", "sshd", "publickey")
        assert one["opened"] < one["closed"]


@pytest.mark.parametrize("sender", SENDERS)
def test_refused_login(lab: Lab, sender: str, mark: str) -> None:
    account = mark.replace("-", "")
    lab.do("subscriber", f"{SSH} {account}@{sender} true || echo refused")
    arrived(lab, "session", sender, account)
    for collector in COLLECTORS:
        (one,) = until(
            HANG,
            lambda at=collector: sessions(lab, at, sender, account=account),
            f"the refused login on {collector}",
        )
        assert (one["outcome"], one["address"]) == ("refused", ADMINISTRATOR)
        assert one["port"].isdigit()


@pytest.mark.parametrize("sender", SENDERS)
def test_sudo_is_maintenance_and_a_session(lab: Lab, key: str, sender: str, mark: str) -> None:
    lab.do("subscriber", f"{SSH} -i {key} ops@{sender} sudo -n /bin/echo {mark}")
    arrived(lab, "maintenance", sender, f"COMMAND=/bin/echo {mark}")
    text = lab.records("collector1", "maintenance", sender, f"COMMAND=/bin/echo {mark}")[0]
    assert "ops : " in text
    until(
        HANG,
        lambda: (
            sessions(lab, "collector1", sender, service="sudo", account="root", by="ops", outcome="closed")
            or sessions(lab, "collector1", sender, service="sudo", account="root", outcome="closed")
        ),
        "the sudo session, closed",
    )


@pytest.mark.parametrize("sender", SENDERS)
def test_su_and_its_failure(lab: Lab, sender: str) -> None:
    lab.do(sender, "su -s /bin/true games")
    lab.do(sender, "echo wrong | runuser -u nobody -- su -c true root", ok=(1,))
    arrived(lab, "session", sender, "session opened for user games")
    arrived(lab, "session", sender, "pam_unix(su:auth): authentication failure")


@pytest.mark.parametrize("sender", SENDERS)
def test_package_installation(lab: Lab, sender: str) -> None:
    lab.do(sender, "DEBIAN_FRONTEND=noninteractive apt-get -qq install -y sl")
    arrived(lab, "maintenance", sender, " status installed sl:amd64 ")
    lab.do(sender, "DEBIAN_FRONTEND=noninteractive apt-get -qq purge -y sl")
    arrived(lab, "maintenance", sender, " status not-installed sl:amd64 ")


def test_service_start_and_stop(lab: Lab) -> None:
    lab.do("web", "systemd-run --unit order82-probe --description='probe service' sleep 60")
    arrived(lab, "maintenance", "web", "Started order82-probe.service")
    lab.do("web", "systemctl stop order82-probe")
    arrived(lab, "maintenance", "web", "Stopped order82-probe.service")


def test_change_of_configuration(lab: Lab, mark: str) -> None:
    lab.do("web", f"echo x > /etc/{mark}; rm /etc/{mark}")
    arrived(lab, "maintenance", "web", f"CLOSE_WRITE,CLOSE /etc/{mark}")
    arrived(lab, "maintenance", "web", f"DELETE /etc/{mark}")


@pytest.mark.parametrize("sender", SENDERS)
def test_any_other_message(lab: Lab, sender: str, mark: str) -> None:
    lab.do(sender, f"logger -t probe 'a word {mark} 中文'")
    arrived(lab, "system", sender, f"a word {mark} 中文")


def test_collectors_record_themselves_and_each_other(lab: Lab, mark: str) -> None:
    for host in COLLECTORS:
        lab.do(host, f"logger -t probe {mark}")
        arrived(lab, "system", host, mark)


def test_heartbeat_of_every_forwarder(lab: Lab) -> None:
    for sender in lab.managed():
        lab.arrived("measure_state", sender, "omrelp")
