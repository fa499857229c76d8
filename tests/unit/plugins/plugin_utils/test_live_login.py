# SPDX-License-Identifier: GPL-3.0-or-later
"""The login of an inspection, with the real ssh, on servers that refuse, hang, flood or are none."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils import live_login

SSH = ("ssh", "-F", "/dev/null", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null")


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "login"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@pytest.fixture
def server():
    """Listens and, as soon as somebody comes, hangs up; C(came) has from where he did."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        came = []

        def serve():
            connection, whence = listening.accept()
            came.append(whence)
            connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], came
        thread.join(10)


def test_the_controller_knows_its_own_address_and_port(key, server):
    port, came = server
    found = live_login.log_in([*SSH, "-p", str(port)], "127.0.0.1", key)
    assert [(found["address"], found["port"])] == came
    assert "closed" in found["why"] or "reset" in found["why"]
    assert found["refused"] is False


def test_behind_a_proxy_it_does_not(key, server):
    port, came = server
    connect = f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3'"
    found = live_login.log_in([*SSH, f"-oProxyCommand={connect}"], "nowhere", key)
    assert len(came) == 1
    assert (found["address"], found["port"]) == ("", 0)
    assert found["why"]


def test_a_port_that_nobody_listens_on_is_said(key):
    found = live_login.log_in([*SSH, "-p", "1"], "127.0.0.1", key)
    assert "Connection refused" in found["why"]


def test_without_the_key_it_says_what_to_do(tmp_path):
    found = live_login.log_in(SSH, "127.0.0.1", tmp_path / "login")
    assert found["why"] == f"{tmp_path}/login is not there on the controller: apply the role log_forwarder"


@pytest.mark.parametrize(
    ("way", "words"), [("sleep 60", "it did not answer within 1 s"), ("cat /dev/zero", "banner"), ("yes", "banner")]
)
def test_who_hangs_or_floods_costs_a_bounded_time_and_leaves_nothing_behind(key, monkeypatch, way, words):
    monkeypatch.setattr(live_login, "SECONDS", 1)
    begin = time.monotonic()
    found = live_login.log_in([*SSH, f"-oProxyCommand={way}"], "nowhere", key)
    assert time.monotonic() - begin < 20
    assert words in found["why"]
    assert len(found["why"]) <= 400


# Says and does what ssh does where it is let in, and keeps what it was given.
IN = """\
#!/bin/bash
[ "$1" = -G ] && { echo "proxycommand none"; exit; }
cd FOLDER
printf '%s\\n' "$@" >words
for word; do case $word in -oCertificateFile=*) cp "${word#*=}" certificate;; esac; done
echo 'Authenticated to web ([10.0.0.1]:22) using "publickey".' >&2
SAYS
exec sleep 60
"""


@pytest.fixture
def ssh(tmp_path):
    """C(says) is more that this program does."""

    def made(says: str = "echo 'debug1: client_input_global_request: rtype hostkeys-00@openssh.com want_reply 0' >&2"):
        program = tmp_path / "ssh"
        program.write_text(IN.replace("FOLDER", str(tmp_path)).replace("SAYS", says))
        program.chmod(0o755)
        return str(program)

    return made


def test_the_certificate_is_for_this_login_alone(key, ssh, tmp_path):
    found = live_login.log_in([ssh()], "web", key)
    said = subprocess.run(["ssh-keygen", "-L", "-f", tmp_path / "certificate"], capture_output=True, text=True).stdout
    assert (found["why"], found["account"]) == ("", "order82-probe")
    assert f'Key ID: "{found["identity"]}"' in said
    assert re.search(r"Principals: \n\s+order82-probe\n\s+Critical Options: \(none\)\n\s+Extensions: \(none\)\n", said)
    assert found["identity"] != live_login.log_in([ssh()], "web", key)["identity"]


def test_it_asks_for_nothing_and_shares_no_connection(key, ssh, tmp_path):
    live_login.log_in([ssh(), "-q", "-oControlPath=/run/shared", "-oUser=ops", "-p", "22"], "web", key)
    words = (tmp_path / "words").read_text().splitlines()
    assert words[:2] == ["-N", "-T"]
    assert words[-1] == "web"
    assert "-q" not in words
    for first, later in (("-oControlPath=none", "-oControlPath=/run/shared"), ("-oUser=order82-probe", "-oUser=ops")):
        assert words.index(first) < words.index(later)
    assert "-oIdentityAgent=none" in words


@pytest.mark.parametrize("says", ["true", "yes >&2", "while :; do echo x >&2; sleep 0.1; done"])
def test_a_server_that_says_nothing_or_too_much_once_it_let_in_is_left_soon(key, ssh, says):
    begin = time.monotonic()
    assert live_login.log_in([ssh(says)], "web", key)["why"] == ""
    assert time.monotonic() - begin < 15
