# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask clamd over its socket (clamd(8), COMMANDS)."""

from __future__ import annotations

import socket

SOCKET = "/run/clamav/clamd.ctl"
SECONDS = 120
"""How long a large file may take."""
SHORTLY = 15
"""And a few bytes."""
_CHUNK = 1 << 16


class ClamdError(RuntimeError):
    """It did not answer, or could not look: one sentence."""


def scan_bytes(content):
    """Have some bytes looked at.

    :return: str or None: the name of the signature that is in them.
    :raises ClamdError: clamd does not answer, or could not look.
    """
    with _connected(SHORTLY) as clamd:
        clamd.sendall(b"zINSTREAM\0")
        for start in range(0, len(content), _CHUNK):
            part = content[start : start + _CHUNK]
            clamd.sendall(len(part).to_bytes(4, "big") + part)
        clamd.sendall(bytes(4))
        return _found(_answer(clamd))


def scan_open_file(descriptor, seconds=SECONDS):
    """Have an open file looked at, whatever its name means by now.

    :param float seconds: for so long at most nothing is heard.
    :return: str or None: the name of the signature that is in it.
    :raises ClamdError: clamd does not answer, or could not look.
    """
    with _connected(seconds) as clamd:
        clamd.sendall(b"zFILDES\0")
        socket.send_fds(clamd, [b"\0"], [descriptor])
        return _found(_answer(clamd))


def reload():
    """Have the signatures read again; clamd goes on with the old ones until it has them.

    :raises ClamdError: clamd does not answer.
    """
    with _connected(SHORTLY) as clamd:
        clamd.sendall(b"zRELOAD\0")
        _answer(clamd)


def _connected(seconds):
    clamd = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    clamd.settimeout(seconds)
    try:
        clamd.connect(SOCKET)
    except OSError as error:
        clamd.close()
        raise ClamdError(
            "clamd does not answer at %s (%s): see systemctl status clamav-daemon" % (SOCKET, error)
        ) from error
    return clamd


def _answer(clamd):
    said = b""
    while not said.endswith(b"\0"):
        part = clamd.recv(4096)
        if not part:
            break
        said += part
    return said.rstrip(b"\0").decode("utf-8", "replace")


def _found(answer):
    what = answer.rpartition(": ")[2]
    if what.endswith(" FOUND"):
        return what[: -len(" FOUND")]
    if what != "OK":
        raise ClamdError("clamd could not look: %s" % (answer or "it ended without an answer"))
    return None
