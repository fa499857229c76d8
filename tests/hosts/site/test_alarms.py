# SPDX-License-Identifier: GPL-3.0-or-later
"""Alarms reach people: a mailbox and a webhook outside, really, once, by one of two collectors, whatever dies meanwhile."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator

from ..conftest import CHECKOUT, HANG, Lab, until
from .outside import COLLECTORS

UNIT = "order82-alarms.service"
FIRST, SECOND = COLLECTORS
RECEIVERS = ("duty", "robot")
MEMORY = "/var/lib/order82-alarms/memory.json"
# Each mail with its headers, decoded.
INBOX = (
    "import email, email.policy, glob, json; "
    "mails = [email.message_from_binary_file(open(one, 'rb'), policy=email.policy.default) for one in glob.glob('/home/ops/Maildir/new/*')]; "
    "print(json.dumps([{'subject': one['Subject'], 'to': one['To'], 'text': one.get_content()} for one in mails]))"
)


def mails(lab: Lab, containing: str) -> list[dict]:
    """What lies in the mailbox with such a text."""
    found = json.loads(lab.do("outside", f'python3 -c "{INBOX}"'))
    return [one for one in found if containing in one["text"]]


def posts(lab: Lab, containing: str) -> list[dict]:
    """What the webhook got: alerts with such a summary, each with the collector that told it."""
    lines = lab.do("outside", "cat /srv/alarms.jsonl 2>/dev/null", ok=(0, 1)).splitlines()
    alerts = [one for line in lines for one in json.loads(line)["alerts"]]
    return [one for one in alerts if containing in one["annotations"]["summary"]]


def waiting(lab: Lab, containing: str) -> list[str]:
    """Where such a notice is still to be told."""
    found = {name: json.loads(lab.do(name, f"cat {MEMORY}"))["notices"] for name in COLLECTORS}
    return [name for name, notices in found.items() if any(containing in one["what"] for one in notices)]


@contextlib.contextmanager
def raised(lab: Lab, name: str) -> Iterator[str]:
    """An interface of web that is down: the recorder says so within ten seconds, and that it is over when it is gone."""
    lab.do("web", f"ip link add {name} type vxlan id 83 dstport 4791 remote 203.0.113.83")
    try:
        yield f"the interface {name} is down"
    finally:
        lab.do("web", f"ip link delete {name}", ok=(0, 1))


def told(lab: Lab, what: str, event: str) -> None:
    """Wait until both receivers have it, and no collector wants to tell it any more."""
    sign, status = {"opened": ("【告警】", "firing"), "over": ("【告警解除】", "resolved")}[event]
    until(HANG, lambda: [one for one in mails(lab, what) if sign in one["text"]], f"a mail: {event}: {what}")
    until(HANG, lambda: [one for one in posts(lab, what) if one["status"] == status], f"a post: {event}: {what}")
    until(HANG, lambda: not waiting(lab, what), f"all have done with {what}")


def baseline_alarm_test(lab: Lab) -> tuple[int, list[str]]:
    """What a person types; the exit code and the lines."""
    words = [str(CHECKOUT / "baseline"), "alarm", "test", "-i", str(lab.inventory)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_an_alarm_reaches_people_once_and_so_does_its_end(lab: Lab, mark: str) -> None:
    name = f"a{mark[-8:]}"
    # An account can say the same words; nobody is told.
    lab.do("web", f"runuser -u nobody -- logger -t order82 'alarm: forged {mark}'")
    lab.arrived("system", "web", f"alarm: forged {mark}")
    with raised(lab, name) as what:
        told(lab, what, "opened")
    told(lab, what, "over")
    both = mails(lab, what)
    assert len(both) == 2
    assert [one["status"] for one in posts(lab, what)] == ["firing", "resolved"]
    assert {one["labels"]["collector"] for one in posts(lab, what)} == {FIRST}
    for part in ("示例宽带", "告警 web", "alarm"):
        assert any(part in one["subject"] for one in both)
    for part in ("主机 web", "第八条（三）项 / article 8(3)", "ip -br link", f"told by the collector {FIRST}"):
        assert any(part in one["text"] for one in both)
    # That it was told is on record, at both.
    lab.arrived("measure_state", FIRST, f"told {posts(lab, what)[0]['fingerprint']} opened ")
    assert (mails(lab, mark), posts(lab, mark)) == ([], [])


def test_where_the_first_is_down_the_second_tells(lab: Lab, mark: str) -> None:
    with lab.still(FIRST, UNIT), raised(lab, f"b{mark[-8:]}") as what:
        until(HANG, lambda: mails(lab, what) and posts(lab, what), "the second tells it")
    told(lab, what, "over")
    assert [one["labels"]["collector"] for one in posts(lab, what)] == [SECOND, FIRST]
    assert len(mails(lab, what)) == 2, "the first knows by then what the second told"


def test_a_receiver_that_was_away_gets_it_once_though_all_are_killed(lab: Lab, mark: str) -> None:
    lab.do("outside", "systemctl stop opensmtpd alarms-hook")
    try:
        with raised(lab, f"c{mark[-8:]}") as what:
            failing = "order82 alarms list | grep -c 'waiting, for '"
            until(HANG, lambda: lab.host(FIRST).run(failing).stdout.strip() == "2", "it was tried in vain")
            for collector in COLLECTORS:
                lab.do(collector, f"systemctl kill --signal=KILL {UNIT}")
            lab.do("outside", "systemctl start opensmtpd alarms-hook")
            told(lab, what, "opened")
            for collector in COLLECTORS:
                lab.do(collector, f"systemctl kill --signal=KILL {UNIT}")
    finally:
        lab.do("outside", "systemctl start opensmtpd alarms-hook")
    told(lab, what, "over")
    assert len(mails(lab, what)) == 2
    assert [one["status"] for one in posts(lab, what)] == ["firing", "resolved"]


def test_a_person_can_try_it(lab: Lab) -> None:
    code, lines = baseline_alarm_test(lab)
    assert (code, lines) == (0, [f"{one}: {who}: accepted" for one in COLLECTORS for who in RECEIVERS])
    lab.do("outside", "systemctl stop alarms-hook")
    try:
        code, lines = baseline_alarm_test(lab)
    finally:
        lab.do("outside", "systemctl start alarms-hook")
    assert code == 1
    assert [line for line in lines if line.endswith("duty: accepted")] == [
        f"{one}: duty: accepted" for one in COLLECTORS
    ]
    assert len([line for line in lines if re.search("robot: .*refused", line)]) == 2
    code, _lines = baseline_alarm_test(lab)
    assert code == 0, "it is not failing any more, for who looks next"


def test_its_account_reads_no_other_records_and_nobody_else_its_secrets(lab: Lab) -> None:
    as_it = f"nsenter --mount --target $(systemctl show -P MainPID {UNIT}) setpriv --reuid=order82-alarms --regid=order82-alarms --groups=order82-measure-state"
    lab.do(FIRST, f"{as_it} sh -c 'cat /srv/records/measure_state/*/web.log >/dev/null'")
    for path in ("/srv/records/session/*/web.log", "/srv/records/maintenance/*/web.log", "/etc/order82/tls/host.key"):
        lab.do(FIRST, f"{as_it} sh -c 'cat {path}' 2>/dev/null", ok=(1,))
    for path in ("/etc/order82/alarms/duty.secret", MEMORY):
        lab.do(FIRST, f"runuser -u nobody -- cat {path} 2>/dev/null", ok=(1,))
    secret = lab.do("outside", "cat /etc/alarms/secret").strip()
    for path in ("/etc/order82/alarms.json", "/var/lib/order82/manifest/alarms.json"):
        assert secret not in lab.do(FIRST, f"cat {path}")


def test_prometheus_gets_it(lab: Lab) -> None:
    lines = lab.do(FIRST, "runuser -u nobody -- cat /var/lib/order82-alarms/metrics/order82_alarms.prom").splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(lab.do(FIRST, "date +%s")) - float(values["order82_alarms_last_pass_seconds"]) < HANG
    for receiver in RECEIVERS:
        assert int(values[f'order82_alarms_delivered_total{{receiver="{receiver}"}}']) > 0
        assert values[f'order82_alarms_waiting{{receiver="{receiver}"}}'].isdigit()
