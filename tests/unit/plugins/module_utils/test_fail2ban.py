# SPDX-License-Identifier: GPL-3.0-or-later
"""What fail2ban answers over its socket; the bytes are those of 1.0.2 (Debian 12), and of 1.1.0 (Debian 13), which are alike."""

from __future__ import annotations

import pickle
import socket
import threading

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import fail2ban

STATUS = "80059533000000000000004b005d94288c0e4e756d626572206f66206a61696c944b0186948c094a61696c206c697374948c04737368649486946586942e"
BANNED = "80059542000000000000004b005d94288c086275696c74696e73948c037374729493948c0b3230332e302e3131332e39948594529468038c0b323030313a6462383a3a3794859452946586942e"
NO_JAIL = "8005953f000000000000004b018c136661696c3262616e2e657863657074696f6e73948c14556e6b6e6f776e4a61696c457863657074696f6e9493948c046e6f7065948594529486942e"
END = b"<F2B_END_COMMAND>"


class Hostile:
    """Would make a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.fixture
def asked(tmp_path):
    """Starts a server that answers with these bytes, and gives a connection to it."""
    listeners = []

    def serve(listener, answers):
        connection, _peer = listener.accept()
        with connection:
            for answer in answers:
                said = b""
                while not said.endswith(END):
                    said += connection.recv(4096)
                # In pieces, as a long answer comes.
                for begin in range(0, len(answer), 7):
                    connection.sendall(answer[begin : begin + 7])

    def start(*answers):
        path = str(tmp_path / "socket")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        listeners.append(listener)
        threading.Thread(target=serve, args=(listener, answers), daemon=True).start()
        return fail2ban.Connection(path)

    yield start
    for listener in listeners:
        listener.close()


def test_one_connection_serves_for_all_questions(asked):
    with asked(bytes.fromhex(STATUS) + END, bytes.fromhex(BANNED) + END) as connection:
        assert connection.jails() == ["sshd"]
        assert connection.ask("get", "sshd", "banip") == ["203.0.113.9", "2001:db8::7"]


def test_what_it_refuses_is_an_error(asked):
    refused = pytest.raises(fail2ban.Fail2banError, match="refuses 'get nope maxretry'")
    with asked(bytes.fromhex(NO_JAIL) + END) as connection, refused:
        connection.ask("get", "nope", "maxretry")


@pytest.mark.parametrize("answer", [b"", b"nonsense" + END, bytes.fromhex(STATUS)[:30] + END])
def test_no_answer_is_an_error(asked, answer):
    with asked(answer) as connection, pytest.raises(fail2ban.Fail2banError, match="does not answer 'status'"):
        connection.ask("status")


def test_nobody_there_is_an_error(tmp_path):
    nobody = fail2ban.Connection(str(tmp_path / "none"))
    with pytest.raises(fail2ban.Fail2banError, match="see systemctl status fail2ban"), nobody:
        pass


def test_an_answer_is_data_and_never_code(asked, tmp_path):
    path = tmp_path / "made"
    with asked(pickle.dumps((0, Hostile(str(path)))) + END) as connection:
        connection.ask("status")
    assert not path.exists()
