# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role wrote is read, and what an inspection sees of it."""

from __future__ import annotations

import json
import re
import socket
import threading

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.alarms import commands, settings, ways
from ansible_collections.order82.baseline.plugins.module_utils.crowding import control
from ansible_collections.order82.baseline.plugins.module_utils.observers import alarms as observer
from ansible_collections.order82.baseline.plugins.module_utils.records.settings import SettingsError

RAW = {
    "unit": "示例",
    "silence_seconds": 300,
    "second_seconds": 60,
    "remind_hours": 24.0,
    "per_hour": 20,
    "test_days": 31.0,
    "receivers": [{"name": "duty", "way": "mail", "minimum": "low", "where": {"server": "mail", "secret": False}}],
}


def test_they_are_read(tmp_path):
    path = tmp_path / "alarms.json"
    path.write_text(json.dumps(RAW), encoding="utf-8")
    found = settings.load(str(path))
    assert (found.remind, found.test, found.receivers[0].name) == (86400, 31 * 86400, "duty")


@pytest.mark.parametrize(
    "text", [None, "", "[]", "{}", json.dumps({**RAW, "receivers": [{}]}), json.dumps({**RAW, "per_hour": "x"})]
)
def test_what_cant_be_used_is_one_sentence(tmp_path, text):
    path = tmp_path / "alarms.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(str(path))):
        settings.load(str(path))


def test_another_place_or_password_is_another_receiver(tmp_path):
    (tmp_path / "duty.secret").write_text("one")
    where = {"server": "mail", "secret": True, "folder": str(tmp_path)}
    one = settings.Receiver("duty", "mail", "low", where)
    before = one.digest()
    assert one._replace(minimum="high").digest() == before
    assert one._replace(where={**where, "server": "other"}).digest() != before
    (tmp_path / "duty.secret").write_text("two")
    assert one.digest() != before


def test_an_inspection_sees_who_is_reached(site, first):
    def look():
        return observer.look(first.whom, first.known(), 1800, 32, site.now)

    seen = look()
    assert (seen["receivers"], seen["undelivered"], seen["untested"]) == (2, [], [])
    assert set(seen["taken"]) == {"duty", "robot"}
    assert seen["read_seconds"] < 60
    first.whom = first.whom._replace(
        receivers=(first.whom.receivers[0]._replace(where={"server": "other"}), first.whom.receivers[1])
    )
    assert look()["untested"] == ["duty"]


def test_the_command_asks_the_service(site, first, monkeypatch, tmp_path):
    """As root types it: through the socket, and with an exit code."""
    monkeypatch.setattr(commands.service, "SOCKET", str(tmp_path / "control"))
    monkeypatch.setattr(commands.settings, "load", lambda: first.whom)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(commands.service.SOCKET)
        listener.listen()
        for answer, code, line in (("", 0, "accepted"), ("554 no", 1, "554 no")):
            site.answers["robot"] = answer and ways.RefusedError(answer)
            serving = threading.Thread(target=control.serve, args=(listener, first.service.answer))
            serving.start()
            document, text, found = commands.command_test(None)
            serving.join()
            assert (document, found) == ({"duty": "", "robot": answer}, code)
            assert text.splitlines() == ["duty (mail): accepted", f"robot (webhook): {line}"]
    monkeypatch.setattr(commands.settings, "load", lambda: first.whom._replace(receivers=()))
    with pytest.raises(ValueError, match="nobody is told"):
        commands.command_test(None)


def test_what_is_open_is_listed(site, first, monkeypatch):
    site.say("web", "alarm: the interface eth0 is down")
    site.step()
    monkeypatch.setattr(commands.memory, "read", first.known)
    document, text, code = commands.command_list(None)
    assert code == 0
    assert "web  high  the interface eth0 is down (1)" in text
    assert "to duty: last taken 2026-11-24T12:00:00Z, 0 waiting" in text
    assert len(document["incidents"]) == 1
