# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan says: whose ports these are, and which prefix belongs to which."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from ..index import duckdb_engine


class Row(NamedTuple):
    """A row of a plan."""

    day: str
    gateway: str
    plan: str
    kind: str
    pool: str
    inside: str
    public: str
    first: int | None
    last: int | None
    place: tuple

    @property
    def text(self):
        """As it stands in the record."""
        fields = [self.kind, self.pool, self.inside, self.public]
        return ",".join(fields + ([] if self.first is None else ["%d" % self.first, "%d" % self.last]))


class Plans:
    """Reads plans from the index.

    :param base: a connection of DuckDB.
    :param list days: of catalogue.Day.
    """

    def __init__(self, base, days):
        self._base = base
        self._days = days
        self._rows = {}
        self._expected = set()

    def expect(self, requests):
        """Say which questions come, so that one look finds the rows for all of them.

        :param list requests: of Request.
        """
        self._expected = {one.address for one in requests if one.version == 4}

    def naming(self, gateway, plan, request):
        """The rows of a plan that name a public address; what one gateway writes of a plan, all mean."""
        key = (plan, request.address)
        if key not in self._rows:
            if request.version == 6:
                rows = self.read(plan, "kind = 'prefix'")
                self._rows[key] = [row for row in rows if _named(row, [request.address])]
            else:
                addresses = self._expected | {request.address}
                self._rows.update({(plan, address): [] for address in addresses})
                where = ", ".join(duckdb_engine.quoted(address) for address in sorted(addresses))
                for row in self.read(plan, "kind = 'prefix' or public in (%s)" % where):
                    for address in _named(row, addresses):
                        self._rows[plan, address].append(row)
        return _own(self._rows[key], gateway)

    def of_inside(self, gateway, plan, inside):
        """The rows of a plan that may concern an inside address.

        :param inside: of the module ipaddress.
        """
        rows = self.read(plan, "kind in ('shared', 'prefix') or inside = " + duckdb_engine.quoted(str(inside)))
        return _own(rows, gateway)

    def read(self, plan, where):
        """The rows of a plan, from the newest day that has all of it.

        :param str where: a condition of SQL.
        :return: list of Row.
        """
        days = [day for day in self._days if plan in day.plans]
        if not days:
            return []
        day = next((day for day in reversed(days) if day.plans[plan]["complete"]), days[-1])
        rows = self._base.execute(
            'select gateway, plan, kind, pool, inside, public, first, last, line, "offset", length '
            "from read_parquet(%s) where plan = %s and (%s)"
            % (duckdb_engine.quoted(day.path("plans.parquet")), duckdb_engine.quoted(plan), where)
        ).fetchall()
        return [Row(day.name, day.gateways[row[0]], *row[1:8], place=tuple(row[8:])) for row in rows]

    def complete(self, plan):
        """Whether all of a plan stands in the records."""
        return any(day.plans.get(plan, {}).get("complete") for day in self._days)


def _named(row, addresses):
    """Which of these public addresses a row names."""
    if row.kind != "prefix":
        return [row.public]
    network = ipaddress.ip_network(row.public, False)
    return [one for one in addresses if ipaddress.ip_address(one) in network]


def _own(rows, gateway):
    own = [row for row in rows if row.gateway == gateway]
    return own or [row._replace(gateway=gateway) for row in {row.text: row for row in rows}.values()]
