# SPDX-License-Identifier: GPL-3.0-or-later
"""The third places that a collector takes, those that it refuses before anything is touched, and what is laid down."""

from __future__ import annotations

import base64
import json

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.order82.baseline.plugins.module_utils.records import anchors
from ansible_collections.order82.baseline.plugins.plugin_utils import collection, host_values
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import DataError
from ansible_collections.order82.baseline.plugins.plugin_utils.state_values import resolve_state

HOST = {
    "inventory_hostname": "collector1",
    "inventory_dir": "/nowhere",
    "group_names": ["managed", "collectors"],
    "groups": {"all": ["collector1", "collector2"], "collectors": ["collector1", "collector2"]},
    "hostvars": {
        name: {"inventory_hostname": name, "order82_address": address, "ansible_host": address}
        for name, address in {"collector1": "10.0.0.11", "collector2": "10.0.0.12"}.items()
    },
    "ansible_facts": {"distribution": "Debian", "distribution_major_version": "13", "architecture": "x86_64"},
}
SHARE = {"name": "share", "way": "folder", "path": "/mnt/share"}
BOX = {"name": "box", "way": "mail", "server": "m.example", "sender": "a@m.example", "to": "b@m.example"}


def state(places, passwords=None):
    values = {**HOST, "log_collector_anchors": places, "log_collector_anchor_passwords": passwords or {}}
    engine = host_values.HostValues(
        sorted(collection.states()), values, Templar(loader=DataLoader(), variables={})
    ).engine("/nowhere")
    return resolve_state(collection.states()["log_collector"], engine, True)


def content(found, path):
    [one] = [one for one in found["files"] if one["path"] == path]
    return base64.b64decode(one["content"]).decode()


def b64(text):
    return base64.b64encode(text.encode()).decode()


def test_what_is_laid_down_is_what_the_sender_reads(tmp_path):
    found = state([SHARE, {**BOX, "user": "a", "port": 465, "tls": "tls"}], {"box": "of a test"})
    (tmp_path / "anchors.json").write_text(content(found, "/etc/order82/anchors.json"))
    [share, box] = anchors.places(str(tmp_path / "anchors.json"))
    assert (share.path, box.port, box.tls, box.user) == ("/mnt/share", 465, "tls", "a")
    assert content(found, "/etc/order82/anchors/box.password") == "of a test\n"
    assert [one["mode"] for one in found["files"] if one["path"].endswith(".password")] == ["0600"]
    assert b64("of a test\n") not in json.dumps(
        [one for one in found["files"] if not one["path"].endswith(".password")]
    )
    service = content(found, "/etc/systemd/system/order82-anchor.service")
    assert "LoadCredential=box:/etc/order82/anchors/box.password\n" in service
    assert "ReadWritePaths=-/mnt/share\n" in service


def test_without_a_place_nothing_of_it_is_there():
    found = state([])
    assert not [one["path"] for one in found["files"] if "anchor" in one["path"]]
    assert not [one for one in found["units"] if "anchor" in one["name"]]


@pytest.mark.parametrize(
    ("places", "because"),
    [
        ([{**SHARE, "path": "mnt"}], "a folder needs an absolute path"),
        ([{"name": "share", "way": "folder"}], "a folder needs an absolute path"),
        ([{**SHARE, "path": "/mnt/a b"}], "a folder needs an absolute path"),
        ([{**BOX, "to": ""}], "mail needs server, sender and to"),
        ([{**BOX, "server": None}], "mail needs server, sender and to"),
        ([{**BOX, "user": "a"}], "a password in log_collector_anchor_passwords"),
        ([{**SHARE, "name": "../x"}], "one of its own"),
        ([SHARE, SHARE], "one of its own"),
    ],
)
def test_what_cannot_be_is_refused(places, because):
    with pytest.raises(DataError, match=because):
        state(places)


def test_what_can_be_is_not():
    state([SHARE, BOX])
