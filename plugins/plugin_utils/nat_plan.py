# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns which ports of which public address: computed once, here, from the pools (RFC 7422).

The gateway's ruleset and the trace both read the result, so no other place knows how a block is found. The entries are
those of a C(plan) record (docs/nat_records.md).

The arithmetic: a public address has as many blocks as fit into its ports, less the reserved ones; each inside address
has one block and so many overflow blocks, all of them on one public address (RFC 4787, REQ-2). Addresses are taken in
the order in which they are listed, so a pool to which networks are added at the end moves nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..module_utils.nat.plan import plan_id
from . import firewall_rules
from .documents import DataError, names, refuse_keys, refuse_value

try:
    from netaddr import AddrFormatError, IPAddress, IPNetwork, IPSet
except ImportError as error:  # said when a plan is asked for, so that all else works without it
    NO_NETADDR: ImportError | None = error
else:
    NO_NETADDR = None

MODES = ("deterministic", "sessions", "prefix")
_REQUIRED = ("name", "mode", "inside", "public")
_FURTHER = {
    "deterministic": (("block_ports",), ("ports", "reserved_ports", "overflow_blocks")),
    "sessions": ((), ("ports",)),
    "prefix": ((), ("inward",)),
}
"""By mode, the further keys that a pool must and may have."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
MOST_INSIDE = 1_000_000
"""Inside addresses that a deterministic pool may have: a block each, and a set of nftables that holds them."""


class Block(NamedTuple):
    """Ports of a public address that belong to one inside address; the ports are inclusive."""

    inside: str
    public: str
    first: int
    last: int

    @property
    def ports(self) -> str:
        return f"{self.first}-{self.last}"


class Layout(NamedTuple):
    """How the ports of each public address are cut: where blocks begin, and how many more than one everybody has."""

    starts: list[int]
    size: int
    overflow: int

    @property
    def each(self) -> int:
        """Inside addresses on one public address."""
        return len(self.starts) // (1 + self.overflow)


class Pool(NamedTuple):
    """One pool, as checked and computed.

    `inside` and `public` are networks as text; `addresses` are the public addresses. `blocks` has one list for the
    first blocks and one more for each overflow block; it is empty outside of the mode `deterministic`. `inward` has by
    protocol the ports that the Internet may reach, which only a prefix can have: behind a port that many share nobody
    can be called. `routed` says that inside and public are the same, so that nothing is translated.
    """

    name: str
    mode: str
    version: int
    inside: list[str]
    public: list[str]
    addresses: list[str]
    ports: str
    block_ports: int
    blocks: list[list[Block]]
    inward: dict[str, list[str]]
    routed: bool

    def entries(self) -> Iterator[str]:
        """The pool's part of a `plan` record."""
        for number, blocks in enumerate(self.blocks):
            kind = "overflow" if number else "block"
            for block in blocks:
                yield f"{kind},{self.name},{block.inside},{block.public},{block.first},{block.last}"
        if self.mode == "sessions":
            first, last = self.ports.split("-")
            for inside in self.inside:
                for address in self.addresses:
                    yield f"shared,{self.name},{inside},{address},{first},{last}"
        if self.mode == "prefix":
            yield f"prefix,{self.name},{self.inside[0]},{self.public[0]}"


def compute(pools: Any) -> list[Pool]:
    """Check the pools and compute the blocks.

    :param pools: as the variable C(nat_gateway_pools) has them.
    :raises DataError: a plan that is not possible; the sentence says where and how to mend it.
    """
    if NO_NETADDR:
        raise DataError(f"a plan needs netaddr on the controller: pip install netaddr ({NO_NETADDR})")
    if not isinstance(pools, list):
        raise DataError(f"nat_gateway_pools must be a list of pools, not {pools!r}")
    computed = [_pool(number, pool) for number, pool in enumerate(pools, 1)]
    _refuse_overlaps(computed)
    return computed


def entries(pools: list[Pool]) -> list[str]:
    """What a `plan` record of all pools says, in order."""
    return [entry for pool in pools for entry in pool.entries()]


def identity(pools: list[Pool]) -> str:
    """The plan's `id`."""
    return plan_id(entries(pools))


def address(text: Any) -> IPAddress:
    """Read one address.

    :raises DataError: it is none.
    """
    try:
        return IPAddress(str(text))
    except (AddrFormatError, ValueError) as error:
        raise DataError(f"{text!r} is no IP address") from error


def behind_prefix(inside: str, public: str, asked: IPAddress) -> str | None:
    """The inside address that a public one stands for, where a prefix is translated one to one; none outside of it."""
    inside_network, public_network = IPNetwork(inside), IPNetwork(public)
    if asked not in public_network:
        return None
    return str(IPAddress(int(inside_network.network) + int(asked) - int(public_network.network), asked.version))


