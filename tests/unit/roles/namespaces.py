# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway with two networks inside and one outside, each a network namespace, and real packets between them.

A socket stays in the namespace in which it was made, so the test itself speaks for all of them. Needs root.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

PORT = 7082
HANG = 20
"""Seconds after which nobody waits any longer for a packet that is to come."""
_TRANSPARENT = {socket.AF_INET: (socket.SOL_IP, 19), socket.AF_INET6: (socket.IPPROTO_IPV6, 75)}
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET, setns(2)
_LIBC = ctypes.CDLL(None, use_errno=True)

LINKS = {
    "homes": ("10.0.1.1/24", "10.0.1.2/24", "fd00:1::1/64", "fd00:1::2/64"),
    "offices": ("10.0.2.1/24", "10.0.2.2/24", "fd00:2::1/64", "fd00:2::2/64"),
    "outside": ("203.0.113.1/24", "203.0.113.10/24", "2001:db8::1/64", "2001:db8::10/64"),
}
"""By namespace and interface of the gateway: the gateway's address and the other's, IPv4 and IPv6."""


class Network:
    """The namespaces: `gateway`, and one at the end of each of its links."""

    def __init__(self) -> None:
        self._mark = f"order82-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._stack = contextlib.ExitStack()
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Network:
        try:
            for part in ("gateway", *LINKS):
                run("ip", "netns", "add", self._name(part))
                self._stack.callback(run, "ip", "netns", "del", self._name(part))
                self.do(part, "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0")
                self.do(part, "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0")
                self.do(part, "ip link set lo up")
            for part, (near, far, near6, far6) in LINKS.items():
                self.do("gateway", f"ip link add {part} type veth peer name eth0 netns {self._name(part)}")
                for where, link, addresses in (("gateway", part, (near, near6)), (part, "eth0", (far, far6))):
                    for address in addresses:
                        self.do(where, f"ip address add {address} dev {link} {'nodad' if ':' in address else ''}")
                    self.do(where, f"ip link set {link} up")
                for address in (near, near6):
                    version = "-6" if ":" in address else "-4"
                    self.do(part, f"ip {version} route add default via {address.partition('/')[0]}")
            self.do("gateway", "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
            for address in LINKS["outside"][1::2]:
                version = "-6" if ":" in address else "-4"
                self.do("gateway", f"ip {version} route add default via {address.partition('/')[0]}")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.clear()
        self._stack.close()

    def clear(self) -> None:
        """Nobody speaks any more, and the gateway has no rules and knows no connections."""
        while self._sockets:
            self._sockets.pop().close()
        self.do("gateway", "nft flush ruleset")
        self.do("gateway", "conntrack -F")

    def _name(self, part: str) -> str:
        return f"{self._mark}-{part}"

    def do(self, part: str, command: str) -> str:
        """Run a command in one of the namespaces; give back what it printed."""
        return run("ip", "netns", "exec", self._name(part), *command.split())

    def lives_in(self, part: str, network: str) -> None:
        """The addresses of a network are those of a namespace, and the gateway knows the way."""
        way = LINKS[part][3 if ":" in network else 1].partition("/")[0]
        version = "-6" if ":" in network else "-4"
        self.do(part, f"ip {version} route replace local {network} dev lo")
        self.do("gateway", f"ip {version} route replace {network} via {way}")

    @contextlib.contextmanager
    def within(self, part: str) -> Iterator[None]:
        """Sockets that are made in this block are in that namespace."""
        with Path("/proc/self/ns/net").open() as here, Path("/run/netns", self._name(part)).open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(here.fileno())

    def socket(
        self, part: str, address: str, port: int = 0, kind: int = socket.SOCK_DGRAM, protocol: int = 0
    ) -> socket.socket:
        """A socket with this address, which need not be one of that namespace's own."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.within(part):
            one = socket.socket(family, kind, protocol)
        self._sockets.append(one)
        one.setsockopt(*_TRANSPARENT[family], 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.settimeout(HANG)
        one.bind((address, port))
        return one

    def counters(self, family: str, table: str) -> dict[str, int]:
        """How many packets each counter of a table has counted."""
        listed = json.loads(self.do("gateway", f"nft --json list counters table {family} {table}"))["nftables"]
        found = [one["counter"] for one in listed if "counter" in one]
        return {one["name"]: one["packets"] for one in found if (one["family"], one["table"]) == (family, table)}


def until(found, what: str):
    """Ask again until there is an answer.

    :raises AssertionError: none came.
    """
    end = time.monotonic() + HANG
    while True:
        answer = found()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {HANG} s: {what}"
        time.sleep(0.02)


def run(*words: str) -> str:
    """Run a program.

    :raises RuntimeError: it did not end well; the text says which and why.
    """
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)[:200]}: {done.stderr.strip()}")
    return done.stdout


def _enter(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
