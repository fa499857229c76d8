# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of this moment: counters of interfaces, how full connection tracking is, and whether peers answer."""

from __future__ import annotations

import os
import re

from .. import processes

INTERFACES = "/sys/class/net"
CONNTRACK = "/proc/sys/net/netfilter/nf_conntrack_"
COUNTERS = (
    "rx_bytes",
    "tx_bytes",
    "rx_packets",
    "tx_packets",
    "rx_errors",
    "tx_errors",
    "rx_dropped",
    "tx_dropped",
)
_PINGS = 3
_LINE = re.compile(r"^(?P<address>\S+)\s+:(?P<times>.*)$", re.MULTILINE)


def take(peers):
    """Take one.

    :param dict peers: name to address.
    :return: dict: C(interfaces), by name: the COUNTERS and C(state); C(conntrack): C(count) and C(max), or empty where
        the kernel tracks nothing; C(peers), by name: C(lost_percent) and C(rtt_ms) (median; None where none answered).
    """
    return {"interfaces": _interfaces(), "conntrack": _conntrack(), "peers": _peers(peers)}


def answers(said):
    """What fping says: dict from address to list of milliseconds, None for one that was lost."""
    return {
        match["address"]: [None if word == "-" else float(word) for word in match["times"].split()]
        for match in _LINE.finditer(said)
    }


def _interfaces():
    found = {}
    for name in sorted(os.listdir(INTERFACES)):
        folder = os.path.join(INTERFACES, name)
        if name == "lo" or not os.path.isdir(folder):
            continue
        try:
            found[name] = {counter: int(_read(folder, "statistics", counter)) for counter in COUNTERS}
            found[name]["state"] = _read(folder, "operstate")
        except FileNotFoundError:
            found.pop(name, None)  # it went while it was looked at
    return found


def _conntrack():
    try:
        return {key: int(_read(CONNTRACK + key)) for key in ("count", "max")}
    except FileNotFoundError:
        return {}


def _peers(peers):
    if not peers:
        return {}
    argv = ["fping", "--quiet", "--vcount=%d" % _PINGS, "--period=200", "--timeout=800", *sorted(set(peers.values()))]
    # 1: some did not answer, 2: a name was not found; what it says is on standard error.
    heard = answers(processes.run(argv).stderr.decode("utf-8", "replace"))
    found = {}
    for name, address in peers.items():
        times = heard.get(address, [None] * _PINGS)
        good = sorted(time for time in times if time is not None)
        found[name] = {
            "lost_percent": round(100 * (len(times) - len(good)) / len(times)) if times else 100,
            "rtt_ms": good[len(good) // 2] if good else None,
        }
    return found


def _read(*path):
    with open(os.path.join(*path), encoding="ascii") as file:
        return file.read().strip()
