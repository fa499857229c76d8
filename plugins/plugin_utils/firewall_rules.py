# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may reach which ports of a host: worked out once, here, from what the inventory allows each of its groups."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .documents import DataError, brief, refuse_keys

PROTOCOLS = ("tcp", "udp")
_PORT = re.compile(r"(?P<protocol>[a-z]+)/(?P<first>\d{1,5})(-(?P<last>\d{1,5}))?")


class Rule(NamedTuple):
    """One sentence of the ruleset.

    C(ports): nftables' words, such as C(80) or C(5000-5010).
    C(anybody): it holds from everywhere.
    C(ipv4) and C(ipv6): the networks from which it holds.
    C(per_minute): new connections of one source in a minute; 0 is no limit.
    """

    protocol: str
    ports: list[str]
    anybody: bool
    ipv4: list[str]
    ipv6: list[str]
    per_minute: int


class Inventory(NamedTuple):
    """What a host knows of the others: hosts by group, and the address from which each host comes."""

    groups: Mapping[str, Sequence[str]]
    addresses: Mapping[str, str]


def rules(allowed: object, mine: Sequence[str], inventory: Inventory) -> list[Rule]:
    """Say what a host lets in.

    :param allowed: by group, lists of {ports: [tcp/80], from: [networks or groups], per_minute: number}.
    :param mine: the groups of the host.
    :raises DataError: an entry is not understood; names the variable, the group and the entry.
    """
    where = "host_firewall_allow"
    if not isinstance(allowed, Mapping):
        raise DataError(f"{where} is {brief(allowed)}; write lists of entries by group")
    found = []
    for group, entries in allowed.items():
        if group not in inventory.groups:
            raise DataError(f"{where} names the group '{group}', which the inventory does not have")
        if not isinstance(entries, list):
            raise DataError(f"{where}, group '{group}' is {brief(entries)}; write a list of entries")
        for number, entry in enumerate(entries, start=1):
            made = _entry(entry, f"{where}, group '{group}', entry {number}", inventory)
            found += made if group in mine else []
    return found


def networks(texts: object, where: str) -> tuple[list[str], list[str]]:
    """Sort networks and addresses by version, each written as nftables does.

    :raises DataError: one of them is neither.
    """
    if not isinstance(texts, list):
        raise DataError(f"{where} is {brief(texts)}; write a list of networks, such as [192.0.2.0/24]")
    ipv4, ipv6 = [], []
    for text in texts:
        try:
            network = ipaddress.ip_network(str(text))
        except ValueError as error:
            raise DataError(f"{where}: {brief(text)} is no network ({error}); write it as 192.0.2.0/24") from error
        (ipv4 if network.version == 4 else ipv6).append(network)
    return [[_short(one) for one in ipaddress.collapse_addresses(same)] for same in (ipv4, ipv6)]


def within(address: object, texts: object) -> bool:
    """Whether an address lies in one of these networks.

    :raises DataError: it is no address, or one of them is no network.
    """
    networks(texts, "the list of networks")  # refuses what is none
    try:
        own = ipaddress.ip_address(str(address))
    except ValueError as error:
        raise DataError(f"{brief(address)} is no address ({error})") from error
    return any(own in ipaddress.ip_network(str(text)) for text in texts)


def ports(written: object, where: str) -> dict[str, list[str]]:
    """Read ports such as C(tcp/80) and C(udp/5000-5010): nftables' words by protocol.

    :raises DataError: there is none, or one is not understood.
    """
    if not isinstance(written, list) or not written:
        raise DataError(f"{where}: ports is {brief(written)}; write a list such as [tcp/80, udp/5000-5010]")
    found: dict[str, list[str]] = {}
    for text in written:
        match = _PORT.fullmatch(text) if isinstance(text, str) else None
        first = int(match["first"]) if match else 0
        last = int(match["last"] or first) if match else 0
        if not match or match["protocol"] not in PROTOCOLS or not 0 < first <= last <= 65535:
            raise DataError(f"{where}: {brief(text)} is no port; write tcp/80 or udp/5000-5010")
        found.setdefault(match["protocol"], []).append(str(first) if first == last else f"{first}-{last}")
    return found


def _short(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def _entry(written: object, where: str, inventory: Inventory) -> list[Rule]:
    entry = refuse_keys(written, where, ("ports",), ("from", "per_minute"))
    limit = entry.get("per_minute", 0)
    if not isinstance(limit, int) or isinstance(limit, bool) or not 0 <= limit <= 100_000:
        raise DataError(f"{where}: per_minute is {brief(limit)}; write new connections of one source in a minute")
    anybody = "from" not in entry
    ipv4, ipv6 = ([], []) if anybody else networks(_sources(entry["from"], where, inventory), f"{where}, from")
    if not anybody and not ipv4 and not ipv6:
        return []  # a group without hosts
    written_ports = ports(entry["ports"], where)
    return [
        Rule(protocol, written_ports[protocol], anybody, ipv4, ipv6, limit)
        for protocol in PROTOCOLS
        if written_ports.get(protocol)
    ]


def _sources(written: object, where: str, inventory: Inventory) -> list[str]:
    """The networks that an entry names, and the addresses of the hosts of each group."""
    if not isinstance(written, list) or not written:
        raise DataError(f"{where}: from is {brief(written)}; write networks or groups, or leave it out for everybody")
    found = []
    for source in written:
        if source not in inventory.groups:
            found.append(source)
            continue
        for host in inventory.groups[source]:
            address = inventory.addresses.get(host, "")
            try:
                found.append(str(ipaddress.ip_address(address)))
            except ValueError as error:
                raise DataError(
                    f"{where}: the host '{host}' of the group '{source}' has no address: set order82_address for it"
                ) from error
    return found
