# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks that an apply leaves on a host, for its self-check: with all values, and whole.

What is left out says why, so that each check of the host stands in the list, whether it is asked or not. The text is
the same for the same values: a second apply changes nothing, and an inspection compares it as any other file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from ..module_utils.observers import OBSERVERS
from .checks import Check
from .resolve import resolve
from .state_values import Engine
from .waivers import read_waivers


def left_checks(checks: Iterable[Check], engine: Engine, waived: Mapping[str, str]) -> bytes:
    """Write what C(module_utils/self_check/left.py) reads.

    :param checks: of all roles of the host, in their order.
    :param waived: check to the last day on which the site accepts that it fails here.
    """
    entries = [_entry(check, engine) for check in checks]
    for one in entries:
        if "observe" in one and one["id"] in waived:
            one["waived_until"] = waived[one["id"]]
    # One check a line: for --diff, and for who looks.
    lines = ",\n".join(json.dumps(_plain(one), ensure_ascii=False, sort_keys=True) for one in entries)
    return f"[\n{lines}\n]\n".encode()


def waived_on(host: str, waivers: object, groups: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Say until which day the site accepts what fails on a host.

    :param waivers: the variable C(order82_waivers); which checks there are, the inspection says.
    :return: the last day by check.
    :raises DataError: one of them can't be read.
    """
    named = [str(one["check"]) for one in waivers or () if isinstance(one, Mapping) and "check" in one]
    return {one.check: one.expires.isoformat() for one in read_waivers(waivers, named, groups) if host in one.hosts}


def _entry(check: Check, engine: Engine) -> dict:
    observer = OBSERVERS[check.observer]
    if observer.only_inspection:
        return {"id": check.id, "left_out": observer.only_inspection}
    one = resolve(check, lambda text: engine.template(text, {}), lambda text: engine.condition(text, {}), engine.errors)
    if one.problem is not None:
        return {"id": check.id, "problem": one.problem}
    if not one.applies:
        why = check.otherwise["en"] if check.otherwise else f"its condition does not hold here: {check.when}"
        return {"id": check.id, "left_out": why}
    arguments = {**one.arguments, **(observer.by_itself or {})}
    return {"id": check.id, "observe": {check.observer: arguments}, "expect": one.expect, "severity": check.severity}


def _plain(value: object) -> object:
    """Without Ansible's own kinds of dicts, lists and texts."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, str) else value
