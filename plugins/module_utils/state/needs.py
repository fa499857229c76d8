# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host must have before anything of a measure is laid down on it."""

from __future__ import annotations

import ipaddress
import json
import os

from .errors import StateError
from .host import run


def _folder(path):
    return os.path.isdir(path)


def _file(path):
    return os.path.exists(path)


def _interface(name):
    return os.path.exists("/sys/class/net/" + name)


KINDS = {"folder": _folder, "file": _file, "interface": _interface}
"""Beside C(addresses), a list of those that the kernel has as its own, on an interface or by a local route."""


def refuse(state):
    """Stop where something is missing.

    :raises StateError: the sentence that the state gives for it.
    """
    for entry in state["needs"]:
        if entry["kind"] == "addresses":
            lacking = foreign_addresses(entry["value"])
            if lacking:
                raise StateError("%s (%s: %d in all)" % (entry["otherwise"], lacking[0], len(lacking)))
        elif not KINDS[entry["kind"]](entry["value"]):
            raise StateError(entry["otherwise"])


def foreign_addresses(addresses):
    """Those of the addresses that are not the host's own."""
    own = set()
    for version in ("-4", "-6"):
        routes = json.loads(run(["ip", "-json", version, "route", "show", "table", "local", "type", "local"]) or "[]")
        own |= {route["dst"] for route in routes}
    single = {one for one in own if "/" not in one}
    if set(addresses) <= single:
        return []
    networks = [ipaddress.ip_network(one) for one in own if "/" in one]
    return [
        one
        for one in addresses
        if one not in single and not any(ipaddress.ip_address(one) in network for network in networks)
    ]
