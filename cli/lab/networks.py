# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's networks: bridges without any way out, and cutting a host off one of them as a broken cable would."""

from __future__ import annotations

import json
from typing import Any

from ..errors import BaselineError
from ..process import run
from .inventory import Lab
from .namespace import podman, podman_json


def name_of(lab: str, network: str) -> str:
    """A network's name in podman."""
    return f"order82-{lab}-{network}"


def existing(lab: str) -> dict[str, dict[str, Any]]:
    """The lab's networks that podman has, under podman's names."""
    return {network["name"]: network for network in podman_json("network", "ls", "--format", "json", *of(lab))}


def of(lab: str) -> list[str]:
    """The words with which podman lists only what belongs to a lab."""
    return ["--filter", f"label=order82.lab={lab}"]


def ensure(lab: Lab) -> None:
    """Make the networks that are missing; one with another subnet is made anew (nothing can be on it any more)."""
    there = existing(lab.name)
    for network, subnet in lab.networks.items():
        name = name_of(lab.name, network)
        if name in there and [entry["subnet"] for entry in there[name].get("subnets", [])] != [subnet]:
            remove(there[name])
            del there[name]
        if name not in there:
            flags = ["--internal", "--disable-dns", "--label", f"order82.lab={lab.name}", "--subnet", subnet]
            podman("network", "create", *flags, name, failing=f"making the network {name} ({subnet})")


def remove(network: dict[str, Any]) -> None:
    """Remove a network and its bridge, which stays behind when everything on it was killed."""
    podman("network", "rm", "-f", network["name"], failing=f"removing the network {network['name']}")
    run(["ip", "link", "delete", network["network_interface"]])


def cut(network: str, pid: int) -> None:
    """Take the host's cable out of the bridge: its interface stays up, and every packet is lost on the way."""
    run(["ip", "link", "set", cable(network, pid), "nomaster"], failing=f"cutting {network}")


def mend(lab: str, network: str, pid: int) -> None:
    """Put the host's cable back into the bridge."""
    bridge = existing(lab).get(name_of(lab, network), {}).get("network_interface")
    if bridge is None:
        raise BaselineError(f"the lab {lab} has no network {network}")
    run(["ip", "link", "set", cable(network, pid), "master", bridge], failing=f"mending {network}")


def cable(network: str, pid: int) -> str:
    """The name, on this machine, of the other end of a host's interface."""
    inside = run(["nsenter", f"--target={pid}", "--net", "ip", "-j", "link", "show", "dev", network])
    if inside.returncode:
        raise BaselineError(f"the host has no interface {network}")
    index = json.loads(inside.stdout)[0]["link_index"]
    links = json.loads(run(["ip", "-j", "link", "show"], failing="ip link").stdout)
    return next(link["ifname"] for link in links if link["ifindex"] == index)
