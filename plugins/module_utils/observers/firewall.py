# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: the host's own firewall."""

from __future__ import annotations

from ..firewall import rules, trial
from ._registry import ObservationError, Observer


def _firewall():
    try:
        return trial.state()
    except rules.FirewallError as error:
        raise ObservationError(str(error)) from error


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
}
