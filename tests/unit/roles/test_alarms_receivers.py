# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is to be told is either written down as the command takes it, or refused in one sentence."""

from __future__ import annotations

import base64
import json

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.order82.baseline.plugins.module_utils.alarms import settings
from ansible_collections.order82.baseline.plugins.plugin_utils import collection, documents, host_values
from ansible_collections.order82.baseline.plugins.plugin_utils.state_values import resolve_state

DUTY = {"name": "duty", "way": "mail", "server": "mail.example.net", "to": ["duty@example.net"]}
ROBOT = {"name": "robot", "way": "webhook", "url": "https://alerts.example.net/hook?room=7"}
HOST = {
    "inventory_hostname": "collector1",
    "inventory_dir": "/nowhere",
    "ansible_host": "10.0.0.1",
    "group_names": ["collectors"],
    "groups": {"all": ["collector1"], "collectors": ["collector1"]},
    "hostvars": {},
    "ansible_facts": {"distribution": "Debian", "distribution_major_version": "13"},
    "order82_unit": {"name": "示例"},
}


@pytest.fixture(scope="module")
def state():
    def of(**variables):
        values = host_values.HostValues(
            ["order82", "alarms"], HOST | variables, Templar(loader=DataLoader(), variables={})
        )
        return resolve_state(collection.states()["alarms"], values.engine("/nowhere"), present=True, refuse=True)

    return of


def file(found, path):
    [entry] = [one for one in found["files"] if one["path"] == path]
    return base64.b64decode(entry["content"]).decode("utf-8")


def test_the_command_takes_what_is_written(state, tmp_path):
    found = state(alarms_receivers=[DUTY, ROBOT | {"minimum": "high"}], alarms_secrets={"robot": "s3cret"})
    path = tmp_path / "alarms.json"
    path.write_text(file(found, "/etc/order82/alarms.json"), encoding="utf-8")
    assert "s3cret" not in path.read_text(encoding="utf-8")
    known = settings.load(str(path))
    assert (known.unit, known.silence, known.per_hour) == ("示例", 300, 20)
    duty, robot = known.receivers
    assert duty.where == {"secret": False, "ca": False, "server": "mail.example.net", "port": 587, "security": "starttls",
                          "sender": "order82@collector1", "to": ["duty@example.net"], "login": ""}  # fmt: skip
    assert robot == settings.Receiver(
        "robot", "webhook", "high",
        {"secret": True, "ca": False, "host": "alerts.example.net", "port": 443, "path": "/hook?room=7", "client_certificate": False},
    )  # fmt: skip
    [secret] = [one for one in found["files"] if one["path"].endswith(".secret")]
    assert (secret["path"], secret["mode"], secret["group"], secret["secret"]) == (
        "/etc/order82/alarms/robot.secret", "0640", "order82-alarms", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://a.example:8443", ("a.example", 8443, "/")),
        ("https://[2001:db8::1]:8443/x", ("2001:db8::1", 8443, "/x")),
        ("https://192.0.2.1/", ("192.0.2.1", 443, "/")),
    ],
)
def test_a_url_is_taken_apart(state, url, where):
    document = json.loads(file(state(alarms_receivers=[ROBOT | {"url": url}]), "/etc/order82/alarms.json"))
    found = document["receivers"][0]["where"]
    assert (found["host"], found["port"], found["path"]) == where


def test_mail_in_clear_to_the_collector_itself(state):
    document = json.loads(
        file(state(alarms_receivers=[DUTY | {"server": "[::1]", "security": "none"}]), "/etc/order82/alarms.json")
    )
    where = document["receivers"][0]["where"]
    assert (where["server"], where["port"]) == ("::1", 25)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"alarms_receivers": [DUTY, DUTY]}, "stands twice"),
        ({"alarms_receivers": [DUTY | {"name": "../x"}]}, "no short name"),
        ({"alarms_receivers": [DUTY | {"way": "pigeon"}]}, "a way other than"),
        ({"alarms_receivers": [DUTY | {"minimum": "urgent"}]}, "a minimum other than"),
        ({"alarms_receivers": [DUTY | {"security": "ssl"}]}, "a security other than"),
        ({"alarms_receivers": [DUTY | {"port": 70000}]}, "a port that is none"),
        ({"alarms_receivers": [{"name": "duty", "way": "mail", "to": ["a@b"]}]}, "needs server"),
        ({"alarms_receivers": [DUTY | {"to": []}]}, "needs server"),
        ({"alarms_receivers": [DUTY | {"to": ["a@b\nBcc: c@d"]}]}, "needs server"),
        ({"alarms_receivers": [DUTY | {"sender": "nobody"}]}, "needs server"),
        ({"alarms_receivers": [DUTY | {"security": "none"}]}, "in clear"),
        ({"alarms_receivers": [DUTY | {"login": "x"}]}, "both a login and its password"),
        ({"alarms_receivers": [DUTY], "alarms_secrets": {"duty": "x"}}, "both a login and its password"),
        ({"alarms_receivers": [ROBOT | {"url": "http://alerts.example.net/"}]}, "begins with https://"),
        ({"alarms_receivers": [ROBOT | {"url": "https://x/a b"}]}, "begins with https://"),
        ({"alarms_receivers": [ROBOT | {"url": "https://x/\r\nHost: y"}]}, "begins with https://"),
        ({"alarms_receivers": [ROBOT | {"url": "https://x/y\n"}]}, "begins with https://"),
        ({"alarms_receivers": [ROBOT], "alarms_secrets": {"robbot": "x"}}, "alarms_secrets names robbot"),
        ({"alarms_silence_seconds": 10}, "at least 120"),
        ({"alarms_second_seconds": 1}, "at least 10"),
        ({"alarms_per_hour": 0}, "at least"),
        ({"order82_collectors": ["other"]}, "is no collector"),
    ],
)  # fmt: skip
def test_what_cant_be_is_refused_in_one_sentence(state, variables, sentence):
    with pytest.raises(documents.DataError, match=sentence) as refused:
        state(**variables)
    assert "\n" not in str(refused.value)
    assert "s3cret" not in str(refused.value)
