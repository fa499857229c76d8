# SPDX-License-Identifier: GPL-3.0-or-later
"""What is met at a collector's port: real sockets and TLS on the loopback, and collectors of several kinds."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import forwarding

WELL = {"listens": True, "tls": True, "answers_plain": False, "admits_strangers": False, "admits_us": True}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A certificate that is its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=collector1"]
    files = ["-keyout", folder / "host.key", "-out", folder / "host.crt"]
    subprocess.run(["openssl", "req", "-x509", *words, *files], check=True, capture_output=True)
    return folder / "host.crt", folder / "host.key"


@pytest.fixture
def looks(pair, monkeypatch):
    """A function from the kind of a collector to what is seen of it."""
    monkeypatch.setattr(forwarding, "_PATIENCE", 0.5)
    servers = []

    def look(tls=True, verify=ssl.CERT_REQUIRED, answers=True):
        listening = socket.create_server(("127.0.0.1", 0))
        servers.append(listening)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if context:
            context.load_cert_chain(*pair)
            context.load_verify_locations(pair[0])
            context.verify_mode = verify
        threading.Thread(target=serve, args=(listening, context, answers), daemon=True).start()
        port = listening.getsockname()[1]
        certificate, key = map(str, pair)
        found = forwarding.see_listener(
            address="127.0.0.1", port=port, ca=certificate, certificate=certificate, key=key
        )
        del found["problem"]
        return found

    yield look
    for listening in servers:
        listening.close()


def serve(listening, context, answers):
    held = []
    while True:
        try:
            stream, _address = listening.accept()
        except OSError:
            return
        try:
            if context:
                stream = context.wrap_socket(stream, server_side=True)
            if stream.recv(4096) and answers:
                stream.sendall(b"1 rsp 6 200 OK\n")
            held.append(stream)
        except OSError:
            stream.close()


def test_a_collector(looks):
    assert looks() == WELL


def test_a_receiver_that_hangs_behind_its_front(looks):
    assert looks(answers=False) == {**WELL, "admits_us": False}


def test_one_that_admits_strangers(looks):
    assert looks(verify=ssl.CERT_OPTIONAL) == {**WELL, "admits_strangers": True}


def test_one_without_tls(looks):
    assert looks(tls=False) == {**WELL, "tls": False, "answers_plain": True, "admits_us": False}
