# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: the host's own firewall, and what goes around it."""

from __future__ import annotations

from ..firewall import rules, translations, trial
from ._registry import ObservationError, Observer, command

_MOST = 20  # translations that are named


def _firewall():
    try:
        return trial.state()
    except rules.FirewallError as error:
        raise ObservationError(str(error)) from error


def _around():
    return {"comes_in": [one.text for one in translations.of_others(command) if one.comes_in][:_MOST]}


OBSERVERS = {
    "firewall": Observer(
        look=_firewall,
        text="the rules in the kernel beside those that were confirmed (nft list table inet order82_firewall)",
        arguments={},
        facts={
            "in_force": "bool: the kernel has the table",
            "confirmed": "bool: the file on the host is what was confirmed over a new connection",
            "on_trial": "bool: rules wait for being confirmed, and are undone else",
            "differences": "list: what the kernel lacks or has besides",
        },
    ),
    "firewall_around": Observer(
        look=_around,
        text="translations of destinations in other tables, whose packets never meet the rules of the host",
        arguments={},
        facts={
            "comes_in": "list: ports, where to, kind, table and chain, at most 20; not what only the host itself can "
            "meet",
        },
    ),
}
