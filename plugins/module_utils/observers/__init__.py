# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: what can be seen on a host, as facts without a verdict.

This package runs on the managed host (Python 3.9 or newer, standard library only): inside the module
order82.baseline.check_info, and in the zipapp C(order82). The controller imports C(declared) too, for the names: a
check that asks for an unknown observer, argument or fact is refused before a host is touched.
"""

from __future__ import annotations

from ._registry import SECONDS, Argument, ObservationError, Observer, run, run_together
from .declared import OBSERVERS

__all__ = ["OBSERVERS", "SECONDS", "Argument", "ObservationError", "Observer", "observe", "observe_together"]


def observe(name, arguments):
    """Look once and report.

    :param str name: a key of OBSERVERS.
    :param dict arguments: the observer's arguments by name; those left out take their defaults.
    :return: dict: a value for every fact that the observer declares.
    :raises ObservationError: it could not look; the sentence says why. This is neither good nor bad news.
    """
    if name not in OBSERVERS:
        raise ObservationError("there is no observer '%s'; there are: %s" % (name, ", ".join(sorted(OBSERVERS))))
    return run(name, OBSERVERS[name], arguments)


def observe_together(name, several):
    """The same for several arguments of an observer that can look for all of them at once.

    :return: list of such dicts, in their order.
    :raises Exception: it could not do so for all: observe each.
    """
    return run_together(name, OBSERVERS[name], several)