def _pool(number: int, pool: Any) -> Pool:
    where = f"nat_gateway_pools, pool {number}"
    if not isinstance(pool, dict) or "mode" not in pool:
        refuse_keys(pool, where, _REQUIRED, ("ports", "reserved_ports", "block_ports", "overflow_blocks", "inward"))
    mode = refuse_value(pool["mode"], f"{where}, mode", "mode", MODES)
    required, optional = _FURTHER[mode]
    refuse_keys(pool, f"{where} (mode {mode})", (*_REQUIRED, *required), optional)
    name = pool["name"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DataError(f"{where}: the name must be small letters, digits and _, not {name!r}")
    where = f"pool {name}"
    inside = _networks(where, "inside", pool["inside"])
    public = _networks(where, "public", pool["public"])
    versions = {network.version for network in inside + public}
    if len(versions) != 1:
        raise DataError(f"{where}: inside and public must all be IPv4 or all be IPv6")
    version = versions.pop()
    blocks: list[list[Block]] = []
    addresses: list[str] = []
    size = 0
    ports = _ports(where, "ports", pool.get("ports", "1024-65535"))
    if version == 6 and "ports" in pool:
        raise DataError(f"{where}: nftables gives no range of ports to IPv6 addresses; leave out ports")
    if version == 6 or mode == "prefix":
        ports = (0, 65535)
    if mode == "prefix":
        _refuse_prefixes(where, inside, public)
    else:
        if IPSet(public).size > 65536:
            raise DataError(f"{where}: public has more than 65536 addresses; name those that the gateway really has")
        addresses = [str(address) for network in public for address in network]
    if mode == "deterministic":
        size = _whole(where, "block_ports", pool["block_ports"], 1, 65535)
        overflow = _whole(where, "overflow_blocks", pool.get("overflow_blocks", 0), 0, 16)
        if version == 6:
            raise DataError(f"{where}: blocks of ports are for IPv4; use the mode prefix for IPv6")
        free = _free(where, ports, pool.get("reserved_ports", []))
        starts = [start for first, last in free for start in range(first, last - size + 2, size)]
        blocks = _blocks(where, inside, addresses, Layout(starts, size, overflow))
    return Pool(
        name=name,
        mode=mode,
        version=version,
        inside=[str(network) for network in inside],
        public=[str(network) for network in public],
        addresses=addresses,
        ports="{}-{}".format(*ports),
        block_ports=size,
        blocks=blocks,
        inward=firewall_rules.ports(pool["inward"], f"{where}, inward") if "inward" in pool else {},
        routed=mode == "prefix" and inside == public,
    )


def _blocks(where: str, inside: list[IPNetwork], addresses: list[str], layout: Layout) -> list[list[Block]]:
    needed = sum(network.size for network in inside)
    room = layout.each * len(addresses)
    if needed > MOST_INSIDE:
        raise DataError(f"{where}: inside has {needed} addresses; {MOST_INSIDE} is the most in one pool")
    if needed > room:
        raise DataError(
            f"{where}: {needed} inside addresses need {1 + layout.overflow} blocks of {layout.size} ports each, but "
            f"the {len(addresses)} public addresses have room for {room} of them: "
            "add public addresses, or make block_ports or overflow_blocks smaller"
        )
    found: list[list[Block]] = [[] for _number in range(1 + layout.overflow)]
    for index, address in enumerate(str(address) for network in inside for address in network):
        for number, blocks in enumerate(found):
            start = layout.starts[number * layout.each + index % layout.each]
            blocks.append(Block(address, addresses[index // layout.each], start, start + layout.size - 1))
    return found


def _networks(where: str, key: str, value: Any) -> list[IPNetwork]:
    found = []
    for text in names(value, f"{where}, {key}"):
        try:
            network = IPNetwork(text)
        except (AddrFormatError, ValueError) as error:
            raise DataError(f"{where}, {key}: {text!r} is no address or network") from error
        if network.ip != network.network:
            raise DataError(f"{where}, {key}: {text} has host bits set; the network is {network.cidr}")
        if any(network in other or other in network for other in found):
            raise DataError(f"{where}, {key}: {text} is named twice")
        found.append(network)
    if not found:
        raise DataError(f"{where}: {key} names no address")
    return found


def _ports(where: str, key: str, value: Any) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", str(value))
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last <= 65535:
        raise DataError(f"{where}, {key}: {value!r} is no range of ports, such as 1024-65535")
    return first, last


def _free(where: str, ports: tuple[int, int], reserved: Any) -> list[tuple[int, int]]:
    """The spans of the ports that no reserved one interrupts."""
    if not isinstance(reserved, list):
        raise DataError(f"{where}: reserved_ports must be a list of ports and ranges, not {reserved!r}")
    spans = []
    first, last = ports
    for start, end in sorted(_ports(where, "reserved_ports", one) for one in reserved):
        if first < start:
            spans.append((first, min(start - 1, last)))
        first = max(first, end + 1)
    if first <= last:
        spans.append((first, last))
    return spans


def _whole(where: str, key: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise DataError(f"{where}: {key} must be a whole number from {least} to {most}, not {value!r}")
    return value


def _refuse_prefixes(where: str, inside: list[IPNetwork], public: list[IPNetwork]) -> None:
    if len(inside) != 1 or len(public) != 1 or inside[0].prefixlen != public[0].prefixlen:
        raise DataError(f"{where}: the mode prefix takes one inside and one public prefix of the same length")


def _refuse_overlaps(pools: list[Pool]) -> None:
    """An inside address must belong to one pool, and a port of a public address too."""
    for number, pool in enumerate(pools):
        for other in pools[:number]:
            if pool.name == other.name:
                raise DataError(f"two pools have the name {pool.name}")
            if pool.version != other.version:
                continue
            both = IPSet(pool.inside) & IPSet(other.inside)
            if both:
                raise DataError(f"pools {other.name} and {pool.name}: both have the inside addresses {_first(both)}")
            both = IPSet(pool.public) & IPSet(other.public)
            if both and _meet(pool.ports, other.ports):
                raise DataError(
                    f"pools {other.name} and {pool.name}: both have the ports {pool.ports} and {other.ports} of "
                    f"{_first(both)}: give each pool addresses or ports of its own"
                )


def _meet(ports: str, others: str) -> bool:
    first, last = map(int, ports.split("-"))
    other_first, other_last = map(int, others.split("-"))
    return first <= other_last and other_first <= last


def _first(addresses: IPSet) -> str:
    return str(addresses.iter_cidrs()[0])
