# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab consists of, read from an Ansible inventory: the same file that Ansible uses to work on its hosts."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import BaselineError
from ..paths import CHECKOUT, LOCAL_CACHE, ansible_environment
from ..process import run

SUITES = {"debian12": "bookworm", "debian13": "trixie"}
NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")


@dataclass(frozen=True)
class Host:
    """One machine of the lab."""

    name: str
    image: str
    addresses: dict[str, str]
    """The host's address on each of its networks; its interface has the network's name."""
    routes: list[dict[str, str]] = field(default_factory=list)
    sysctls: dict[str, str] = field(default_factory=dict)
    setup: str = ""
    """Shell text that root runs on it once, after the first boot."""
    gives: list[str] = field(default_factory=list)
    """Files that its setup made and the controller needs, such as a certificate: see `hosts.fetch`."""
    virtual: bool = False
    """Whether it is a virtual machine, with a kernel and a clock of its own, and not a container."""

    @property
    def suite(self) -> str:
        return SUITES[self.image]

    def address_for(self, other: Host) -> str:
        """The address under which another host reaches this one: on a network they share, if they share one."""
        shared = [network for network in self.addresses if network in other.addresses]
        return self.addresses[shared[0] if shared else next(iter(self.addresses))]


@dataclass(frozen=True)
class Lab:
    """All hosts and networks that are raised and taken down together."""

    name: str
    networks: dict[str, str]
    hosts: dict[str, Host]
    ssh_config: Path


def read(inventory: Path) -> Lab:
    """Ask ansible-inventory what the inventory says. It gives variables as written: a lab's can't be templates."""
    if not inventory.exists():
        raise BaselineError(f"there is no inventory at {inventory}: give one with -i")
    command = ["ansible-inventory", "-i", inventory.resolve(), "--list"]
    listed = run(command, failing=f"reading the inventory {inventory}", env=ansible_environment(), cwd=CHECKOUT)
    return from_variables(json.loads(listed.stdout)["_meta"]["hostvars"], str(inventory))


def from_variables(variables: dict[str, dict[str, Any]], where: str) -> Lab:
    """Build the lab from each host's variables, and refuse what could not work with a sentence that says where."""
    machines = {name: values for name, values in variables.items() if "lab_image" in values}
    if not machines:
        raise BaselineError(f"{where} describes no lab: none of its hosts has the variable lab_image")
    for key, values in machines.items():
        for variable, value in values.items():
            if variable.startswith("lab_") and variable != "lab_setup" and "{{" in str(value):
                raise BaselineError(f"{where}: {key} has a template in {variable}, but a lab is made of plain values")
    common = next(iter(machines.values()))
    name = common.get("lab_name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BaselineError(f"{where}: lab_name must be a short lower-case name, not {name!r}")
    networks = {key: str(subnet) for key, subnet in dict(common.get("lab_networks") or {}).items()}
    check_networks(networks, where)
    hosts = {key: to_host(key, values, networks, where) for key, values in sorted(machines.items())}
    check_addresses(hosts, where)
    ssh_config = Path(common.get("lab_ssh_config") or LOCAL_CACHE / "lab" / name / "ssh_config")
    return Lab(name=name, networks=networks, hosts=hosts, ssh_config=ssh_config)


def check_networks(networks: dict[str, str], where: str) -> None:
    """Refuse a network that can't be made, or whose name can't be an interface's."""
    for key, subnet in networks.items():
        if not NAME.fullmatch(key) or len(key) > 15:
            raise BaselineError(f"{where}: the network's name {key!r} can't name an interface: use up to 15 letters")
        try:
            ipaddress.ip_network(subnet)
        except ValueError as error:
            raise BaselineError(f"{where}: lab_networks.{key}: {error}") from error


def is_within(address: str, subnet: str) -> bool:
    """Whether this is an address of that network."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(subnet)
    except ValueError:
        return False


def check_addresses(hosts: dict[str, Host], where: str) -> None:
    """Refuse an address that two hosts would have."""
    owner: dict[str, str] = {}
    for host in hosts.values():
        for address in host.addresses.values():
            if address in owner:
                raise BaselineError(f"{where}: {host.name} and {owner[address]} both have the address {address}")
            owner[address] = host.name


def to_host(name: str, values: dict[str, Any], networks: dict[str, str], where: str) -> Host:
    """Build one host from its variables."""
    image = values["lab_image"]
    if image not in SUITES:
        raise BaselineError(f"{where}: {name} has lab_image {image!r}: it must be one of {', '.join(SUITES)}")
    virtual = values.get("lab_virtual", False)
    if not isinstance(virtual, bool):
        raise BaselineError(f"{where}: {name} has lab_virtual {virtual!r}: it must be true or false")
    addresses = {key: str(address) for key, address in dict(values.get("lab_addresses") or {}).items()}
    if not addresses:
        raise BaselineError(f"{where}: {name} has no lab_addresses, so nothing could reach it")
    for network, address in addresses.items():
        subnet = networks.get(network)
        if subnet is None:
            raise BaselineError(f"{where}: {name} has an address on {network}, which lab_networks does not name")
        if not is_within(address, subnet):
            raise BaselineError(f"{where}: {name} has the address {address}, which is not in {network} ({subnet})")
    return Host(
        name=name,
        image=image,
        addresses=addresses,
        routes=[{"to": str(route["to"]), "via": str(route["via"])} for route in values.get("lab_routes") or []],
        sysctls={key: str(value) for key, value in dict(values.get("lab_sysctls") or {}).items()},
        setup=str(values.get("lab_setup") or ""),
        gives=[str(path) for path in values.get("lab_gives") or []],
        virtual=virtual,
    )
