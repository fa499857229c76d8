# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan: who owns which ports of which public address, one entry each (docs/nat_records.md)."""

from __future__ import annotations

import hashlib
import re

_ENTRY = re.compile(
    r"(?:(?:block|overflow|shared),[^,;\s]+,[0-9a-f.:/]+,[0-9a-f.:/]+,\d+,\d+|prefix,[^,;\s]+,[0-9a-f.:/]+,[0-9a-f.:/]+)",
    re.ASCII,
)


def is_plan_entry(value):
    """Whether this is an entry of a plan."""
    return isinstance(value, str) and bool(_ENTRY.fullmatch(value))


def plan_id(entries):
    """The C(id) of a plan, whatever the order of its entries.

    :param entries: iterable of str, as in a C(plan) text.
    """
    return hashlib.sha256("".join(entry + "\n" for entry in sorted(entries)).encode("utf-8")).hexdigest()[:16]
