# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is bound: the unit's profile, and what it says about a provision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from .documents import DataError, brief, names, refuse_keys, refuse_value, words
from .law import DECLARATIONS, EVERYONE, Law, Provision

WHERE = "order82_unit"


class Unit(NamedTuple):
    """The unit that the law binds: its name, its types by article 18 and the services it offers.

    C(overlays_off): for an overlay that is not to be looked at, why.
    C(important_databases): by host, kind of server to the set of its backup, or to why it has none; None where the unit
    does not say. C(main_equipment): by name, what takes over from it (C(twin)), or why nothing does (C(reason)).
    """

    name: str
    types: tuple[str, ...]
    services: tuple[str, ...]
    overlays_off: Mapping[str, str] = MappingProxyType({})
    important_databases: Mapping[str, Mapping[str, str]] | None = None
    main_equipment: Mapping[str, Mapping[str, str]] | None = None


class Binding(NamedTuple):
    """Whether a provision applies, and the line of the profile (or of the law) that says so, in zh and en."""

    applies: bool
    reason: dict[str, str]


def read_unit(value: object, law: Law, overlays: Iterable[str] = ()) -> Unit:
    """Check the variable C(order82_unit).

    :param value: {name, types: [...], services: [...]}, and overlays_off: {overlay: reason} where there is any.
    :param overlays: the ids of the overlays there are.
    :raises DataError: a key, type, service or overlay is unknown, no type is named, or one says not what it offers.
    """
    if not value:
        raise DataError(
            f"{WHERE} is not set; say in group_vars/all.yml who the law binds: "
            "{name: ..., types: [" + ", ".join(law.unit_types) + "], services: []}"
        )
    entry = refuse_keys(value, WHERE, ("name", "types", "services"), ("overlays_off", *DECLARATIONS))
    types = names(entry["types"], f"{WHERE}.types")
    if not types:
        raise DataError(f"{WHERE}.types is empty; name at least one of: {', '.join(law.unit_types)}")
    for kind in types:
        refuse_value(kind, f"{WHERE}.types", "unit type", law.unit_types)
    services = names(entry["services"], f"{WHERE}.services")
    for service in services:
        refuse_value(service, f"{WHERE}.services", "service", law.services)
    for kind in types:
        wanted = law.must_say.get(kind, ())
        if wanted and not set(wanted) & set(services):
            raise DataError(
                f"{WHERE}.services says nothing of what the unit offers as {kind}; name what it offers of: "
                f"{', '.join(wanted[:-1])}; or {wanted[-1]} if it {law.services[wanted[-1]]['en']}"
            )
    return Unit(
        words(entry["name"], f"{WHERE}.name"),
        types,
        services,
        _overlays_off(entry.get("overlays_off", {}), overlays),
        _declared(entry, "important_databases"),
        _declared(entry, "main_equipment", ("twin", "reason")),
    )


def _declared(entry: Mapping, key: str, allowed: Iterable[str] | None = None) -> dict[str, dict[str, str]] | None:
    """A mapping of mappings of texts, empty where the unit expressly has none; None where it says nothing."""
    here = f"{WHERE}.{key}"
    if key not in entry:
        return None
    if not isinstance(entry[key], Mapping):
        raise DataError(f"{here} is {brief(entry[key])}; write a mapping by name, or {{}} if there is none")
    found: dict[str, dict[str, str]] = {}
    for name, written in entry[key].items():
        one = f"{here}, '{name}'"
        if not isinstance(written, Mapping):
            raise DataError(f"{one} is {brief(written)}; write a mapping")
        for what in written:
            if allowed:
                refuse_value(what, one, "key", allowed)
        found[str(name)] = {str(what): words(text, f"{one}, {what}") for what, text in written.items()}
    return found


def _overlays_off(written: object, overlays: Iterable[str]) -> dict[str, str]:
    here = f"{WHERE}.overlays_off"
    if not isinstance(written, Mapping):
        raise DataError(f"{here} is {brief(written)}; write a mapping from an overlay to the reason why it is off")
    return {
        refuse_value(name, here, "overlay", overlays): words(reason, f"{here}, reason for '{name}'")
        for name, reason in written.items()
    }


def binding(provision: Provision, unit: Unit, law: Law) -> Binding:
    """Say whether a provision applies to the unit, and why."""
    if provision.kind == "frame":
        return Binding(
            False,
            {
                "zh": "总则、定义或罚则，单位无需落实具体措施。",
                "en": "Scope, definition or penalty: nothing for the unit to carry out.",
            },
        )
    if not provision.binds_units:
        return Binding(
            False,
            {
                "zh": "只约束公安机关，单位无需落实。",
                "en": "Binds the public security organs only: nothing for the unit to carry out.",
            },
        )
    if EVERYONE in provision.binds:
        why = {"zh": "约束所有单位", "en": "It binds every unit"}
    else:
        mine = [kind for kind in provision.binds if kind in unit.types]
        if not mine:
            return Binding(
                False,
                {
                    "zh": f"只约束{_list(provision.binds, law.unit_types, 'zh')}；"
                    f"本单位类型（{WHERE}.types）为{_list(unit.types, law.unit_types, 'zh')}。",
                    "en": f"Binds {', '.join(provision.binds)} only; {WHERE}.types is {', '.join(unit.types)}.",
                },
            )
        why = {
            "zh": f"本单位类型（{WHERE}.types）含{_list(mine, law.unit_types, 'zh')}",
            "en": f"{WHERE}.types has {', '.join(mine)}",
        }
    if not provision.services:
        return Binding(True, {"zh": why["zh"] + "。", "en": why["en"] + "."})
    offered = [service for service in provision.services if service in unit.services]
    if not offered:
        return Binding(
            False,
            {
                "zh": f"仅适用于{_list(provision.services, law.services, 'zh', '或')}的单位；"
                f"{WHERE}.services 中没有 {', '.join(provision.services)}。",
                "en": f"Applies where the unit {_list(provision.services, law.services, 'en', ' or ')}; "
                f"{WHERE}.services does not have {' or '.join(provision.services)}.",
            },
        )
    return Binding(
        True,
        {
            "zh": f"{why['zh']}，{WHERE}.services 含 {', '.join(offered)}。",
            "en": f"{why['en']} and {WHERE}.services has {', '.join(offered)}.",
        },
    )


def _list(keys, texts, language: str, between: str = "、") -> str:
    return between.join(texts[key][language] if key in texts else key for key in keys)
