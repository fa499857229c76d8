# SPDX-License-Identifier: GPL-3.0-or-later
"""A third place: what goes there, what keeps it from going, and what it tells of two collectors that were both rewritten."""

from __future__ import annotations

import argparse
import base64
import email
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import anchors as observer
from ansible_collections.order82.baseline.plugins.module_utils.records import (
    anchoring,
    anchors,
    comparing,
    keys,
    sealing,
    store,
)
from sealed_store import NOON, Collector, back, free

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chattr +a and +i need root")


class Anchored:
    """A collector with four sealed days, and a place on another disk."""

    def __init__(self, collector: Collector, share: Path, monkeypatch) -> None:
        self.collector, self.share = collector, share
        self.settings = collector.folder / "anchors.json"
        monkeypatch.setattr(anchors, "PATH", str(self.settings))
        monkeypatch.setattr(anchors, "STATE", str(collector.folder / "state"))
        (collector.folder / "state").mkdir()
        self.has({"name": "share", "way": "folder", "path": str(share)})

    def has(self, *places) -> None:
        self.settings.write_text(json.dumps(places))

    def deliver(self) -> tuple[dict, int]:
        document, _text, code = anchors.command(None)
        return document, code

    def seen(self) -> list[str]:
        return observer.look(self.collector.settings, NOON)["missing"]

    def compare(self, path: Path | None = None) -> list[str]:
        found, _texts = anchoring.compare(self.collector.settings, ("session",), str(path or self.share), NOON)
        return [str(fault) for fault in sorted(found)]

    def names(self) -> list[str]:
        return sorted(path.name for path in self.share.iterdir())


