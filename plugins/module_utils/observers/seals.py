# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: whether the days of a collector are sealed and are what was sealed, and what the others say of theirs."""

from __future__ import annotations

import time

from ..records import comparing, verifying
from ._registry import ObservationError
from ._store import the_settings

_SHOWN = 20
_BYTES = 256 << 20  # of sealed records that one look reads again, the newest first
_SECONDS = 2
"""So long it verifies signatures, the newest first: each one also vouches for the manifests before it."""


def see_seals():
    return seals(_settings(), time.time())


def seals(settings, now):
    """Verify the newest days, and the way from seal to seal over all.

    :param float now: seconds since 1970.
    """
    budget = verifying.Budget(_BYTES, _SECONDS)
    found = verifying.verify(settings, settings.classes, now=now, budget=budget, attributes=False)
    faults = sorted({*found.faults, *comparing.own(settings, settings.classes, now)})
    return {
        "sealed_days": found.days,
        "read_bytes": found.bytes,
        "faults": [str(fault) for fault in faults[:_SHOWN]],
        "faults_count": len(faults),
    }


def see_witness():
    return witness(_settings(), time.time())


def witness(settings, now):
    """Hold the other collectors to their words.

    :param float now: seconds since 1970.
    """
    found = comparing.others(settings, now)
    faults = ["%s: %s" % (collector, fault) for collector, (said, _silent) in found.items() for fault in said]
    return {
        "contradictions": faults[:_SHOWN],
        "contradictions_count": len(faults),
        "silent": [collector for collector, (_said, silent) in found.items() if silent],
    }


def _settings():
    settings = the_settings()
    if not settings.host:
        raise ObservationError("this collector does not know its name yet: apply the role log_collector again")
    return settings
