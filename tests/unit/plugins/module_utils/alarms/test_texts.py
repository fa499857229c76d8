# SPDX-License-Identifier: GPL-3.0-or-later
"""What people get: a mail that no host can change but in its words, a webhook as Alertmanager's, metrics as Prometheus reads them."""

from __future__ import annotations

import email
import email.policy
import json
import re

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.alarms import kinds, mail, metrics, texts, ways, webhook
from ansible_collections.order82.baseline.plugins.module_utils.alarms.settings import Receiver

AT = 1795521600
DUTY = Receiver("duty", "mail", "low", {"sender": "order82@example.net", "to": ["a@example.net", "b@example.net"]})
ROBOT = Receiver("robot", "webhook", "high", {})
HOSTILE = 'x\r\nBcc: everybody@example.net\r\n\r\n.\r\nQUIT \x1b[31m \udcff \u202e " \\ </script>'


def notice(what="the interface eth0 is down", event="opened", kind="network_link", host="web", **more):
    return {"host": host, "kind": kind, "what": kinds.clean(what), "since": AT, "count": 1, "by": host, "key": "0123456789abcdef",
            "event": event, "until": AT + 60 if event == "over" else None, "at": AT, "pause": {}, "to": {}, **more}  # fmt: skip


def message(*notices):
    return ways.Message("feedbeef", "示例宽带", "collector1", list(notices))


def read(*notices):
    text = mail.written(DUTY, message(*notices)).as_bytes()
    assert text.isascii()
    assert max(map(len, text.split(b"\r\n"))) < 999
    return email.message_from_bytes(text, policy=email.policy.default)


def test_a_mail_says_who_what_since_when_which_clause_and_what_next():
    one = read(notice())
    assert one["Subject"] == "[示例宽带] 告警 web: 网络接口中断 高 / alarm: an interface is down"
    assert one["To"] == "a@example.net, b@example.net"
    assert one["Message-ID"] == "<feedbeef.duty@collector1>"
    assert one["Auto-Submitted"] == "auto-generated"
    body = one.get_content()
    for part in ("主机 web", "host web", "「the interface eth0 is down」", "级别 severity: 高 high", "2026-11-24T12:00:00Z",
                 "第八条（三）项 / article 8(3)", "ip -br link", "docs/ops.md", "collector1", "示例宽带"):  # fmt: skip
        assert part in body


@pytest.mark.parametrize("event", ["opened", "over", "reminder-3", "test"])
def test_no_host_writes_a_header_or_ends_a_mail(event):
    one = read(notice(HOSTILE, event=event, kind="other"), notice(HOSTILE, kind="other"))
    assert sorted(one.keys()) == sorted(read(notice()).keys())
    assert one["Bcc"] is None
    body = one.get_content()
    assert all(one.isprintable() for one in body.splitlines())
    assert "\\u000d\\u000aBcc" in body


def test_a_header_is_refused_where_it_could_be_one():
    """Were the text not clean, the mail would not come about."""
    with pytest.raises(ValueError, match=r"linefeed|newline|header"):
        mail.written(DUTY, message(notice())._replace(identity="a\r\nBcc: x@y"))


def test_many_are_one_mail():
    one = read(*[notice(f"the interface eth{number} is down") for number in range(150)])
    assert one["Subject"].endswith("(+149)")
    assert one.get_content().count("「") == 100
    assert "and 50 more" in one.get_content()


def test_a_webhook_is_alertmanagers():
    """The fields of its version 4, each of its kind."""
    said = json.loads(json.dumps(webhook.document(ROBOT, message(notice(), notice(event="over", host="db")))))
    assert (said["version"], said["status"], said["receiver"], said["truncatedAlerts"]) == ("4", "firing", "robot", 0)
    assert set(said) == {"version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
                         "commonAnnotations", "externalURL", "alerts"}  # fmt: skip
    down, over = said["alerts"]
    assert set(down) == {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}
    assert (down["status"], down["startsAt"], down["endsAt"]) == (
        "firing",
        "2026-11-24T12:00:00Z",
        "0001-01-01T00:00:00Z",
    )
    assert (over["status"], over["endsAt"]) == ("resolved", "2026-11-24T12:01:00Z")
    assert down["labels"] == {"alertname": "network_link", "host": "web", "severity": "high", "unit": "示例宽带",
                              "incident": "0123456789abcdef", "collector": "collector1"}  # fmt: skip
    assert said["commonLabels"] == {key: text for key, text in down["labels"].items() if key != "host"}
    assert all(
        isinstance(text, str)
        for one in said["alerts"]
        for part in ("labels", "annotations")
        for text in one[part].values()
    )
    assert down["annotations"]["summary"] == "web: the interface eth0 is down"
    assert webhook.document(ROBOT, message(notice(event="over")))["status"] == "resolved"


def test_what_a_host_says_is_data_in_a_webhook():
    text = json.dumps(webhook.document(ROBOT, message(notice(HOSTILE, kind="other"))))
    assert text.isascii()
    summary = json.loads(text)["alerts"][0]["annotations"]["summary"]
    assert summary.isprintable()


def memory_document():
    known = {"delivered": 3, "failed": 1, "accepted": AT, "failing": 0}
    return {
        "incidents": {"a": {"host": "web", "kind": "network_link"}, "b": {"host": "web", "kind": "rate"},
                      "c": {"host": 'w"e\\b\n', "kind": "nobody knows"}},
        "notices": [{"to": {"duty": 1}}, {"to": {"duty": 1, "robot": 2}}],
        "receivers": {"duty": known, "robot": {**known, "failing": AT}},
        "read": AT,
    }  # fmt: skip


def test_metrics_are_in_prometheus_text_format():
    """Version 0.0.4: each name has HELP, TYPE and its samples together, and values of labels are escaped."""
    lines = list(metrics.lines(memory_document(), AT + 9))
    sample = re.compile(r'([a-z_0-9]+)(?:\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? -?\d+')
    name, seen = "", []
    for line in lines:
        assert "\n" not in line
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in seen
            seen.append(name)
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2:] in ([name, "gauge"], [name, "counter"])
            assert name.endswith("_total") == line.endswith("counter")
        else:
            assert sample.fullmatch(line)[1] == name
    assert 'order82_alarms_open{host="web",severity="high"} 1' in lines
    assert 'order82_alarms_open{host="w\\"e\\\\b\\n",severity="high"} 1' in lines
    assert 'order82_alarms_waiting{receiver="duty"} 2' in lines
    assert 'order82_alarms_failed_total{receiver="robot"} 1' in lines
    assert f"order82_alarms_last_pass_seconds {AT + 9}" in lines


def test_metrics_are_replaced_in_one_step_and_all_may_read_them(tmp_path):
    path = tmp_path / "order82_alarms.prom"
    metrics.write(memory_document(), AT, str(path))
    assert path.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_subject_has_a_length():
    assert len(texts.subject([notice(host="h" * 500)], "u" * 500)) <= 150
