# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role nat_gateway told a gateway: its plan, and how translations are recorded."""

from __future__ import annotations

import ipaddress
import json
from typing import NamedTuple

from ..plan import is_plan_entry
from . import conntrack

PATH = "/etc/order82/nat.json"
STATE = "/run/order82-nat/state"
_KINDS = {
    "plan": list,
    "table": str,
    "capture": bool,
    "public": list,
    "snapshot_seconds": int,
    "log_destinations": bool,
    "state": str,
    "buffer_bytes": int,
    "reliable": bool,
}


class SettingsError(ValueError):
    """The settings can't be used: one sentence."""


class Settings(NamedTuple):
    """What the role nat_gateway told this gateway.

    C(buffer_bytes) and C(reliable) are those of the capture, for tests of what happens without them.
    """

    plan: tuple
    table: str = "order82_nat"
    capture: bool = False
    public: tuple = ()
    snapshot_seconds: int = 30
    log_destinations: bool = False
    state: str = STATE
    buffer_bytes: int = conntrack.BUFFER_BYTES
    reliable: bool = True


def load(path=PATH):
    """Read the settings and the plan.

    :raises SettingsError: no such file, no JSON, or a value that can't be; says which.
    """
    try:
        with open(path, encoding="utf-8") as file:
            raw = json.load(file)
        if not isinstance(raw, dict):
            raise SettingsError("%s is no JSON object" % path)
        raw = dict(raw)
        plan_file = raw.pop("plan_entries_file", None)
        if (plan_file is None) == ("plan" not in raw):
            raise SettingsError("%s must have either plan or plan_entries_file" % path)
        if plan_file is not None:
            with open(plan_file, encoding="utf-8") as file:
                raw["plan"] = file.read().splitlines()
    except SettingsError:
        raise
    except FileNotFoundError as error:
        raise SettingsError("%s is missing: apply the role nat_gateway to this host" % error.filename) from error
    except (OSError, TypeError, ValueError) as error:
        raise SettingsError("%s can't be read (%s): apply the role nat_gateway again" % (path, error)) from error
    return _settings(path, raw)


def _settings(path, raw):
    _check_kinds(path, raw)
    for entry in raw["plan"]:
        if not is_plan_entry(entry):
            raise SettingsError("%s: %r is no entry of a plan (docs/nat_records.md)" % (path, entry))
    for network in raw.get("public", ()):
        try:
            ipaddress.ip_network(network)
        except (TypeError, ValueError) as error:
            raise SettingsError("%s: public: %s" % (path, error)) from error
    settings = Settings(**{name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()})
    if not settings.plan:
        raise SettingsError("%s: the plan has no entries" % path)
    if settings.capture and not settings.public:
        raise SettingsError("%s: with capture, public must name the addresses whose translations are recorded" % path)
    if settings.snapshot_seconds < 1:
        raise SettingsError("%s: snapshot_seconds is %d and must be 1 or more" % (path, settings.snapshot_seconds))
    return settings


def _check_kinds(path, raw):
    for name, value in raw.items():
        kind = _KINDS.get(name)
        if kind is None:
            raise SettingsError("%s: there is no setting '%s'" % (path, name))
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise SettingsError("%s: %s must be %s, not %r" % (path, name, kind.__name__, value))
