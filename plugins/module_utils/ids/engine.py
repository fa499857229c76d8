# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask Suricata over its socket (Suricata User Guide, Interacting via Unix Socket)."""

from __future__ import annotations

import json
import socket

SOCKET = "/run/suricata/command.socket"
INLINE_SOCKET = "/run/suricata-inline/command.socket"
"""Of the engine that stands in the way, where there is one."""
SECONDS = 15
RELOAD_SECONDS = 600
"""Tens of thousands of rules take their time; the old ones hold until then."""


class EngineError(RuntimeError):
    """It did not answer, or said no: one sentence."""


def ask(command, seconds=SECONDS, at=SOCKET, **arguments):
    """Give a command and get its answer.

    :param str at: the engine's socket.
    :return: what stands under C(message): a dict, a list or a text.
    :raises EngineError: Suricata does not answer, or said no.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
        engine.settimeout(seconds)
        try:
            engine.connect(at)
            _exchange(engine, {"version": "0.2"})
            answer = _exchange(engine, {"command": command, **({"arguments": arguments} if arguments else {})})
        except OSError as error:
            raise EngineError(
                "Suricata does not answer at %s (%s): see systemctl status 'suricata*' 'order82-ids*'" % (at, error)
            ) from error
    if answer.get("return") != "OK":
        raise EngineError("Suricata refused '%s': %s" % (command, answer.get("message")))
    return answer.get("message")


def packets(interface):
    """What the kernel counted since Suricata began: a pair, packets and those dropped because it was too slow.

    :raises EngineError: Suricata does not look at this interface, or does not answer.
    """
    counted = ask("iface-stat", iface=interface)
    return int(counted["pkts"]), int(counted["drop"])


def _exchange(engine, document):
    engine.sendall(json.dumps(document).encode("utf-8") + b"\n")
    said = b""
    while True:
        part = engine.recv(65536)
        said += part
        try:
            return json.loads(said)
        except ValueError:
            if not part:
                raise OSError("it ended without an answer") from None
