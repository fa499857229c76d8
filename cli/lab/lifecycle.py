# SPDX-License-Identifier: GPL-3.0-or-later
"""Raising a lab, taking it down, and telling how it is. Whatever goes wrong, half a lab never stays behind."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from .. import packages
from ..errors import BaselineError
from ..paths import CHECKOUT, state_of
from ..process import side_by_side, uninterrupted
from ..progress import say
from . import hosts, images, machines, mirror, namespace, networks, ssh
from .inventory import Lab


def up(lab: Lab) -> None:
    """Have every host of the lab running as it is described now; what runs so already is left as it is."""
    begun = time.monotonic()
    packages.ensure(packages.LAB_NEEDS)
    namespace.prepare()
    there = hosts.existing(lab.name)
    refuse_other_checkout(lab.name, there)
    used_images = sorted({host.image for host in lab.hosts.values()})
    side_by_side(lambda image: (images.ensure(image), mirror.ensure(image)), used_images)
    side_by_side(machines.ensure, sorted({host.image for host in lab.hosts.values() if host.virtual}))
    current = {name for name, container in there.items() if is_current(lab, container)}
    stale = [container for name, container in there.items() if name not in current]
    missing = [host for name, host in lab.hosts.items() if name not in current]
    side_by_side(lambda host: (hosts.refresh_mirror(lab, lab.hosts[host]), hosts.fetch(lab, lab.hosts[host])), current)
    if not stale and not missing:
        if not lab.ssh_config.exists():
            ssh.write_config(lab)
        say(f"the lab {lab.name} is up: {', '.join(lab.hosts)}")
        return
    say(f"raising the lab {lab.name}: {', '.join(host.name for host in missing)}")
    try:
        raise_hosts(lab, stale, missing)
    except BaseException:
        say(f"taking down what was raised of the lab {lab.name}")
        with uninterrupted():
            hosts.remove(lab.name, [found for name, found in hosts.existing(lab.name).items() if name not in current])
            if not current:
                down(lab)
        raise
    say(f"the lab {lab.name} is up after {time.monotonic() - begun:.1f} s")


def raise_hosts(lab: Lab, stale: list[hosts.Container], missing: list[hosts.Host]) -> None:
    """Make what is missing, side by side."""
    hosts.remove(lab.name, stale)
    networks.ensure(lab)
    allow_watches()
    public_key = ssh.ensure_key(lab.name)
    side_by_side(lambda host: hosts.start(lab, host, public_key), missing)
    ssh.write_config(lab)


def down(lab: Lab) -> None:
    """Remove every trace of the lab; images and packages stay for the next."""
    namespace.prepare()
    there = hosts.existing(lab.name)
    refuse_other_checkout(lab.name, there)
    hosts.remove(lab.name, list(there.values()))
    for network in networks.existing(lab.name).values():
        networks.remove(network)
    ssh.forget(lab)
    for file in state_of(lab.name).glob("*"):
        if file.name != "lock":
            file.unlink()


def status(lab: Lab) -> dict[str, Any]:
    """How the lab is: each host with its state and addresses."""
    namespace.prepare()
    there = hosts.existing(lab.name)
    refuse_other_checkout(lab.name, there)
    described = []
    for name, host in lab.hosts.items():
        container = there.get(name)
        state = "absent" if container is None else "running" if container.runs else "dead"
        if container is not None and container.runs and not is_current(lab, container):
            state = "outdated" if container.was_finished else "half made"
        described.append({"host": name, "state": state, "image": host.image, "addresses": host.addresses})
    return {"lab": lab.name, "up": all(entry["state"] == "running" for entry in described), "hosts": described}


def is_current(lab: Lab, container: hosts.Container) -> bool:
    """Whether a container runs and is what the inventory describes."""
    host = lab.hosts.get(container.host)
    return host is not None and container.runs and container.was_finished and container.spec == hosts.spec_of(lab, host)


def refuse_other_checkout(lab: str, there: dict[str, hosts.Container]) -> None:
    """Leave a lab alone that runs for another checkout; what is dead there belongs to nobody."""
    others = {found.checkout for found in there.values() if found.runs and found.checkout != str(CHECKOUT)}
    if others:
        other = ", ".join(sorted(others))
        raise BaselineError(
            f"the lab {lab} runs for the checkout {other}: take it down there with './baseline lab down'"
        )


def allow_watches() -> None:
    """Let many systemds watch files on one kernel: the usual limit of 128 watchers per user is used up by 18 hosts."""
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    if int(limit.read_text()) < 1024:
        limit.write_text("1024")
        say("set this machine's fs.inotify.max_user_instances to 1024, since every lab host needs about seven")
