# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: systemd units."""

from __future__ import annotations

import time

from ._registry import command

_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "ActiveEnterTimestampMonotonic",
    "NRestarts",
    "Result",
)
_STEADY = 10
"""How many seconds a service must have run that systemd had to restart, until it counts as running."""


def _look(units):
    """The facts of each unit. One that ends whenever it was started is active for moments, and does not run."""
    seen = _shown(units)
    restarted = {unit: facts for unit, facts in seen.items() if facts["active"] and facts["restarts"]}
    young = _STEADY - min((time.monotonic() - facts["since"] for facts in restarted.values()), default=_STEADY)
    if young > 0:
        time.sleep(young)
        later = _shown(list(restarted))
        for unit, facts in later.items():
            facts["active"] = facts["active"] and facts["since"] == restarted[unit]["since"]
        seen.update(later)
    return seen


def _shown(units):
    """What one call of systemctl says of them: it answers in the order of the question."""
    units = list(dict.fromkeys(units))
    shown = command(["systemctl", "show", "--property", ",".join(_PROPERTIES), "--", *units])
    blocks = shown.strip("\n").split("\n\n") if units else []
    return {
        unit: _facts(dict(line.partition("=")[::2] for line in block.splitlines()))
        for unit, block in zip(units, blocks)
    }


def _facts(values):
    return {
        "loaded": values["LoadState"] == "loaded",
        "masked": values["LoadState"] == "masked",
        "active": values["ActiveState"] == "active",
        "state": values["ActiveState"] + "/" + values["SubState"],
        "starts_at_boot": values["UnitFileState"] in ("enabled", "static", "generated", "alias", "indirect"),
        "result": values.get("Result") or "unknown",
        "since": int(values.get("ActiveEnterTimestampMonotonic") or 0) / 1e6,
        "restarts": int(values.get("NRestarts") or 0),
    }


def see_unit(unit):
    return see_each_unit([{"unit": unit}])[0]


def see_each_unit(asked):
    seen = _look([one["unit"] for one in asked])
    return [{fact: value for fact, value in seen[one["unit"]].items() if fact != "since"} for one in asked]


def see_units(units):
    return see_all_units([{"units": units}])[0]


def see_all_units(asked):
    seen = _look([unit for one in asked for unit in one["units"]])
    return [_summed_up({unit: seen[unit] for unit in one["units"]}) for one in asked]


def _summed_up(seen):
    return {
        "states": {unit: facts["state"] for unit, facts in seen.items()},
        "inactive": sorted(unit for unit, facts in seen.items() if not facts["active"]),
        "not_at_boot": sorted(unit for unit, facts in seen.items() if not facts["starts_at_boot"]),
    }
