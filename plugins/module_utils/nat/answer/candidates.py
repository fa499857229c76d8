# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may be meant, as an answer shows it: from a translation, or from a row of a plan."""

from __future__ import annotations

import functools
import ipaddress

from ..times import iso


def candidate(one, rows):
    """A translation.

    :param Found one: see L(translations.Found).
    :param list rows: of plans.Row, to name its pool.
    """
    pool = next(
        (row for row in rows if row.kind == "shared" and holds(row.inside, ipaddress.ip_address(one.inside))), None
    )
    return {
        "mode": "sessions",
        "inside_address": one.inside,
        "inside_port": one.inside_port,
        "begin": iso(one.begin),
        "end": iso(one.end),
        "end_unknown": False,
        "last_seen": iso(one.seen if one.end is None else one.end),
        "protocol": one.protocol,
        "public_address": one.public,
        "public_port": one.public_port,
        "destination_address": one.destination,
        "destination_port": one.destination_port,
        "gateway": one.gateway,
        "pool": pool.pool if pool else None,
        "plan": pool.plan if pool else None,
        "evidence": None,
        "accounts": [],
        "found": one,
    }


def account(tenure):
    """Who held an inside address.

    :param Tenure tenure: see L(accounts.Tenure).
    """
    return {
        "account": tenure.account,
        "station": tenure.station,
        "source": tenure.source,
        "since": iso(tenure.since),
        "until": iso(tenure.until),
        "last_heard": iso(tenure.heard),
        "evidence": None,
    }


def from_plans(request, forces, rows):
    """The owners of what was asked, by the plans that were in force.

    :param list forces: (gateway, Force), see L(plans_in_force.within).
    :param list rows: of plans.Row that name the public address.
    :return: list of dict.
    """
    found = []
    for gateway, force in forces:
        for row in rows:
            if row.gateway != gateway or row.plan != force.plan or row.kind == "shared":
                continue
            if row.kind == "prefix":
                inside = _moved(request.address, row.public, row.inside)
                one = _planned(row, force, inside, request.address, protocol=request.protocol)
                found.append(dict(one, inside_port=request.port, public_port=request.port))
            elif request.port is None or row.first <= request.port <= row.last:
                one = _planned(row, force, row.inside, row.public, protocol=request.protocol)
                if request.port is None:
                    found.append(dict(one, public_port=row.first, public_port_last=row.last))
                else:
                    found.append(dict(one, public_port=request.port))
    return found


def use(row, force, inside):
    """What a row of a plan gives to an inside address."""
    if row.kind == "prefix":
        return _planned(row, force, str(inside), _moved(str(inside), row.inside, row.public))
    return dict(_planned(row, force, row.inside, row.public), public_port=row.first, public_port_last=row.last)


def _planned(row, force, inside, public, protocol=None):
    return {
        "mode": "prefix" if row.kind == "prefix" else "deterministic",
        "inside_address": inside,
        "inside_port": None,
        "begin": iso(force.since),
        "end": iso(force.until),
        "end_unknown": False,
        "last_seen": None,
        "protocol": protocol,
        "public_address": public,
        "public_port": None,
        "destination_address": None,
        "destination_port": None,
        "gateway": row.gateway,
        "pool": row.pool,
        "plan": row.plan,
        "evidence": None,
        "accounts": [],
        "found": row,
    }


def _moved(address, prefix, other):
    """An address with another prefix; the rest of it stays (NPTv6 as nftables does it)."""
    rest = int(ipaddress.ip_address(address)) & int(ipaddress.ip_network(prefix, False).hostmask)
    return str(ipaddress.ip_network(other, False).network_address + rest)


def holds(network, address):
    """Whether an address lies in a network, given as text."""
    return address in _network(network)


@functools.lru_cache(1024)
def _network(text):
    return ipaddress.ip_network(text, False)


def order(one):
    """By which candidates are sorted."""
    return one["begin"] or "", one["inside_address"], one["public_port"] or 0
