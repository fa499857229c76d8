# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks that an apply leaves on a host, for its self-check: with all values, and whole.

What is left out says why, so that each check of the host stands in the list, whether it is asked or not. The text is
the same for the same values: a second apply changes nothing, and an inspection compares it as any other file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..module_utils.observers import OBSERVERS
from .checks import Check
from .resolve import resolve
from .state_values import Engine


def left_checks(checks: Iterable[Check], engine: Engine) -> bytes:
    """Write what C(module_utils/self_check/left.py) reads.

    :param checks: of all roles of the host, in their order.
    """
    entries = [_entry(check, engine) for check in checks]
    # One check a line: for --diff, and for who looks.
    lines = ",\n".join(json.dumps(_plain(one), ensure_ascii=False, sort_keys=True) for one in entries)
    return f"[\n{lines}\n]\n".encode()


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
