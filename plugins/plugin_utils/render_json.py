# SPDX-License-Identifier: GPL-3.0-or-later
"""result.json as text: one entry per line, so that a person can search it and two of them can be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping

from .visible import visible


def render_json(result: Mapping[str, object]) -> str:
    """Write the judge's result as a JSON document; its schema is docs/result.schema.json."""
    parts = []
    for key, value in result.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            text = "[\n  " + ",\n  ".join(_line(one) for one in value) + "\n]"
        else:
            text = _line(value)
        parts.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _line(value: object) -> str:
    return visible(json.dumps(value, ensure_ascii=False, allow_nan=False))
