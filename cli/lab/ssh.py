# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH to the lab's hosts, whose networks can't be reached from this machine by address.

The connection enters the host's namespaces by the process id that podman keeps in a file, which costs 20 ms (podman
exec: 130 ms) and stays right when a host is restarted.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import BaselineError
from ..paths import RUN, state_of
from ..process import run, side_by_side
from . import machines
from .hosts import enter, pid_file
from .inventory import Host, Lab

HOST_ENTRY = """\
Host {host}
    ProxyCommand nsenter --target=$(cat '{pid_file}') --net --mount nc {address} 22
"""
ALL_HOSTS = """\
Host *
    User ops
    IdentityFile "{key}"
    IdentitiesOnly yes
    UserKnownHostsFile "{known_hosts}"
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    LogLevel ERROR
    ControlMaster auto
    ControlPath {control_path}
    ControlPersist 60s
"""


def control_path(lab: str) -> str:
    """Where a lab's shared connections are. The lab is in the name: hosts of two labs may well have the same names."""
    return f"{RUN}/{lab}-%C"


def key_of(lab: str) -> Path:
    """The private key that opens the lab's hosts."""
    return state_of(lab) / "key"


def ensure_key(lab: str) -> str:
    """Make the lab's key if there is none, and give the public half."""
    key = key_of(lab)
    public = key.with_name("key.pub")
    if not (key.exists() and public.exists()):
        key.unlink(missing_ok=True)
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab {lab}", "-f", key]
        run(words, failing="making the lab's key")
    return public.read_text()


def write_config(lab: Lab) -> None:
    """Write what 'ssh -F' needs, with every host's real key."""
    lab.ssh_config.parent.mkdir(parents=True, exist_ok=True)
    known_hosts = lab.ssh_config.with_name("known_hosts")
    lines = side_by_side(lambda host: known_host_lines(lab.name, host), list(lab.hosts.values()))
    known_hosts.write_text("".join(lines))
    lab.ssh_config.write_text(config_text(lab, known_hosts))


def known_host_lines(lab: str, host: Host) -> str:
    """The host's lines in known_hosts."""
    keys = enter(lab, host, "cat /etc/ssh/ssh_host_*_key.pub", failing=f"reading the SSH keys of {host.name}")
    return "".join(f"{host.name} {' '.join(line.split()[:2])}\n" for line in keys.splitlines())


def config_text(lab: Lab, known_hosts: Path) -> str:
    """The text of the lab's ssh_config."""
    entries = [
        HOST_ENTRY.format(
            host=name,
            pid_file=pid_file(lab.name, name),
            address=machines.GUEST if host.virtual else "127.0.0.1",
        )
        for name, host in lab.hosts.items()
    ]
    common = ALL_HOSTS.format(key=key_of(lab.name), known_hosts=known_hosts, control_path=control_path(lab.name))
    return "".join(entries) + common


def forget(lab: Lab) -> None:
    """Remove what was written, and end shared connections."""
    for socket in RUN.glob(f"{lab.name}-*"):
        socket.unlink(missing_ok=True)
    if lab.ssh_config.exists():
        shutil.rmtree(lab.ssh_config.parent)


def command(ssh_config: Path, host: str, words: list[str]) -> list[str]:
    """The words of an ssh call."""
    if not ssh_config.exists():
        raise BaselineError("the lab is not up: run './baseline lab up'")
    return ["ssh", "-F", str(ssh_config), host, *words]
