# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: what can be seen on a host, as facts without a verdict.

This package runs on the managed host (Python 3.9 or newer, standard library only): inside the module
order82.baseline.check_info, and in the zipapp C(order82). The controller imports it too, for the names: a check
that asks for an unknown observer, argument or fact is refused before a host is touched.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from ._registry import SECONDS, Argument, ObservationError, Observer, run, run_together

MODULES = {
    "antivirus": ("virus_detection", "virus_signatures"),
    "audit": ("audit", "audit_record"),
    "backup": ("backups", "backup_append_only", "restore_drill", "backup_repository"),
    "bans": ("bans",),
    "certificates": ("certificate", "admission"),
    "clock": ("clock",),
    "crowding": ("crowding",),
    "databases": ("database_servers",),
    "files": ("file",),
    "filling": ("record_filling",),
    "firewall": ("firewall", "firewall_around"),
    "forwarding": ("forwarding", "record_listener"),
    "history": ("record_history",),
    "intrusion": ("intrusion_sight", "intrusion_contents", "intrusion_drops", "intrusion_queue", "intrusion_rules"),
    "journal": ("journal",),
    "laid_down": ("laid_down",),
    "live_logins": ("live_logins",),
    "logins": ("login_records",),
    "network": ("network_record",),
    "origin": ("origin",),
    "readers": ("readers", "look_ups"),
    "record_store": ("record_store",),
    "rotation": ("rotation",),
    "services": ("units", "unit"),
    "shares": ("sender_limits",),
    "standby": ("standby", "standby_sharing"),
    "stops": ("stops",),
    "subscribers": ("subscriber_sessions",),
    "translation": ("translation", "translation_records", "translation_destinations"),
    "translation_index": ("nat_index", "nat_history", "nat_published"),
}
"""Which observers each module of this package has.

A host reads the modules of those that it is asked for: to read all takes a fifth of what an inspection costs it.
"""
_MODULE_OF = {name: module for module, names in MODULES.items() for name in names}


class _Observers(Mapping):
    """All observers by name; a module is imported when one of its observers is asked for."""

    def __getitem__(self, name):
        return importlib.import_module("." + _MODULE_OF[name], __name__).OBSERVERS[name]

    def __iter__(self):
        return iter(_MODULE_OF)

    def __len__(self):
        return len(_MODULE_OF)

    def __contains__(self, name):
        return name in _MODULE_OF


OBSERVERS = _Observers()

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
