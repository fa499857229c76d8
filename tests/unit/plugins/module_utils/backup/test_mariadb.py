# SPDX-License-Identifier: GPL-3.0-or-later
"""When a server that was started on a copy can be asked."""

from __future__ import annotations

import socket

from ansible_collections.order82.baseline.plugins.module_utils.backup import mariadb


def test_a_server_answers_when_it_listens_and_not_when_its_socket_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path may have 107 bytes
    assert not mariadb.listens("here")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind("here")
        assert not mariadb.listens("here")
        server.listen()
        assert mariadb.listens("here")
