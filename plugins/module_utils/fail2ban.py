# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask fail2ban over its socket, as fail2ban-client(1) does, which takes a tenth of a second to start."""

from __future__ import annotations

import contextlib
import io
import pickle
import socket

SOCKET = "/run/fail2ban/fail2ban.sock"
SECONDS = 15
_END = b"<F2B_END_COMMAND>"
_CLOSE = b"<F2B_CLOSE_COMMAND>"


class Fail2banError(RuntimeError):
    """It did not answer, or said no: one sentence."""


class Connection:
    """A context manager: one connection for any number of questions."""

    def __init__(self, path=SOCKET):
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self):
        self._socket.settimeout(SECONDS)
        try:
            self._socket.connect(self._path)
        except OSError as error:
            self._socket.close()
            raise Fail2banError(
                "fail2ban does not answer at %s (%s): see systemctl status fail2ban" % (self._path, error)
            ) from error
        return self

    def __exit__(self, *_error):
        with self._socket, contextlib.suppress(OSError):  # it has closed its end already
            self._socket.sendall(_CLOSE + _END)

    def ask(self, *words):
        """Give a command, such as C(get sshd maxretry), and get its answer: text, number, list or None.

        :raises Fail2banError: it does not answer, or refuses.
        """
        try:
            self._socket.sendall(pickle.dumps(list(words), 2) + _END)
            said = b""
            while not said.endswith(_END):
                part = self._socket.recv(65536)
                if not part:
                    raise OSError("it ended without an answer")
                said += part
            code, answer = _Plain(io.BytesIO(said)).load()
        except (OSError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise Fail2banError("fail2ban does not answer '%s': %s" % (" ".join(words), error)) from error
        if code:
            raise Fail2banError("fail2ban refuses '%s'" % " ".join(words))
        return answer

    def jails(self):
        """The names of the jails that run."""
        names = dict(self.ask("status"))["Jail list"]
        return [name.strip() for name in names.split(",") if name.strip()]


class _Plain(pickle.Unpickler):
    """Reads plain values; its addresses are texts that are made by str. Whatever else is named there is not made."""

    def find_class(self, module, name):
        return str if (module, name) in (("builtins", "str"), ("__builtin__", "str")) else _Unknown


class _Unknown:
    """What it says in an error."""

    def __init__(self, *_arguments):
        pass

    def __setstate__(self, _state):
        pass
