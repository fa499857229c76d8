# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the law the collection carries out and proves, and what it does not yet."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from . import collection
from .checks import Check
from .law import Law, Provision

STATES = ("checked", "manual", "none_yet", "nothing_to_do")
"""How a provision stands: checks prove it; only people show it; nothing proves it yet; it asks nothing of a unit."""

_WORDS = {
    "manual": "shown by people",
    "none_yet": "NO CHECK YET: reads not_run",
    "nothing_to_do": "nothing to carry out",
}


def coverage() -> dict:
    """Say for every provision who it binds, which roles carry it out and which checks prove it.

    :return: {"provisions": [{"id", "kind", "binds", "services", "roles", "checks", "missing", "state", "zh", "en"}]}.
    :raises DataError: the law or a role's checks can't be read.
    """
    return cover(collection.law(), collection.role_checks())


def cover(law: Law, checks: Mapping[str, Sequence[Check]]) -> dict:
    """The same for any law and any checks by role."""
    return {"provisions": [_provision(provision, checks) for provision in law.provisions.values()]}


def _provision(provision: Provision, checks: Mapping[str, Sequence[Check]]) -> dict:
    proving = [check for mine in checks.values() for check in mine if provision.id in check.proves]
    roles = list(dict.fromkeys(check.role for check in proving))
    missing = [role for role in provision.measures if role not in roles]
    if not provision.binds_units:
        state = "nothing_to_do"
    elif provision.show:
        state = "manual"
    else:
        state = "checked" if proving and not missing else "none_yet"
    return {
        "id": provision.id,
        "kind": provision.kind,
        "binds": list(provision.binds),
        "services": list(provision.services),
        "roles": roles,
        "checks": [check.id for check in proving],
        "missing": missing,
        "state": state,
        "zh": provision.zh,
        "en": provision.en,
    }


def as_text(document: Mapping) -> str:
    """The same as a table for a terminal, with what nothing proves yet below it."""
    heads = ("provision", "binds", "roles", "checks", "")
    rows = [
        (
            one["id"],
            _binds(one),
            ", ".join(one["roles"]) or "-",
            str(len(one["checks"])) if one["checks"] else "-",
            _WORDS.get(one["state"], ""),
        )
        for one in document["provisions"]
    ]
    widths = [max(_width(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    lines = [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    ]
    missing = [one for one in document["provisions"] if one["state"] == "none_yet"]
    if missing:
        lines += [
            "",
            f"No check proves these {len(missing)} yet; a report lists them as not_run, never as pass:",
            *(
                f"  {one['id']}: {one['en']}"
                + (f" ({', '.join(one['missing'])}: no check yet)" if one["missing"] else "")
                for one in missing
            ),
        ]
    return "\n".join(lines)


def _binds(one: Mapping) -> str:
    return ", ".join(one["binds"]) + (f" with {' or '.join(one['services'])}" if one["services"] else "")


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
