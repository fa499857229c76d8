# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody outside tries, from an address of his choice."""

from __future__ import annotations

from ..conftest import Lab

ATTACKER = "198.18.0.10"
ADMINISTRATOR = "198.18.0.67"
WEB = "198.18.0.20"
GATEWAY = "198.18.0.1"
COLLECTORS = ("collector1", "collector2")


def reaches(lab: Lab, address: str, port: int, source: str = ATTACKER, seconds: int = 2) -> bool:
    """Whether a TCP connection comes about; what is dropped is known by silence, for so many seconds."""
    done = lab.host("outside").run(f"nc -z -w {seconds} -s {source} {address} {port}")
    return done.rc == 0


def gets_in(lab: Lab, address: str, port: int, source: str = ATTACKER) -> bool:
    """Whether a TCP connection comes about, however slow the machine is."""
    return reaches(lab, address, port, source, 20)


def fails_to_log_in(lab: Lab, address: str, times: int, source: str = ATTACKER) -> None:
    """Try wrong passwords over SSH, one connection each. Of an account that there is: fail2ban counts other names twice."""
    lab.do(
        "outside",
        "printf '#!/bin/sh\\necho wrong\\n' >/run/askpass; chmod 0755 /run/askpass; export SSH_ASKPASS=/run/askpass SSH_ASKPASS_REQUIRE=force; "
        f"for number in $(seq {times}); do setsid ssh -b {source} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=3 "
        "-o PreferredAuthentications=password -o NumberOfPasswordPrompts=1 "
        f"ops@{address} true 2>/dev/null; done; true",
    )
