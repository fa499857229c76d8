# SPDX-License-Identifier: GPL-3.0-or-later
"""What is watched, whom a change concerns, and the manifests by which all is put right."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.state import manifest
from ansible_collections.order82.baseline.plugins.module_utils.watch import known, view

STATES = [
    {
        "role": "time_sync",
        "files": [{"path": "/etc/chrony/chrony.conf"}],
        "folders": [],
        "units": [{"name": "chrony.service", "running": True}],
        "sysctls": {"net.ipv4.ip_forward": "1"},
        "packages": [],
        "accounts": [],
        "groups": [],
        "nothing_else_in": [],
    },
    {
        "role": "log_forwarder",
        "files": [{"path": "/etc/order82/forward/c1.conf"}],
        "folders": [{"path": "/etc/order82/forward"}],
        "units": [{"name": "order82-forward@c1.service", "running": True}, {"name": "chrony.service", "running": None}],
        "sysctls": {},
        "packages": [],
        "accounts": [{"name": "order82-forward"}],
        "groups": [],
        "nothing_else_in": ["/etc/systemd/journald.conf.d/*.conf"],
    },
]


@pytest.fixture
def seen():
    return view.View(STATES)


@pytest.mark.parametrize(
    ("folder", "name", "roles"),
    [
        ("/etc/chrony", "chrony.conf", {"time_sync"}),
        ("/etc/chrony", "chrony.keys", set()),
        ("/etc/chrony", "", {"time_sync"}),
        ("/etc", "chrony", {"time_sync"}),
        ("/etc", "order82", {"log_forwarder"}),
        ("/etc", "hostname", set()),
        ("/etc/order82", "forward", {"log_forwarder"}),
        ("/etc/systemd/journald.conf.d", "zz.conf", {"log_forwarder"}),
        ("/etc/systemd/journald.conf.d", "zz.txt", set()),
        ("/etc/systemd/journald.conf.d", "", {"log_forwarder"}),
        ("/etc/systemd/system", "whatever.service", {"time_sync", "log_forwarder"}),
        ("/run/systemd/system/chrony.service.d", "x.conf", {"time_sync", "log_forwarder"}),
        ("/etc/systemd/system/multi-user.target.wants", "chrony.service", {"time_sync", "log_forwarder"}),
        ("/etc/systemd/system.control", "chrony.service.d", {"time_sync", "log_forwarder"}),
        ("/etc", "passwd", {"log_forwarder"}),
    ],
)
def test_whom_a_change_concerns(seen, folder, name, roles):
    assert seen.concerned({(folder, name)}).roles == roles


def test_accounts_and_manifests_are_told_apart(seen):
    assert seen.concerned({("/etc", "shadow")}).accounts
    assert seen.concerned({(manifest.FOLDER, "time_sync.json")}).manifests
    assert seen.concerned({("/var/lib/order82", "manifest")}).manifests
    assert not seen.concerned({(manifest.FOLDER, ".time_sync.json.order82")}), "it is being written"
    assert not seen.concerned({("/var/lib/order82", "self_check.json")})


def test_units_concern_the_measures_that_have_them(seen):
    assert seen.of_units({"chrony.service"}).roles == {"time_sync", "log_forwarder"}
    assert seen.of_units({"order82-forward@c1.service"}).roles == {"log_forwarder"}
    assert seen.of_units({""}).roles == {"time_sync", "log_forwarder"}
    assert not seen.of_units({"ssh.service"})


def test_what_a_timer_starts_is_not_listened_to(seen):
    assert seen.heard == ["chrony.service", "order82-forward@c1.service"]
    once = [dict(STATES[0], units=[{"name": "a.service", "running": None}, {"name": "a.timer", "running": True}])]
    assert view.View(once).heard == ["a.timer"]


def test_folders_that_are_not_there_yet_are_waited_for_above(seen, tmp_path, monkeypatch):
    found = seen.folders()
    assert {"/etc", "/etc/systemd/system", manifest.FOLDER} <= found
    assert {"/etc/order82/forward", "/etc/order82"} <= found
    assert "/" not in found
    monkeypatch.setattr(view, "UNITS", (str(tmp_path / "system"),))
    assert str(tmp_path) in seen.folders()
    (tmp_path / "system/chrony.service.d").mkdir(parents=True)
    assert str(tmp_path / "system/chrony.service.d") in seen.folders()


# Manifests


@pytest.fixture
def laid(place):
    path = place.etc / "one"
    place.laid(place.state(files=[{"path": str(path), "text": "one\n"}]))
    place.laid(place.state(role="other", files=[{"path": str(place.etc / "two"), "text": "two\n"}]))
    return place


def test_what_was_laid_down_is_known(laid):
    manifests = known.Manifests()
    assert [state["role"] for state in manifests.states()] == ["other", "probe"]
    assert all("content" not in one for state in manifests.states() for one in state["files"])
    assert manifests.documents(["probe"]) == [laid.manifest()]
    assert manifests.differing() == {}


@pytest.mark.parametrize("act", ["edit", "touch", "remove", "link", "add", "folder"])
def test_a_manifest_that_changes_is_seen_and_put_back(laid, act):
    manifests = known.Manifests()
    before = laid.manifest()
    path = laid.kept / "manifest/probe.json"
    if act == "edit":
        path.write_text(json.dumps(dict(before, owed=[["restart", "x.service"]])))
    elif act == "touch":
        os.utime(path)
        assert manifests.differing() == {}, "it says the same"
        return
    elif act == "remove":
        path.unlink()
    elif act == "link":
        path.unlink()
        path.symlink_to("/dev/null")
    elif act == "add":
        (laid.kept / "manifest/evil.json").write_text("{}")
    else:
        os.rename(laid.kept / "manifest", laid.kept / "moved")
    differing = manifests.differing()
    assert differing
    manifests.put_back(differing)
    assert manifests.differing() == {}
    assert laid.manifest() == before
    assert sorted(os.listdir(laid.kept / "manifest")) == ["other.json", "probe.json"]


def test_what_an_apply_wrote_is_taken_for_what_was_laid_down(laid):
    manifests = known.Manifests()
    laid.laid(laid.state(files=[{"path": str(laid.etc / "one"), "text": "another\n"}]))
    assert manifests.differing() == {"probe": "was changed"}
    assert manifests.accept() == ["probe"]
    assert manifests.differing() == {}


def test_who_puts_right_changes_what_is_owed_and_nothing_else(laid):
    manifests = known.Manifests()
    path, before = laid.kept / "manifest/probe.json", laid.manifest()
    path.write_text(json.dumps(dict(before, owed=[["restart", "x.service"]])))
    manifests.refresh(["probe"])
    assert manifests.differing() == {}
    path.write_text(json.dumps(dict(before, state=dict(before["state"], files=[]))))
    manifests.refresh(["probe"])
    assert manifests.differing() == {"probe": "was changed"}


def test_a_manifest_of_another_form_is_left_out_and_costs_the_others_nothing(laid):
    (laid.kept / "manifest/broken.json").write_text('{"state": 7}')
    assert [state["role"] for state in known.Manifests().states()] == ["other", "probe"]
