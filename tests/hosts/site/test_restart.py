# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that start anew, as by their power button: every measure is up again, and no record is missing."""

from __future__ import annotations

from ..conftest import HANG, READ, Lab, until
from .outside import COLLECTORS

NUMBERS = 200


def test_all_measures_are_up_again_after_a_restart(lab: Lab, mark: str) -> None:
    for host in ("web", "gateway"):
        lab.do(host, f"(for number in $(seq {NUMBERS}); do echo {mark}-$number; done) | systemd-cat -t probe")
        lab.restart(host)
        lab.do("outside", "ip neighbour flush all")
    lab.green()
    for host in ("web", "gateway"):
        for collector in COLLECTORS:
            found = f"{READ} /srv/records/*/*/{host}.log* | grep -aoE '{mark}-[0-9]+' | sort -u | wc -l"
            until(
                HANG, lambda at=collector, look=found: int(lab.do(at, look)) == NUMBERS, f"all of {host} on {collector}"
            )
