# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's settings, translations, and what its recorder wrote."""

from __future__ import annotations

from ansible_collections.order82.baseline.plugins.module_utils.nat.record import conntrack, record_text
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import settings as nat_settings

PLAN = ("shared,homes,100.64.0.0/10,198.51.100.10,1024,65535", "block,work,100.65.0.1,198.51.100.11,1024,2047")
AT = 1790000000123  # 14:13:20 UTC
MIDNIGHT = (AT // 86400000 + 1) * 86400000


def settings(**others) -> nat_settings.Settings:
    return nat_settings.Settings(plan=PLAN, capture=True, public=("198.51.100.0/24",), **others)


def flow(number: int, begin: int = AT - 60000, end: int = 0, **others) -> conntrack.Flow:
    return conntrack.Flow(
        17, "100.64.0.7", number, "198.51.100.10", 1024 + number, begin, end, "203.0.113.7", 53, number
    )._replace(**others)


class Texts(list):
    """What was written."""

    def entries(self, kind: str = "flows") -> list[str]:
        found = []
        for text in self:
            word, _pairs, entries = record_text.parse(text)
            if word == kind:
                found += entries
        return found

    def pairs(self, kind: str) -> list[dict]:
        return [pairs for word, pairs, _entries in map(record_text.parse, self) if word == kind]
