# SPDX-License-Identifier: GPL-3.0-or-later
"""What other tables translate, such as the ports that Docker publishes, by name: kind, port, table and chain.

A packet whose destination is translated goes to another machine or container, and never meets the rules for what comes
in to the host itself. What iptables-nft(8) sets is among the tables; what iptables-legacy(8) sets stands beside them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import NamedTuple

from .. import processes

OURS = (("ip", "order82_nat"), ("ip6", "order82_nat"))
"""The tables of the gateway's plan (role nat_gateway)."""
_INWARD = ("dnat", "redirect", "netmap")
_KINDS = (*_INWARD, "snat", "masquerade")
_LEGACY = {"ip": ("/proc/net/ip_tables_names", "iptables"), "ip6": ("/proc/net/ip6_tables_names", "ip6tables")}
_LEGACY_RULE = re.compile(r"-A (\S+) (.*)-j (DNAT|REDIRECT|SNAT|MASQUERADE|NETMAP)\b(.*)")


class Translation(NamedTuple):
    """A rule that translates.

    C(ports): such as C(tcp/8080); empty where the rule does not say, which may mean all.
    C(comes_in): somebody else than this host itself can meet it, and is sent elsewhere by it.
    """

    kind: str
    ports: tuple
    to: str
    table: str
    chain: str
    comes_in: bool

    @property
    def text(self):
        """In words."""
        named = ", ".join(self.ports) or "all that reaches it"
        to = " to " + self.to if self.to else ""
        return "%s%s (%s in table %s, chain %s)" % (named, to, self.kind, self.table, self.chain)


def of_others(ask):
    """All translations but those of the gateway's own plan.

    :param ask: takes the words of a command, gives what it printed.
    :return: list of Translation.
    """
    listed = json.loads(ask(["nft", "--json", "list", "chains"]))
    found = []
    for family, table in translating_tables(listed):
        if (family, table) not in OURS:
            found += translations(json.loads(ask(["nft", "--json", "--terse", "list", "table", family, table])), listed)
    for family, (names, program) in _LEGACY.items():
        if os.path.exists(names) and shutil.which(program + "-legacy-save", path=processes.PATH):
            with open(names, encoding="ascii") as file:
                there = file.read().split()
            if "nat" in there:
                found += legacy(ask([program + "-legacy-save", "-t", "nat"]), family)
    return found


def translating_tables(document):
    """The tables in which something may translate.

    :param dict document: what C(nft --json list chains) prints.
    :return: list of (family, name).
    """
    chains = (one.get("chain", {}) for one in document["nftables"])
    return list(dict.fromkeys((one["family"], one["table"]) for one in chains if one.get("type") == "nat"))


def translations(document, chains):
    """The rules of a table that translate.

    :param dict document: what C(nft --json list table) prints.
    :param dict chains: what C(nft --json list chains) prints.
    :return: list of Translation.
    """
    hooks = {
        (one["chain"]["family"], one["chain"]["table"], one["chain"]["name"]): one["chain"].get("hook")
        for one in chains["nftables"]
        if "chain" in one
    }
    found = []
    for rule in (one["rule"] for one in document["nftables"] if "rule" in one):
        for statement in rule["expr"]:
            kind, value = _translates(statement)
            if kind:
                hook = hooks.get((rule["family"], rule["table"], rule["chain"]))
                inward = kind in _INWARD and hook != "output" and not any(map(_local, rule["expr"]))
                table = "%s %s" % (rule["family"], rule["table"])
                found.append(Translation(kind, _ports(rule["expr"]), _target(value), table, rule["chain"], inward))
    return found


def legacy(text, family):
    """The rules of the old iptables that translate.

    :param str text: what C(iptables-legacy-save -t nat) prints.
    :return: list of Translation.
    """
    found = []
    for chain, match, target, rest in (one.groups() for one in map(_LEGACY_RULE.match, text.splitlines()) if one):
        protocol = re.search(r"-p (\w+)", match)
        ports = re.search(r"--dports? ([\d:,]+)", match)
        named = ports[1].replace(":", "-").split(",") if ports else []
        to = re.search(r"--to\S* (\S+)", rest)
        inward = target.lower() in _INWARD and chain != "OUTPUT" and not re.search(r"-d 127\.|-d ::1/|-i lo\b", match)
        words = tuple("%s/%s" % (protocol[1] if protocol else "th", one) for one in named)
        table = "%s nat of iptables-legacy" % family
        found.append(Translation(target.lower(), words, to[1] if to else "", table, chain, inward))
    return found


def _translates(statement):
    """The kind of a translation, and where to; None for another statement.

    Of a target of iptables-nft only the name is shown.
    """
    for kind in _KINDS:
        if kind in statement:
            return kind, statement[kind]
    extension = statement.get("xt")
    name = str(extension.get("name")).lower() if isinstance(extension, dict) else None
    return (name, None) if name in _KINDS else (None, None)


def _local(statement):
    """Whether only this host itself can meet what stands behind this condition."""
    match = statement.get("match")
    if not match or match["op"] != "==":
        return False
    left, right = match["left"], match["right"]
    if left in ({"meta": {"key": "iifname"}}, {"meta": {"key": "iif"}}):
        return right == "lo"
    if isinstance(left, dict) and left.get("payload", {}).get("field") == "daddr":
        address = right.get("prefix", {}).get("addr", "") if isinstance(right, dict) else str(right)
        return address.startswith("127.") or address == "::1"
    return False


def _ports(statements):
    """The ports for which a rule holds, wherever they stand in it."""
    found = []
    waiting = list(statements)
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            match, mapped = one.get("match"), one.get("map")
            if isinstance(match, dict) and match["op"] == "==" and _port_of(match["left"]):
                found += ["%s/%s" % (_port_of(match["left"]), port) for port in _values(match["right"])]
            elif isinstance(mapped, dict) and _port_of(mapped["key"]):
                data = mapped["data"]
                keys = [key for key, _value in data["set"]] if isinstance(data, dict) and "set" in data else [data]
                found += ["%s/%s" % (_port_of(mapped["key"]), port) for key in keys for port in _values(key)]
            else:
                waiting += one.values()
    return tuple(dict.fromkeys(found))


def _port_of(left):
    """The protocol of which an expression is the port of the destination, or None."""
    payload = left.get("payload") if isinstance(left, dict) else None
    return payload["protocol"] if isinstance(payload, dict) and payload.get("field") == "dport" else None


def _values(right):
    if isinstance(right, dict) and "set" in right:
        return [text for one in right["set"] for text in _values(one)]
    if isinstance(right, dict) and "range" in right:
        return ["%s-%s" % tuple(right["range"])]
    return [right if isinstance(right, (str, int)) else "?"]


def _target(value):
    """Where to, where the rule names one address or port."""
    if not isinstance(value, dict):
        return ""
    address, port = value.get("addr"), value.get("port")
    address = address if isinstance(address, str) else ""
    port = ":%s" % port if isinstance(port, int) else ""
    return ("[%s]" % address if port and ":" in address else address) + port
