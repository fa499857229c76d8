# SPDX-License-Identifier: GPL-3.0-or-later
"""People outside whom no host of the lab has met before."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from ..conftest import Lab


@pytest.fixture
def stranger(lab: Lab) -> Iterator[str]:
    """A source address that nobody has heard of: what it did before does not count against it."""
    yield from _address(lab)


@pytest.fixture
def customer(lab: Lab) -> Iterator[str]:
    """Another one."""
    yield from _address(lab)


def _address(lab: Lab) -> Iterator[str]:
    address = f"198.18.6.{random.randrange(70, 250)}"
    lab.do("outside", f"ip address replace {address}/24 dev outside")
    yield address
    lab.do("outside", f"ip address delete {address}/24 dev outside", ok=(0, 2))
