# SPDX-License-Identifier: GPL-3.0-or-later
"""The law as data: law/order82.yml (what it says) and law/application.yml (how the collection applies it)."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from .documents import (
    LANGUAGES,
    ROOT,
    DataError,
    both_languages,
    names,
    parse_yaml,
    read_text,
    refuse_keys,
    refuse_value,
    shown,
    words,
)

KINDS = ("technical", "organisational", "prohibition", "frame")
EVERYONE = "all"
AUTHORITY = "authority"
DECLARATIONS = ("important_databases", "main_equipment")
"""What only the unit itself can say (order82_unit), and some provisions speak of."""


class Part(NamedTuple):
    """One of several things that a provision asks for, shown by other checks than the rest, whatever role they are of.

    C(checks): the ids of those that show it. One of them applies on some host, or nobody does it.
    C(types): the unit types whose users it is about; empty: all.
    C(unless): it is not asked of who offers one of these services.
    """

    id: str
    text: dict[str, str]
    checks: tuple[str, ...]
    types: tuple[str, ...]
    unless: tuple[str, ...]


class Provision(NamedTuple):
    """A clause of the law.

    C(services): it applies only where one of these is offered; empty: the unit's type decides.
    C(measures): the roles that must each carry it out, where its one sentence asks for several measures.
    C(show): for a provision that no machine can see, what to show the inspectors; else None.
    C(parts): what its one sentence asks for side by side.
    C(declares): what the unit must say, of DECLARATIONS: without it nobody knows what the provision is about.
    """

    id: str
    binds: tuple[str, ...]
    kind: str
    zh: str
    en: str
    zh_checked: bool
    services: tuple[str, ...]
    measures: tuple[str, ...]
    show: dict[str, str] | None
    parts: tuple[Part, ...] = ()
    declares: tuple[str, ...] = ()

    @property
    def binds_units(self) -> bool:
        """Whether there is anything in it for a unit to carry out."""
        return self.kind != "frame" and any(whom != AUTHORITY for whom in self.binds)


class Law(NamedTuple):
    """The whole law.

    C(must_say): for a unit type, the services of which a unit of this type names at least one.
    C(files): the SHA-256 of each file that it was read from.
    """

    order: int
    title: dict[str, str]
    unit_types: dict[str, dict[str, str]]
    services: dict[str, dict[str, str]]
    provisions: dict[str, Provision]
    must_say: dict[str, tuple[str, ...]]
    files: dict[str, str]


def load_law(folder: Path = ROOT / "law") -> Law:
    """Read and check both files.

    :param folder: where order82.yml and application.yml lie.
    :raises DataError: a file is missing, or has an entry that this code does not understand.
    """
    texts = {name: read_text(folder / name) for name in ("order82.yml", "application.yml")}
    law = parse_yaml(texts["order82.yml"], shown(folder / "order82.yml"))
    application = parse_yaml(texts["application.yml"], shown(folder / "application.yml"))
    return _law(
        law, application, {f"law/{name}": hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    )


def _law(law: object, application: object, files: dict[str, str]) -> Law:
    where = "law/order82.yml"
    top = refuse_keys(law, where, ("title", "issuer", "order", "issued", "in_force", "unit_types", "provisions"))
    both_languages(top["issuer"], f"{where}, issuer")
    for key in ("issued", "in_force"):
        if not isinstance(top[key], datetime.date):
            raise DataError(f"{where}: {key} is no date; write it as 2006-03-01")
    if not isinstance(top["order"], int):
        raise DataError(f"{where}: order is no number; write the order's number")
    unit_types = {
        name: both_languages(text, f"{where}, unit type '{name}'")
        for name, text in _mapping(top["unit_types"], f"{where}, unit_types").items()
    }
    clauses = _provisions(top["provisions"], unit_types, where)
    services, needs, must_say, measures, parts, declares, manual = _application(application, clauses, unit_types)
    provisions = {
        name: clause._replace(
            services=tuple(needs.get(name, ())),
            measures=measures.get(name, ()),
            show=manual.get(name),
            parts=parts.get(name, ()),
            declares=declares.get(name, ()),
        )
        for name, clause in clauses.items()
    }
    title = both_languages(top["title"], f"{where}, title")
    return Law(top["order"], title, unit_types, services, provisions, must_say, files)


def _provisions(entries: object, unit_types: Mapping[str, object], where: str) -> dict[str, Provision]:
    if not isinstance(entries, list) or not entries:
        raise DataError(f"{where}: provisions is no list; write one entry per clause")
    found: dict[str, Provision] = {}
    for number, written in enumerate(entries, start=1):
        name = written.get("id") if isinstance(written, Mapping) else None
        here = f"{where}, provision '{name}'" if name else f"{where}, provision number {number}"
        entry = refuse_keys(written, here, ("id", "binds", "kind", *LANGUAGES, "zh_checked"))
        if words(name, f"{here}, id") in found:
            raise DataError(f"{here} stands twice; give each provision an id of its own")
        if not isinstance(entry["zh_checked"], bool):
            raise DataError(f"{here}: zh_checked is neither true nor false")
        binds = names(entry["binds"], f"{here}, binds")
        if not binds:
            raise DataError(f"{here} binds nobody; name whom it binds")
        for whom in binds:
            refuse_value(whom, here, "unit type", (EVERYONE, AUTHORITY, *unit_types))
        found[name] = Provision(
            name,
            binds,
            refuse_value(entry["kind"], here, "kind", KINDS),
            words(entry["zh"], f"{here}, zh"),
            words(entry["en"], f"{here}, en"),
            entry["zh_checked"],
            (),
            (),
            None,
        )
    return found


def _application(
    application: object, clauses: Mapping[str, Provision], unit_types: Mapping[str, object]
) -> tuple[dict, dict, dict, dict, dict, dict, dict]:
    where = "law/application.yml"
    top = refuse_keys(application, where, ("services", "must_say", "measures", "parts", "declares", "manual"))
    binding = [name for name, clause in clauses.items() if clause.binds_units]
    services, needs = _services(_mapping(top["services"], f"{where}, services"), binding, where)
    must_say: dict[str, tuple[str, ...]] = {}
    for kind, wanted in _mapping(top["must_say"], f"{where}, must_say").items():
        refuse_value(kind, f"{where}, must_say", "unit type", unit_types)
        must_say[kind] = names(wanted, f"{where}, must_say '{kind}'")
        for service in must_say[kind]:
            refuse_value(service, f"{where}, must_say '{kind}'", "service", services)
    measures: dict[str, tuple[str, ...]] = {}
    for provision, roles in _mapping(top["measures"], f"{where}, measures").items():
        refuse_value(provision, f"{where}, measures", "provision that binds a unit", binding)
        measures[provision] = names(roles, f"{where}, measures '{provision}'")
    parts: dict[str, tuple[Part, ...]] = {}
    for provision, written in _mapping(top["parts"], f"{where}, parts").items():
        refuse_value(provision, f"{where}, parts", "provision that binds a unit", binding)
        parts[provision] = tuple(
            _part(name, entry, f"{where}, part '{name}' of '{provision}'", unit_types, services)
            for name, entry in _mapping(written, f"{where}, parts '{provision}'").items()
        )
    declares: dict[str, tuple[str, ...]] = {}
    for provision, wanted in _mapping(top["declares"], f"{where}, declares").items():
        refuse_value(provision, f"{where}, declares", "provision that binds a unit", binding)
        declares[provision] = names(wanted, f"{where}, declares '{provision}'")
        for one in declares[provision]:
            refuse_value(one, f"{where}, declares '{provision}'", "declaration", DECLARATIONS)
    manual: dict[str, dict[str, str]] = {}
    for provision, text in _mapping(top["manual"], f"{where}, manual").items():
        refuse_value(provision, f"{where}, manual", "provision that binds a unit", binding)
        manual[provision] = both_languages(text, f"{where}, manual '{provision}'")
    return services, needs, must_say, measures, parts, declares, manual


def _part(name: str, written: object, where: str, unit_types: Mapping[str, object], services: Mapping) -> Part:
    entry = refuse_keys(written, where, (*LANGUAGES, "checks"), ("types", "unless"))
    checks = names(entry["checks"], f"{where}, checks")
    if not checks:
        raise DataError(f"{where} names no check; name one that shows it")
    types, unless = (names(entry.get(key, []), f"{where}, {key}") for key in ("types", "unless"))
    for kind in types:
        refuse_value(kind, f"{where}, types", "unit type", unit_types)
    for service in unless:
        refuse_value(service, f"{where}, unless", "service", services)
    text = both_languages({language: entry[language] for language in LANGUAGES}, where)
    return Part(name, text, checks, types, unless)


def _services(entries: Mapping[str, object], binding: Sequence[str], where: str) -> tuple[dict, dict]:
    """The services in words, and for each provision those that make it apply: they name it, or imply one that does."""
    services: dict[str, dict[str, str]] = {}
    named: dict[str, tuple[str, ...]] = {}
    implied: dict[str, tuple[str, ...]] = {}
    for name, written in entries.items():
        here = f"{where}, service '{name}'"
        entry = refuse_keys(written, here, (*LANGUAGES, "provisions"), ("implies",))
        services[name] = both_languages({language: entry[language] for language in LANGUAGES}, here)
        named[name] = names(entry["provisions"], f"{here}, provisions")
        implied[name] = names(entry.get("implies", []), f"{here}, implies")
        for provision in named[name]:
            refuse_value(provision, here, "provision that binds a unit", binding)
    needs: dict[str, list[str]] = {}
    for name, others in implied.items():
        for other in others:
            refuse_value(other, f"{where}, service '{name}', implies", "service", services)
        for provision in dict.fromkeys((*named[name], *(one for other in others for one in named[other]))):
            needs.setdefault(provision, []).append(name)
    return services, needs


def _mapping(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not value or not all(isinstance(key, str) for key in value):
        raise DataError(f"{where} is no mapping by name; write one entry per name")
    return value
