# SPDX-License-Identifier: GPL-3.0-or-later
"""A measure is laid down again from its own manifest, by the code that lays it down; what can't be, is left as it is."""

from __future__ import annotations

import json

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.state import laying, manifest, units
from ansible_collections.order82.baseline.plugins.module_utils.state.host import Host


def put_back() -> dict:
    return laying.put_back(manifest.read("probe"), Host())


def test_what_was_changed_is_as_it_was(place):
    one, two = place.etc / "one", place.etc / "two"
    place.laid(place.state(files=[{"path": str(one), "text": "one\n"}, {"path": str(two), "text": "two\n"}]))
    before = place.manifest()
    one.write_text("evil\n")
    two.unlink()
    answer = put_back()
    assert "failed" not in answer
    assert answer["did"] == [f"{one}: content differs", f"{two}: is missing"]
    assert (one.read_text(), two.read_text()) == ("one\n", "two\n")
    assert place.manifest() == before
    assert put_back()["did"] == []


def test_a_secret_gets_its_rights_and_never_another_text(place):
    secret, other = place.etc / "secret", place.etc / "other"
    state = place.state(
        files=[
            {"path": str(secret), "text": "gate-ajar-7\n", "secret": True, "mode": "0600"},
            {"path": str(other), "text": "other\n"},
        ]
    )
    place.laid(state)
    before = place.manifest()
    secret.chmod(0o644)
    put_back()
    assert (secret.read_text(), secret.stat().st_mode & 0o777) == ("gate-ajar-7\n", 0o600)
    secret.write_text("another\n")
    other.write_text("another\n")
    assert put_back()["did"] == [f"{other}: content differs"]
    assert (secret.read_text(), other.read_text()) == ("another\n", "other\n")
    secret.unlink()
    assert put_back()["did"] == []
    assert not secret.exists()
    assert place.manifest() == before
    assert not place.laid(json.loads(json.dumps(state)))["did"][1:], "an apply has the text"
    assert secret.read_text() == "gate-ajar-7\n"


def test_nobody_is_asked_whether_it_works(place):
    asked = place.etc / "asked"
    place.laid(
        place.state(files=[{"path": str(place.etc / "one"), "text": "one\n"}], ask={"works": ["touch", str(asked)]})
    )
    asked.unlink()
    put_back()
    assert not asked.exists()


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0::/system.slice/order82-watch.service\n", "order82-watch.service"),
        ("12:pids:/x\n1:name=systemd:/system.slice/a.service\n0::/\n", "a.service"),
        ("0::/user.slice/session-1.scope\n", ""),
        ("", ""),
    ],
)
def test_of_which_unit_a_process_is(tmp_path, text, unit):
    (tmp_path / "cgroup").write_text(text)
    assert units.own_unit(str(tmp_path / "cgroup")) == unit


def test_who_restarts_the_own_unit_does_not_wait_for_the_own_end(monkeypatch):
    asked = []
    monkeypatch.setattr(units, "own_unit", lambda: "itself.service")
    monkeypatch.setattr(units, "run", lambda argv, _seconds: asked.append(argv))
    units._ask("restart", "itself.service")
    units._ask("restart", "other.service")
    assert asked == [
        ["systemctl", "--no-block", "restart", "itself.service"],
        ["systemctl", "restart", "other.service"],
    ]
