# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers on the loopback interface: TLS with an authority that is named, a login, a token, and servers that hang or refuse."""

from __future__ import annotations

import http.server
import json
import socket
import socketserver
import ssl
import subprocess
import threading

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.alarms import settings, ways
from ansible_collections.order82.baseline.plugins.module_utils.alarms.settings import Receiver

NOTICE = {"host": "web", "kind": "network_link", "what": "the interface eth0 is down", "since": 1, "count": 1, "by": "web", "key": "0" * 16,
          "event": "opened", "until": None, "at": 1, "pause": {}, "to": {}}  # fmt: skip
MESSAGE = ways.Message("feedbeef", "示例", "collector1", [NOTICE])


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """An authority, a server's certificate for 127.0.0.1, a client's, and a stranger's authority; a password."""
    folder = tmp_path_factory.mktemp("keys")
    new = [
        "openssl",
        "req",
        "-x509",
        "-nodes",
        "-days",
        "9",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
    ]
    for words in (
        ["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "robot.ca.crt"],
        ["-subj", "/CN=stranger", "-keyout", "stranger.key", "-out", "stranger.ca.crt"],
        ["-subj", "/CN=server", "-CA", "robot.ca.crt", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "tls.key", "-out", "tls.crt"],
        ["-subj", "/CN=host", "-CA", "robot.ca.crt", "-CAkey", "ca.key", "-keyout", "host.key", "-out", "host.crt"],
    ):  # fmt: skip
        subprocess.run([*new, *words], cwd=folder, check=True, capture_output=True)
    (folder / "duty.ca.crt").write_bytes((folder / "robot.ca.crt").read_bytes())
    for name in ("robot", "duty"):
        (folder / f"{name}.secret").write_text("password\n")
    return folder


@pytest.fixture
def served(keys):
    """Serve one class of handlers until the test's end; gives its port."""
    servers = []

    def serve(handler, kind=socketserver.ThreadingTCPServer, client_ca=None, tls=True):
        server = kind(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        server.handle_error = lambda *_words: None  # a client that does not believe it hangs up
        server.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.context.load_cert_chain(keys / "tls.crt", keys / "tls.key")
        if client_ca:
            server.context.load_verify_locations(client_ca)
            server.context.verify_mode = ssl.CERT_REQUIRED
        if tls:
            server.socket = server.context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        servers.append(server)
        return server.server_address[1]

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def hook(answers, got):
    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            text = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, dict(self.headers), json.loads(text)))
            self.send_response(answers.pop(0) if answers else 204)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            self.wfile.write(b"because\r\nof \x1b[31mthis")

        def log_message(self, *_words):
            pass

    return Hook


def robot(keys, port, **where):
    given = {"folder": str(keys), "ca": True, "secret": True, "host": "127.0.0.1", "port": port, "path": "/hook?a=1"}
    return Receiver("robot", "webhook", "low", {**given, **where})


def test_a_webhook_is_posted_with_its_token(served, keys):
    got = []
    assert ways.send(robot(keys, served(hook([], got), http.server.ThreadingHTTPServer)), MESSAGE) == ""
    [(path, headers, said)] = got
    assert path == "/hook?a=1"
    assert headers["Authorization"] == "Bearer password"
    assert headers["Content-Type"] == "application/json"
    assert said["alerts"][0]["labels"]["host"] == "web"


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, ways.RefusedError), (413, ways.RefusedError), (302, ways.UnreachableError), (401, ways.UnreachableError),
     (404, ways.UnreachableError), (503, ways.UnreachableError)],
)  # fmt: skip
def test_another_answer_is_said_in_one_line(served, keys, status, error):
    got = []
    with pytest.raises(error, match=rf"HTTP {status} because of .u001b\[31mthis"):
        ways.send(robot(keys, served(hook([status], got), http.server.ThreadingHTTPServer)), MESSAGE)
    assert len(got) == 1, "nobody follows it elsewhere"


def test_who_has_another_authority_gets_nothing(served, keys, tmp_path):
    got = []
    port = served(hook([], got), http.server.ThreadingHTTPServer)
    (tmp_path / "robot.ca.crt").write_bytes((keys / "stranger.ca.crt").read_bytes())
    (tmp_path / "robot.secret").write_text("password")
    for where in ({"folder": str(tmp_path)}, {"ca": False}, {"host": "localhost"}):
        with pytest.raises(ways.UnreachableError, match=r"TLS: .*(self-signed|self signed|unable to get|mismatch)"):
            ways.send(robot(keys, port, **where), MESSAGE)
    assert got == []


def test_a_certificate_of_this_host_is_shown_where_it_is_asked_for(served, keys, monkeypatch):
    got = []
    monkeypatch.setattr(settings, "TLS", str(keys))
    port = served(hook([], got), http.server.ThreadingHTTPServer, client_ca=keys / "robot.ca.crt")
    with pytest.raises(ways.UnreachableError):
        ways.send(robot(keys, port), MESSAGE)
    assert ways.send(robot(keys, port, client_certificate=True), MESSAGE) == ""
    assert len(got) == 1


def test_who_answers_no_http_and_who_is_not_there(served, keys):
    class Garbage(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"\x00\xff\r\n")

    with pytest.raises(ways.UnreachableError):
        ways.send(robot(keys, served(Garbage)), MESSAGE)
    with pytest.raises(ways.UnreachableError, match="Connection refused"):
        ways.send(robot(keys, 1), MESSAGE)
    with pytest.raises(ways.UnreachableError, match="No such file"):
        ways.send(robot(keys, 1, folder="/nowhere"), MESSAGE)
    with pytest.raises(ways.UnreachableError, match="no way 'pigeon'"):
        ways.send(robot(keys, 1)._replace(way="pigeon"), MESSAGE)


