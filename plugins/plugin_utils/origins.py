# SPDX-License-Identifier: GPL-3.0-or-later
"""By which address of its loopback interface a collector's receiver knows each sender."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable

from .documents import DataError

_FIRST = int(ipaddress.IPv4Address("127.1.0.0"))  # 127.0.0.0/16 is for the receiver's own address
_ROOM = int(ipaddress.IPv4Address("127.128.0.0")) - _FIRST


def origins(names: Iterable[str]) -> dict[str, str]:
    """Give each name an address of its own.

    It follows from the name alone, so that it stays when other hosts come and go; but where two names have the same,
    the later one in the alphabet gets the next that is free.

    :raises DataError: there are more names than addresses.
    """
    taken: dict[int, str] = {}
    for name in sorted(set(names)):
        if len(taken) == _ROOM:
            raise DataError(f"a collector can tell {_ROOM} hosts apart, and not more")
        place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % _ROOM
        while place in taken:
            place = (place + 1) % _ROOM
        taken[place] = name
    return {
        name: str(ipaddress.IPv4Address(_FIRST + place))
        for place, name in sorted(taken.items(), key=lambda one: one[1])
    }
