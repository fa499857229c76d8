# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role log_collector told this collector about its store."""

from __future__ import annotations

import json
from typing import NamedTuple

PATH = "/etc/order82/records.json"
FLOOR_DAYS = 60  # article 13


class SettingsError(Exception):
    """The settings can't be read or are not lawful: one sentence."""


class Settings(NamedTuple):
    """C(classes) in no order; C(hosts) are the names under which senders are filed; C(owner) is who writes.

    Without C(share_percent) and C(rate_kilobytes), as an earlier version of the role writes them, nobody has too much.
    C(gateways) are those of the hosts that translate addresses, by the inventory; None where an earlier version of the
    role did not say. So is C(host), under which this collector's own words are filed, and without which nothing is
    sealed, and C(collectors), all of them.
    """

    store: str
    classes: tuple
    hosts: tuple
    owner: str
    retention_days: int
    free_percent_alarm: int
    reserve_percent: int
    share_percent: float = 100
    rate_kilobytes: float = 0
    gateways: tuple | None = None
    host: str = ""
    collectors: tuple = ()


def group_of(record_class):
    """The group that may read one class of records."""
    return "order82-" + record_class.replace("_", "-")


def load(path=PATH):
    """Read the settings.

    :raises SettingsError: no such file, no JSON, a key too few, or a retention below the law's floor.
    """
    try:
        with open(path, encoding="utf-8") as file:
            raw = json.load(file)
        settings = Settings(
            store=raw["store"],
            classes=tuple(raw["classes"]),
            hosts=tuple(raw["hosts"]),
            owner=raw["owner"],
            retention_days=int(raw["retention_days"]),
            free_percent_alarm=int(raw["free_percent_alarm"]),
            reserve_percent=int(raw["reserve_percent"]),
            share_percent=float(raw.get("share_percent", 100)),
            rate_kilobytes=float(raw.get("rate_kilobytes", 0)),
            gateways=tuple(raw["gateways"]) if "gateways" in raw else None,
            host=str(raw.get("host", "")),
            collectors=tuple(raw.get("collectors", ())),
        )
    except FileNotFoundError as error:
        raise SettingsError(
            "%s is missing: this host is no collector (the role log_collector writes it)" % path
        ) from error
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            "%s can't be used (%s: %s): apply the role log_collector again" % (path, type(error).__name__, error)
        ) from error
    if settings.retention_days < FLOOR_DAYS:
        raise SettingsError(
            "%s: retention_days is %d; article 13 asks for at least %d days"
            % (path, settings.retention_days, FLOOR_DAYS)
        )
    return settings
