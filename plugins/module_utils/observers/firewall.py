# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: the host's own firewall, and what goes around it."""

from __future__ import annotations

from ..firewall import rules, translations, trial
from ._registry import ObservationError, command

_MOST = 20  # translations that are named


def see_firewall():
    try:
        return trial.state()
    except rules.FirewallError as error:
        raise ObservationError(str(error)) from error


def see_around():
    return {"comes_in": [one.text for one in translations.of_others(command) if one.comes_in][:_MOST]}
