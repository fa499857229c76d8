# SPDX-License-Identifier: GPL-3.0-or-later
"""The pair, and connections through it."""

from __future__ import annotations

import json

import pytest

from ..conftest import HANG, Lab, until
from ..nat.conftest import ends

__all__ = ["ends"]

PAIR = ("gateway1", "gateway2")
STATES = {"active", "waiting"}
COUNT = 1000
HOLD = """
import json, socket, sys, time
path, mark, count, server = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
flows = []
for number in range(count):
    address = "100.64.%d.%d" % (12 + number % 2, 1 + number // 2 % 10)
    one = socket.create_connection((server, 7082), 20, (address, 0))
    flows.append((one, "%s-%d" % (mark, number), address, one.getsockname()[1]))
def say(part):
    answered = 0
    for one, word, _address, _port in flows:
        one.settimeout(30)
        try:
            one.sendall((word + part).encode())
            answered += one.recv(100) == (word + part).encode()
        except OSError:
            pass
    return answered
with open(path, "w", buffering=1) as file:
    file.write(json.dumps(say("")) + chr(10))
    for line in sys.stdin:
        file.write(json.dumps(say(line.strip())) + chr(10))
"""


@pytest.fixture(scope="session")
def gateways() -> dict:
    """For the program of both ends: where subscribers are."""
    return {}


def standing(lab: Lab, host: str) -> dict:
    """What order82 says of one of the pair."""
    return json.loads(lab.do(host, "order82 standby status --json", ok=(0, 1)))


def active(lab: Lab) -> str:
    """Which of the two has the addresses: exactly one."""

    def one() -> str:
        try:
            found = {host: standing(lab, host)["state"] for host in PAIR}
        except RuntimeError:  # one is down, or boots
            return ""
        return {state: host for host, state in found.items()}["active"] if set(found.values()) == STATES else ""

    return until(HANG, one, "one of the two is active, and the other waits")
