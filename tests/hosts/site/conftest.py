# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the whole site share: days that are over, and people outside whom no host has met before."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from ..conftest import Lab

CLOSED = "$(cat /root/closed-day)"
"""On a collector, the folder of a day of class session that is over: the same one for all tests, whatever midnight passes."""


RECORD = (
    '<38>1 ${d}T12:00:00.000000+00:00 $h sshd 1 - [order82@32473 class="session" boot="" uid="0" audit="" claims="" login="" unit=""]'
    '[stored@32473 at="${d}T12:00:01.000000+00:00" from="$h" marks=""] old'
)
"""What a collector would have filed on a day, of a host."""


@pytest.fixture(scope="session", autouse=True)
def closed_days(lab: Lab) -> None:
    """Three days in the past, closed by the collectors themselves, so that there is something to damage in the middle."""
    quoted = RECORD.replace('"', '\\"')
    for collector in lab.collectors():
        lab.do(
            collector,
            'cd /srv/records/session; chattr -a .; for back in 3 2 1; do d=$(date -u -d "-$back days" +%F); '
            "test $back = 2 && echo $PWD/$d >/root/closed-day; test -e $d && continue; install -d -m 0750 -o order82-collect -g order82-session $d; "
            "for h in vault web; do "
            f'echo "{quoted}" > $d/$h.log; '
            "chown order82-collect:order82-session $d/$h.log; done; done; "
            "systemctl start order82-records.service",
        )


@pytest.fixture
def stranger(lab: Lab) -> Iterator[str]:
    """A source address that nobody has heard of: what it did before does not count against it."""
    yield from _address(lab, range(70, 160))


@pytest.fixture
def customer(lab: Lab) -> Iterator[str]:
    """Another one."""
    yield from _address(lab, range(160, 250))


def _address(lab: Lab, among: range) -> Iterator[str]:
    address = f"198.18.0.{random.choice(among)}"
    lab.do("outside", f"ip address replace {address}/24 dev outside")
    yield address
    lab.do("outside", f"ip address delete {address}/24 dev outside", ok=(0, 2))
