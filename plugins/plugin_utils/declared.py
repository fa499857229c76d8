# SPDX-License-Identifier: GPL-3.0-or-later
"""What the unit itself declares, and a provision asks for: what of it is not there, or not so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .law import Provision
from .outcomes import both
from .unit import WHERE, Unit

BACKUP = "backup"
"""The role of a host that is backed up."""
_SET = re.compile(r"[a-z][a-z0-9_-]{0,30}")


def faults(provision: Provision, unit: Unit, carried: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Say in zh and en what is missing of what this provision has the unit declare.

    :param carried: the roles of each host.
    """
    found = []
    for key in provision.declares:
        said = getattr(unit, key)
        if said is None:
            found.append(
                both(
                    f"本单位未在 {WHERE}.{key} 中说明（确无的，写 {{}}）",
                    f"the unit does not say in {WHERE}.{key} which they are ({{}} if there is none)",
                )
            )
        elif key == "main_equipment":
            found += _alone(said)
        else:
            found += _not_backed_up(said, carried)
    return found


def _alone(equipment: Mapping[str, Mapping[str, str]]) -> list[dict[str, str]]:
    """Main equipment from which nothing takes over, without a word why."""
    return [
        both(f"主要设备 {name} 无备用设备（twin），也未说明理由（reason）", f"{name} has no twin, and no reason why")
        for name, said in equipment.items()
        if said.get("twin", name) == name and "reason" not in said
    ]


def _not_backed_up(databases: Mapping[str, Mapping[str, str]], carried: Mapping[str, Sequence[str]]) -> list:
    """Databases that are said to be in a set, on hosts that nobody backs up. Which sets a host has, its check sees."""
    return [
        both(f"{host} 未列入备份，其 {kind} 不在任何备份集中", f"{host} is not backed up, so its {kind} is in no set")
        for host, servers in databases.items()
        for kind, said in servers.items()
        if _SET.fullmatch(said) and BACKUP not in carried.get(host, ())
    ]


def in_words(provision: Provision, unit: Unit) -> dict[str, str]:
    """What the unit declares and no machine can judge: main equipment, and databases that need no backup."""
    said = []
    if "main_equipment" in provision.declares:
        for name, one in (unit.main_equipment or {}).items():
            if "twin" in one:
                said.append(both(f"{name} 的备用设备为 {one['twin']}", f"{one['twin']} stands by for {name}"))
            elif "reason" in one:
                said.append(both(f"{name} 无备用设备：{one['reason']}", f"{name} has no twin: {one['reason']}"))
    if "important_databases" in provision.declares:
        for host, servers in (unit.important_databases or {}).items():
            for kind, why in servers.items():
                if not _SET.fullmatch(why):
                    said.append(both(f"{host} 的 {kind} 不备份：{why}", f"{kind} of {host} is not backed up: {why}"))
    if not said:
        return both("", "")
    return both(
        "本单位声明：" + "；".join(one["zh"] for one in said) + "。",
        " The unit declares: " + "; ".join(one["en"] for one in said) + ".",
    )
