# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters: the plan of address translation, and two questions to it."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ..plugin_utils.documents import DataError


def _plans():
    """Each of Ansible's workers loads all files of filters for any of them, and few have a plan."""
    from ..plugin_utils import nat_plan as plans

    return plans


def nat_plan(pools) -> dict:
    """Compute the plan of pools; see nat_plan.yml."""
    plans = _plans()
    try:
        computed = plans.compute(pools)
    except DataError as error:
        raise AnsibleFilterError(str(error)) from error
    return {
        "id": plans.identity(computed),
        "entries": plans.entries(computed),
        "pools": [
            pool._asdict() | {"blocks": [[block._asdict() for block in blocks] for blocks in pool.blocks]}
            for pool in computed
        ],
    }


def port_block(address, plan) -> list:
    """The blocks of an inside address; see port_block.yml."""
    asked = str(_address(address))
    return [
        {"pool": pool["name"], "overflow": number > 0, **{key: block[key] for key in ("public", "first", "last")}}
        for pool in plan["pools"]
        for number, blocks in enumerate(pool["blocks"])
        for block in blocks
        if block["inside"] == asked
    ]


def nat_owner(address, plan, *, port=None) -> list:
    """Who owns a public address and port; see nat_owner.yml."""
    asked = _address(address)
    if port is not None and not (isinstance(port, int) and 0 <= port <= 65535):
        raise AnsibleFilterError(f"nat_owner: port must be a number from 0 to 65535, not {port!r}")
    return [
        {"pool": pool["name"], "mode": pool["mode"], "inside": inside, "first": first, "last": last}
        for pool in plan["pools"]
        for inside, first, last in _owners(pool, asked)
        if port is None or first <= port <= last
    ]


def _owners(pool: dict, asked) -> list[tuple[str, int, int]]:
    if pool["mode"] == "prefix":
        own = _plans().behind_prefix(pool["inside"][0], pool["public"][0], asked)
        return [(own, 0, 65535)] if own else []
    if str(asked) not in pool["addresses"]:
        return []
    if pool["mode"] == "sessions":
        first, last = map(int, pool["ports"].split("-"))
        return [(network, first, last) for network in pool["inside"]]
    return [
        (block["inside"], block["first"], block["last"])
        for blocks in pool["blocks"]
        for block in blocks
        if block["public"] == str(asked)
    ]


def _address(text):
    try:
        return _plans().address(text)
    except DataError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry."""

    def filters(self):
        """The filters of this file by name."""
        return {"nat_plan": nat_plan, "port_block": port_block, "nat_owner": nat_owner}
