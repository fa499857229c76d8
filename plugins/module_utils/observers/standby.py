# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: how one of two hosts that stand by for each other is, and whether they share their connections."""

from __future__ import annotations

from .. import standby
from ._registry import Observer


def _standby():
    return standby.status(standby.load())


OBSERVERS = {
    "standby": Observer(
        look=_standby,
        text="which of the two this host is, and what of it is not so",
        arguments={},
        facts={
            "state": "str: active, waiting, fault, stopped or unknown",
            "since": "float: POSIX time of the last change; null where there was none",
            "holds": "list: addresses of the pair that this host has",
            "wrong": "list: sentences",
        },
    ),
    "standby_sharing": Observer(
        look=standby.sharing,
        text="what conntrackd hears from the other host",
        arguments={},
        facts={
            "internal": "int: connections of this host",
            "external": "int: connections that the other told of",
            "heard": "int: bytes from the other host; 0 if none came within three seconds",
        },
    ),
}