def test_who_never_comes_to_an_end_is_left(served, keys, monkeypatch):
    """Each byte comes in time, and the answer never."""
    monkeypatch.setattr(ways, "SECONDS", 1)
    ends = threading.Event()

    class Drip(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not ends.wait(0.1):
                try:
                    self.wfile.write(b"X: y\r\n")
                except OSError:
                    return

    try:
        with pytest.raises(ways.UnreachableError, match=r"it took more than 1 s|headers"):
            ways.send(robot(keys, served(Drip)), MESSAGE)
    finally:
        ends.set()


class Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP as smtplib speaks (RFC 5321, 3207, 4954)."""

    offers, refuses, got = ("STARTTLS", "AUTH PLAIN"), {}, []

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.say("220 mail")
        while line := self.rfile.readline().decode().strip():
            word = line.split(" ")[0].upper()
            if word in self.refuses:
                self.say(self.refuses[word])
            elif word == "EHLO":
                for offer in ("mail", *self.offers):
                    self.say(f"250-{offer}")
                self.say("250 OK")
            elif word == "STARTTLS":
                self.say("220 go")
                self.request = self.server.context.wrap_socket(self.request, server_side=True)
                self.setup()
                self.got.append("TLS")
            elif word == "DATA":
                self.say("354 go")
                text = b""
                while not text.endswith(b"\r\n.\r\n"):
                    text += self.rfile.readline()
                self.got.append(text)
                self.say(self.refuses.get("END", "250 taken"))
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.got.append(line)
                is_bad = word == "RCPT" and "bad@" in line
                self.say("235 ok" if word == "AUTH" else "550 who?\x1b[31m" if is_bad else "250 ok")


@pytest.fixture
def mailbox(served, keys):
    """A mail server, and who is told by it."""

    def make(tls=False, offers=Mailbox.offers, **refuses):
        got = []
        handler = type("Box", (Mailbox,), {"offers": offers, "refuses": refuses, "got": got})
        where = {"folder": str(keys), "ca": True, "server": "127.0.0.1", "port": served(handler, tls=tls), "security": "starttls",
                 "secret": True, "login": "alarms", "sender": "order82@example.net", "to": ["duty@example.net"]}  # fmt: skip
        return got, lambda **more: Receiver("duty", "mail", "low", {**where, **more})

    return make


def test_a_mail_is_sent_after_tls_and_a_login(mailbox):
    got, duty = mailbox()
    assert ways.send(duty(), MESSAGE) == ""
    assert got[0] == "TLS"
    assert got[1].startswith("AUTH PLAIN ")
    assert got[2:4] == ["mail FROM:<order82@example.net>", "rcpt TO:<duty@example.net>"]
    assert b"Message-ID: <feedbeef.duty@collector1>" in got[4]


def test_tls_from_the_first_byte(mailbox):
    got, duty = mailbox(tls=True)
    assert ways.send(duty(security="tls"), MESSAGE) == ""
    assert "TLS" not in got


def test_to_this_host_itself_in_clear(mailbox):
    got, duty = mailbox(offers=())
    assert ways.send(duty(security="none", login="", secret=False), MESSAGE) == ""
    assert "TLS" not in got


def test_a_server_that_offers_no_tls_gets_neither_password_nor_alarm(mailbox):
    got, duty = mailbox(offers=("AUTH PLAIN",))
    with pytest.raises(ways.UnreachableError, match="STARTTLS"):
        ways.send(duty(), MESSAGE)
    assert not [line for line in got if "AUTH" in str(line)]


def test_a_stranger_gets_neither_password_nor_alarm(mailbox, keys, tmp_path):
    got, duty = mailbox()
    (tmp_path / "duty.ca.crt").write_bytes((keys / "stranger.ca.crt").read_bytes())
    (tmp_path / "duty.secret").write_text("password")
    with pytest.raises(ways.UnreachableError, match="TLS: "):
        ways.send(duty(folder=str(tmp_path)), MESSAGE)
    assert got == []


@pytest.mark.parametrize(
    ("refuses", "error", "says"),
    [
        ({"AUTH": "535 no"}, ways.UnreachableError, "535 no"),
        ({"END": "554 spam\x1b[31m"}, ways.RefusedError, r"554 spam.u001b\[31m"),
        ({"MAIL": "550 who are you"}, ways.RefusedError, "550 who are you"),
        ({"RCPT": "550 who is that"}, ways.RefusedError, "550 who is that"),
        ({"EHLO": "421 later", "HELO": "421 later"}, ways.UnreachableError, "421 later"),
    ],
)
def test_what_a_server_refuses_is_said_in_one_line(mailbox, refuses, error, says):
    _got, duty = mailbox(**refuses)
    with pytest.raises(error, match=says):
        ways.send(duty(), MESSAGE)


def test_one_of_two_addresses_that_is_refused_is_named(mailbox):
    _got, duty = mailbox()
    assert (
        ways.send(duty(to=["duty@example.net", "bad@example.net"]), MESSAGE) == "bad@example.net: 550 who?\\u001b[31m"
    )


def test_what_was_taken_is_not_sent_again_whatever_comes_then(mailbox):
    _got, duty = mailbox(QUIT="\xff")
    assert ways.send(duty(), MESSAGE) == ""


def test_a_listener_that_says_nothing_is_left(monkeypatch, keys):
    monkeypatch.setattr(ways, "SOCKET_SECONDS", 0.3)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(ways.UnreachableError, match="timed out"):
            ways.send(robot(keys, listener.getsockname()[1]), MESSAGE)
