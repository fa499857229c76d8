# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that start anew, as by their power button: every measure is up again, and no record is missing."""

from __future__ import annotations

from pathlib import Path

from ..conftest import Lab, until
from ..drift import red
from .outside import COLLECTORS

NUMBERS = 200


def test_all_measures_are_up_again_after_a_restart(lab: Lab, mark: str, tmp_path: Path) -> None:
    for host in ("web", "gateway"):
        lab.do(host, f"(for number in $(seq {NUMBERS}); do echo {mark}-$number; done) | systemd-cat -t probe")
        lab.restart(host)
        lab.do("outside", "ip neighbour flush all")
    # Some checks look at the last minutes: a heartbeat, a beat, a synchronised clock.
    until(180, lambda: red(lab.inspect(tmp_path)) == {}, "an inspection in which every check passes")
    for host in ("web", "gateway"):
        for collector in COLLECTORS:
            found = lab.do(collector, f"grep -rhaoE '{mark}-[0-9]+' /srv/records/*/*/{host}.log | sort -u").split()
            assert len(found) == NUMBERS