@pytest.fixture
def share():
    """Another disk: this one is in memory."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def one(tmp_path, share, monkeypatch):
    collector = Collector(tmp_path / "one", monkeypatch, classes=("session", "system"))
    found = Anchored(collector, share, monkeypatch)
    for days in range(4, -1, -1):
        collector.write(days, f"a login of day {days}\n")
        collector.tend(days)
    yield found
    collector.gone()


def test_each_sealed_day_goes_there_once_and_is_verified_by_hand(one, tmp_path):
    document, code = one.deliver()
    assert (code, len(document["done"])) == (0, 4)
    assert one.names() == [f"collector1-{back(days)}.txt" for days in (4, 3, 2, 1)]
    assert {path.stat().st_mode & 0o7777 for path in one.share.iterdir()} == {0o444}
    assert one.deliver() == ({"done": [], "alarms": []}, 0)
    assert (one.compare(), one.seen()) == ([], [])
    text = (one.share / f"collector1-{back(2)}.txt").read_text()
    assert f"sealed session {back(2)} " in text
    assert f"sealed system {back(2)} " in text
    head, _, signature = text.partition("-----BEGIN")
    (tmp_path / "sig").write_text("-----BEGIN" + signature)
    words = ["ssh-keygen", "-Y", "verify", "-f", one.collector.root / keys.SIGNERS, "-I", "collector1", "-n"]
    subprocess.run([*words, keys.NAMESPACE, "-s", tmp_path / "sig"], input=head.encode(), check=True)


def test_without_a_place_nothing_is_made(tmp_path, monkeypatch, share):
    collector = Collector(tmp_path / "one", monkeypatch)
    found = Anchored(collector, share, monkeypatch)
    found.settings.unlink()
    collector.write(1)
    collector.tend()
    assert not (collector.root / anchoring.FOLDER).exists()
    assert found.deliver() == ({"done": [], "alarms": []}, 0)
    collector.gone()


def test_both_collectors_were_rewritten_with_their_keys_and_the_third_place_tells(one):
    one.deliver()
    free(one.collector.root)
    path = one.collector.day(3) / "web.log.zst"
    path.unlink()
    (one.collector.day(3) / "web.log").write_text("another login\n")
    one.collector.resign(4)
    assert one.collector.verify() == []
    found = one.compare()
    assert found[0].startswith(f"session/{back(3)}/SHA256SUMS: its seal ")
    assert [row.split("/")[1] for row in found] == [back(3), back(2), back(1)]


def test_a_text_that_is_made_anew_in_the_store_changes_nothing_there(one):
    one.deliver()
    shutil.copytree(one.share, one.collector.folder / "kept")
    free(one.collector.root)
    shutil.rmtree(one.collector.root / anchoring.FOLDER)
    one.collector.write(3, "forged\n", host="ghost")
    one.collector.resign(4)
    one.collector.tend()
    assert one.compare()
    # And what is not what was brought is told of without anybody asking.
    assert [row for row in one.seen() if f"share: {back(3)} is not there any more, or is another" in row]


def test_days_that_went_are_missed(one):
    one.deliver()
    free(one.collector.root)
    shutil.rmtree(one.collector.day(3))
    one.collector.resign(2)
    assert any(row.startswith(f"session/{back(3)}/SHA256SUMS: its seal is gone") for row in one.compare())


def test_a_class_that_was_added_to_a_day(one):
    one.deliver()
    settings = one.collector.settings
    one.collector.settings = settings._replace(classes=("session", "system", "measure_state"))
    one.collector.write(3, record_class="measure_state")
    one.collector.tend()
    found, _texts = anchoring.compare(one.collector.settings, ("measure_state",), str(one.share), NOON)
    assert str(found[0]) == f"measure_state/{back(3)}/SHA256SUMS: it has a seal, and had none when the anchor was made"


def test_a_day_without_a_text_is_named(one):
    one.deliver()
    (one.share / f"collector1-{back(3)}.txt").unlink()
    assert one.compare() == [f"{back(3)}: the anchor has no text of this day"]
    assert one.seen() == [f"share: {back(3)} is not there any more, or is another"]


@pytest.mark.parametrize("by", ["a byte", "no key", "another key"])
def test_a_forged_text_is_named(one, by):
    one.deliver()
    path = one.share / f"collector1-{back(3)}.txt"
    text = path.read_text()
    if by == "another key":
        one.collector.monkeypatch.setattr(keys, "public", lambda _store: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA=="])
    else:
        path.unlink()
        path.write_text(
            re.sub("records [0-9]+", "records 82", text) if by == "a byte" else text.replace("U1NIU0lH", "U1NIU0lI")
        )
    assert any("bears no signature by a key that this store knows" in row for row in one.compare())


def test_a_key_that_was_changed_leaves_old_texts_true(one):
    keys.rotate(str(one.collector.root), "collector1")
    one.deliver()
    assert one.compare() == []


def test_who_asks_where_there_is_nothing(one, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="has no text of an anchor"):
        one.compare(tmp_path / "empty")
    one.deliver()
    one.collector.settings = one.collector.settings._replace(host="collector2")
    with pytest.raises(ValueError, match="texts of other collectors only"):
        one.compare()


def test_the_command_asks_the_third_place_too(one, monkeypatch):
    one.deliver()
    monkeypatch.setattr(comparing.time, "time", lambda: NOON)
    asked = argparse.Namespace(record_class=None, day=None, against=None, anchor=str(one.share))
    document, text, code = comparing.command(asked)
    assert (code, document["anchor_texts"], document["faults"]) == (0, 4, [])
    (one.share / f"collector1-{back(3)}.txt").unlink()
    document, text, code = comparing.command(asked)
    assert (code, text.splitlines()[0]) == (1, f"collector1: {back(3)}: the anchor has no text of this day")


def test_a_share_that_is_not_mounted_gets_nothing(one, tmp_path):
    one.has({"name": "share", "way": "folder", "path": str(tmp_path)})
    document, code = one.deliver()
    assert code == 1
    assert f"the anchor of {back(4)} is not at share: " in document["alarms"][0]
    assert "nothing is mounted there" in document["alarms"][0]
    one.has({"name": "share", "way": "folder", "path": "/nowhere"})
    assert "there is no folder" in one.deliver()[0]["alarms"][0]
    assert one.seen()[0] == f"share: {back(4)} was not brought"
    # It is there again: all that waited goes, in order.
    one.has({"name": "share", "way": "folder", "path": str(one.share)})
    assert one.deliver()[1] == 0
    assert (len(one.names()), one.seen()) == (4, [])


def test_nothing_there_is_replaced_and_what_broke_off_is_written_beside_it(one):
    broken = one.share / f"collector1-{back(4)}.txt"
    broken.write_text("# order82 anch")
    one.deliver()
    assert broken.read_text() == "# order82 anch"
    assert f"collector1-{back(4)}.2.txt" in one.names()
    assert (one.compare(), one.seen()) == ([], [])


def test_a_run_that_was_killed_before_it_remembered_leaves_one_text(one):
    one.deliver()
    before = one.names()
    (one.collector.folder / "state" / "share").unlink()
    assert (one.deliver()[1], one.names()) == (0, before)


def test_a_symlink_in_the_share_leads_nowhere(one, tmp_path):
    victim = tmp_path / "victim"
    (one.share / f"collector1-{back(4)}.txt").symlink_to(victim)
    one.deliver()
    assert not victim.exists()


def test_one_place_that_fails_keeps_no_other_from_its_texts(one):
    one.has(
        {"name": "gone", "way": "folder", "path": "/nowhere"},
        {"name": "share", "way": "folder", "path": str(one.share)},
    )
    document, code = one.deliver()
    assert (code, len(document["done"]), len(document["alarms"])) == (1, 4, 1)


def test_a_day_of_which_a_class_is_not_sealed_has_no_text_yet(one, monkeypatch):
    one.collector.write(0, "late\n", record_class="system")
    real = sealing.Sealer.seal
    monkeypatch.setattr(
        sealing.Sealer,
        "seal",
        lambda self, day: (_ for _ in ()).throw(OSError("x")) if self._class == "system" else real(self, day),
    )
    one.collector.tend(-1)
    assert back(0) not in anchoring.made(str(one.collector.root))
    assert observer.look(one.collector.settings, NOON + 86400)["missing"][0] == f"no anchor was made of {back(0)}"
    monkeypatch.undo()


@pytest.mark.parametrize("content", ["{", "[1]", '[{"name": "x", "way": "folder", "oops": 1}]'])
def test_settings_that_cannot_be_used(one, content):
    one.settings.write_text(content)
    with pytest.raises(ValueError, match="apply the role log_collector again"):
        anchors.places()
    assert any("an anchor can't be made" in alarm for alarm in one.collector.tend().alarms)


class MailServer(threading.Thread):
    """Enough of RFC 5321 and 3207 for one client after the other."""

    def __init__(self, folder: Path, refuses: str = "") -> None:
        super().__init__(daemon=True)
        self.mails: list[bytes] = []
        self.said: list[str] = []
        self.refuses = refuses
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        alternative = ["-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key", "-out", folder / "crt"]
        subprocess.run([*make, *alternative], check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "crt", folder / "key")
        self.socket = socket.create_server(("localhost", 0))
        self.port, self.certificate = self.socket.getsockname()[1], str(folder / "crt")

    def run(self) -> None:
        while True:
            client, _address = self.socket.accept()
            try:
                self._serve(client)
            except OSError:
                client.close()

    def _serve(self, client) -> None:
        file = client.makefile("rwb")

        def answer(text):
            file.write(text.encode() + b"\r\n")
            file.flush()

        answer("220 here")
        while line := file.readline():
            word = line.decode().strip()
            self.said.append(word)
            verb = word.split()[0].upper()
            if verb == self.refuses:
                answer("554 no")
            elif verb == "EHLO":
                answer("250-here\r\n250-STARTTLS\r\n250 AUTH PLAIN")
            elif verb == "STARTTLS":
                answer("220 go")
                client = self.context.wrap_socket(client, server_side=True)
                file = client.makefile("rwb")
            elif verb == "DATA":
                answer("354 go")
                self.mails.append(b"".join(iter(file.readline, b".\r\n")))
                answer("250 kept")
            elif verb == "AUTH":
                answer("235 in")
            elif verb == "QUIT":
                answer("221 bye")
                return
            else:
                answer("250 so be it")


@pytest.fixture
def mail(one, tmp_path, monkeypatch):
    """A mail server, and a place there."""

    def start(**more):
        server = MailServer(tmp_path, **more)
        server.start()
        place = {"name": "box", "way": "mail", "server": "localhost", "port": server.port, "user": "anchor"}
        one.has({**place, "sender": "c1@example.net", "to": "kept@example.net", "ca_file": server.certificate})
        (tmp_path / "box").write_text("secret 82\n")
        monkeypatch.setenv(anchors.CREDENTIALS, str(tmp_path))
        return server

    return start


def test_a_mail_a_day_and_the_mailbox_is_compared(one, mail, tmp_path):
    server = mail()
    document, code = one.deliver()
    assert (code, len(server.mails)) == (0, 4), document
    assert (
        base64.b64decode(next(row for row in server.said if row.startswith("AUTH PLAIN")).split()[2])
        == b"\0anchor\0secret 82"
    )
    assert server.said.index("STARTTLS") < next(i for i, row in enumerate(server.said) if row.startswith("AUTH"))
    message = email.message_from_bytes(server.mails[0])
    assert (message["To"], message["Subject"]) == ("kept@example.net", f"order82 anchor of collector1 for {back(4)}")
    (tmp_path / "mbox").write_bytes(b"".join(b"From x Thu\r\n" + one for one in server.mails))
    assert one.compare(tmp_path / "mbox") == []
    (tmp_path / "encoded").mkdir()
    for number, content in enumerate(server.mails):
        whole = email.message_from_bytes(content)
        body = whole.get_payload(decode=True)
        del whole["Content-Transfer-Encoding"]
        whole["Content-Transfer-Encoding"] = "base64"
        whole.set_payload(base64.encodebytes(body).decode())
        (tmp_path / "encoded" / f"{number}.eml").write_bytes(whole.as_bytes())
    assert one.compare(tmp_path / "encoded") == []


@pytest.mark.parametrize("refuses", ["MAIL", "RCPT", "DATA", "AUTH", "STARTTLS"])
def test_a_server_that_refuses_is_told_of_and_asked_again(one, mail, refuses):
    server = mail(refuses=refuses)
    document, code = one.deliver()
    assert (code, server.mails, anchors.delivered(anchors.places()[0])) == (1, [], set())
    assert document["alarms"][0].startswith(f"the anchor of {back(4)} is not at box: ")
    assert "secret" not in str(document)
    server.refuses = ""
    assert (one.deliver()[1], len(server.mails)) == (0, 4)


def test_a_server_that_nobody_vouches_for_gets_no_password(one, mail, tmp_path):
    server = mail()
    places = json.loads(one.settings.read_text())
    one.has({**places[0], "ca_file": ""})
    document, code = one.deliver()
    assert (code, "CERTIFICATE_VERIFY_FAILED" in document["alarms"][0], server.mails) == (1, True, [])
    assert not any(row.startswith("AUTH") for row in server.said)


def test_without_the_service_there_is_no_password(one, mail, monkeypatch):
    mail()
    monkeypatch.delenv(anchors.CREDENTIALS)
    assert "there is no password" in one.deliver()[0]["alarms"][0]


def test_what_lies_in_the_store_is_for_all_to_read_and_for_nobody_to_change(one):
    path = one.collector.root / anchoring.FOLDER / f"{back(3)}.txt"
    assert path.stat().st_mode & 0o7777 == 0o444
    with pytest.raises(PermissionError):
        path.write_text("x")
    assert store.flags(path) == store.IMMUTABLE
