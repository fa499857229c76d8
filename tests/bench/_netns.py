# SPDX-License-Identifier: GPL-3.0-or-later
"""Three network namespaces, inside, gateway and outside, for benches of address translation. Needs root."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

DESTINATION = "203.0.113.7"
"""What is sent here leaves the gateway, and nothing answers."""
CONNECTIONS = 4_000_000
MAXIMUM = Path("/proc/sys/net/netfilter/nf_conntrack_max")
PACKAGES = {"ip": "iproute2", "nft": "nftables", "conntrack": "conntrack", "ulogd": "ulogd2", "setpriv": "util-linux"}
"""By program, the Debian package that has it."""


class Namespaces:
    """The three, linked; they and what runs in them are gone afterwards.

    The most connections that a kernel takes is one number for the whole machine: it is raised in the meantime.
    """

    programs: tuple[str, ...] = ("ip", "nft", "conntrack")

    def __init__(self) -> None:
        self.names = {part: f"order82-{os.getpid()}-{part}" for part in ("in", "gw", "out")}
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        if os.geteuid():
            raise RuntimeError("root is needed, for network namespaces")
        for program in self.programs:
            if not shutil.which(program):
                raise RuntimeError(f"the package {PACKAGES[program]} is not installed: '{program}' is not there")
        try:
            self.build()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stack.close()

    def build(self) -> None:
        """Make them; a class that needs more of them does more."""
        before = MAXIMUM.read_text(encoding="ascii")
        MAXIMUM.write_text(str(CONNECTIONS), encoding="ascii")
        self.stack.callback(MAXIMUM.write_text, before, encoding="ascii")
        for name in self.names.values():
            run("ip", "netns", "add", name)
            self.stack.callback(run, "ip", "netns", "del", name)
        for part, address in (("in", "100.64.0.1/24"), ("out", "198.51.100.1/24")):
            self.ip("gw", "link", "add", part, "type", "veth", "peer", "name", "eth0", "netns", self.names[part])
            self.ip("gw", "address", "add", address, "dev", part)
            self.ip("gw", "link", "set", part, "up")
            self.ip(part, "link", "set", "eth0", "up")
        self.ip("in", "address", "add", "100.64.0.2/24", "dev", "eth0")
        self.ip("in", "route", "add", "default", "via", "100.64.0.1")
        # Nobody has the next hop's link address: the frames end in the namespace outside, and nothing answers.
        self.ip("gw", "route", "add", f"{DESTINATION}/32", "via", "198.51.100.2")
        self.ip("gw", "neigh", "add", "198.51.100.2", "lladdr", "02:00:00:00:00:99", "dev", "out", "nud", "permanent")
        self.inside("gw", "sysctl", "-qw", "net.ipv4.ip_forward=1")

    def conntrack_settings(self, **settings: int) -> None:
        """Set these of the gateway, such as `udp_timeout`."""
        words = [f"net.netfilter.nf_conntrack_{name}={value}" for name, value in settings.items()]
        self.inside("gw", "sysctl", "-qw", *words)

    def ip(self, part: str, *words: str) -> None:
        """Run `ip` in one of the namespaces."""
        run("ip", "-n", self.names[part], *words)

    def inside(self, part: str, *words: str, **others: object) -> subprocess.CompletedProcess:
        """Run a program in one of the namespaces."""
        return run("ip", "netns", "exec", self.names[part], *words, **others)

    def connections(self) -> int:
        """How many the gateway tracks now."""
        return int(self.inside("gw", "conntrack", "-C").stdout)


def run(*words: str, **others: object) -> subprocess.CompletedProcess:
    """Run a program.

    :raises RuntimeError: it did not end well; the text says which and why.
    """
    done = subprocess.run(words, capture_output=True, text=True, check=False, **others)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)[:200]}: {done.stderr.strip()}")
    return done
