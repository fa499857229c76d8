# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian packages that the lab's tools come from: installed when missing and possible, else named in one line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .errors import BaselineError
from .process import run
from .progress import say

# What must be there -> the Debian package that brings it. A path is looked for as it is, a name on PATH.
LAB_NEEDS = {
    "podman": "podman",
    "crun": "crun",
    "/usr/lib/podman/netavark": "netavark",
    "iptables": "iptables",  # what netavark makes its rules with; its package does not ask for it
    "mmdebstrap": "mmdebstrap",
    "apt-ftparchive": "apt-utils",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "chattr": "e2fsprogs",
}
TEST_NEEDS = {
    "openssl": "openssl",
    "rclone": "rclone",
    "ip": "iproute2",
    "nft": "nftables",
    "conntrack": "conntrack",
    "inotifywait": "inotify-tools",
    "restic": "restic",
    "systemd-analyze": "systemd",
}
"""What the unit tests start beside what pip installs."""
ELSEWHERE = {"/usr/lib/podman/netavark": ["/usr/libexec/podman/netavark", "/usr/local/libexec/podman/netavark"]}


def missing(needs: dict[str, str]) -> list[str]:
    """The packages among needs whose program or file is not here."""

    def here(thing: str) -> bool:
        if thing.startswith("/"):
            return any(Path(path).exists() for path in [thing, *ELSEWHERE.get(thing, [])])
        return shutil.which(thing, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None

    return sorted({package for thing, package in needs.items() if not here(thing)})


def ensure(needs: dict[str, str]) -> None:
    """Install what is missing, saying so; where that can't be done, say in one line what to install."""
    packages = missing(needs)
    if not packages:
        return
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise BaselineError(
            f"this machine lacks what Debian packages as {names}: install these with your package manager"
        )
    if os.geteuid() != 0:
        raise BaselineError(f"this machine lacks packages: run 'sudo apt-get install {names}'")
    say(f"installing the Debian packages {names}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update"], failing="apt-get update", env=env)
    run(["apt-get", "install", "-y", "--no-install-recommends", *packages], failing=f"installing {names}", env=env)
