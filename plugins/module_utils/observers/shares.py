# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: what each sender may take of a collector, and who takes too much."""

from __future__ import annotations

import json

from ..records import shares
from ._registry import command
from ._store import the_settings

_UNITS = {"bytes": 1, "kbytes": 1 << 10, "mbytes": 1 << 20}
_PER = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}


def see_sender_limits(address, port, receiver):
    settings = the_settings()
    process = command(["systemctl", "show", "--property=MainPID", "--value", "--", receiver]).strip()
    listed = {"nftables": []}
    if process != "0":
        there = ["nsenter", "--net", "--target", process]
        listed = json.loads(command([*there, "nft", "--json", "list", "ruleset", "ip"]))
    with open(shares.SENDERS, encoding="utf-8") as file:
        names = {row["index"]: row["value"] for row in json.load(file)["table"]}
    seen = shares.stored(settings)
    return {
        **in_force(listed["nftables"], address, port, names),
        "near": ["%s: %s" % (host, shares.percent(seen, host)) for host in shares.beyond(settings, seen, shares.NEAR)],
    }


def in_force(objects, address, port, names):
    """What the kernel does in the receiver's network, by what nft lists of it.

    :param list objects: C(nftables) of its JSON.
    :param str address: at which the receiver is reached.
    :param int port: its port.
    :param dict names: hosts by the addresses from which they come.
    """
    ours = [one for one in objects if next(iter(one.values())).get("table") == shares.TABLE]
    sets = [one["set"] for one in ours if "set" in one]
    held = [element for one in sets if one["name"] == "held" for element in one.get("elem", ())]
    chains = {one["chain"]["name"] for one in ours if "chain" in one and one["chain"].get("hook") == "input"}
    rules = [one["rule"]["expr"] for one in ours if "rule" in one and one["rule"]["chain"] in chains]
    rules = [rule for rule in rules if _matches(rule) == {"daddr": address, "dport": port}]
    return {
        "limit_kilobytes": min((rate for rule in rules for rate in _rates(rule)), default=0),
        "held": sorted(names.get(one, one) for one in held),
    }


def _matches(rule):
    """What a rule asks of a packet's head, but for the sender."""
    matches = [one["match"] for one in rule if "match" in one]
    return {one["left"].get("payload", {}).get("field", "?"): one["right"] for one in matches}


def _rates(rule):
    """The kilobytes a second above which a rule drops what one sender sends, if it does."""
    if {"drop": None} not in rule:
        return
    for one in rule:
        if one.get("set", {}).get("elem", {}).get("payload", {}).get("field") == "saddr":
            for limit in (each["limit"] for each in one["set"].get("stmt", ()) if "limit" in each):
                if limit.get("inv") and limit.get("rate_unit") in _UNITS:
                    yield round(limit["rate"] * _UNITS[limit["rate_unit"]] / _PER[limit["per"]] / 1000)
