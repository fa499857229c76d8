# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: how one of two hosts that stand by for each other is, and whether they share their connections."""

from __future__ import annotations

from .. import standby


def see_standby():
    return standby.status(standby.load())


def see_sharing():
    return standby.sharing()
