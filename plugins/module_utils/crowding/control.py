# SPDX-License-Identifier: GPL-3.0-or-later
"""A service is asked through a socket that only root and itself reach: one line there, one back.

So are the guard of the journal, and the service that tells of alarms.
"""

from __future__ import annotations

import json
import socket

SOCKET = "/run/order82-journal/control"
_SECONDS = 10
_MOST = 1 << 20


def ask(question, path=SOCKET, *, seconds=_SECONDS):
    """Ask the service, by default the guard.

    :param dict question: of the guard C({"release": ACCOUNT}), or C({}) for how it stands.
    :param float seconds: how long it may take.
    :return: dict: its answer.
    :raises OSError: it does not run, or does not answer.
    :raises ValueError: it refused; its sentence.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as guard:
        guard.settimeout(seconds)
        guard.connect(path)
        guard.sendall(json.dumps(question).encode("utf-8") + b"\n")
        answer = json.loads(_line(guard))
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer


def serve(listener, answer):
    """Answer one who asks; one who asks nothing is left after a second.

    :param answer: function of the question that gives the answer; its ValueError is the answer's C(error).
    """
    connection, _address = listener.accept()
    with connection:
        connection.settimeout(1)
        try:
            try:
                said = answer(json.loads(_line(connection)))
            except ValueError as error:
                said = {"error": str(error)}
            connection.sendall(json.dumps(said).encode("utf-8") + b"\n")
        except OSError:
            return


def _line(connection):
    line = b""
    while not line.endswith(b"\n") and len(line) < _MOST:
        some = connection.recv(1 << 16)
        if not some:
            break
        line += some
    return line
