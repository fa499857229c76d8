# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's hosts: making containers that are whole systems, waiting until they have booted, and removing them.

A virtual machine is in a container too, whose one process is the machine's kernel: see machines.py.
"""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BaselineError
from ..paths import CHECKOUT, MIRRORS, state_of
from ..process import run
from ..progress import say
from . import images, machines, mirror, networks
from .images import digest
from .inventory import Host, Lab
from .namespace import podman, podman_json

FIRST_BOOT = """\
set -eu
state=
for _ in $(seq 600); do
    state=$(systemctl is-system-running 2>/dev/null || true)
    case $state in running | degraded) ss -Hltn sport = :22 | grep -q . && break ;; esac
    sleep 0.1
done
case $state in running | degraded) ;; *) echo "is $state after a minute" >&2; exit 1 ;; esac
install -d -o ops -g ops -m 0700 /home/ops/.ssh
cat >/home/ops/.ssh/authorized_keys
chown ops:ops /home/ops/.ssh/authorized_keys
"""


@dataclass(frozen=True)
class Container:
    """A host as podman knows it."""

    host: str
    name: str
    checkout: str
    spec: str
    virtual: bool
    pid: int
    says_running: bool
    was_finished: bool
    """Whether it was set up to the end: one that was not, since someone killed us, is half a host."""

    @property
    def runs(self) -> bool:
        """Whether it really runs: podman says so for ever of a container whose monitor was killed with it."""
        comm = Path(f"/proc/{self.pid}/comm")
        first = ("systemd", "init", machines.FIRST_PROCESS)
        return self.says_running and self.pid > 1 and comm.exists() and comm.read_text().strip() in first


def name_of(lab: str, host: str) -> str:
    """A host's name in podman."""
    return f"order82-{lab}-{host}"


def pid_file(lab: str, host: str) -> Path:
    """Where podman keeps the process id of a host's systemd; it is current also after a restart."""
    return state_of(lab) / f"{host}.pid"


def existing(lab: str) -> dict[str, Container]:
    """The lab's containers, dead or alive, by host."""
    found = {}
    for entry in podman_json("ps", "--all", "--format", "json", *networks.of(lab)):
        labels = entry["Labels"]
        found[labels["order82.host"]] = Container(
            host=labels["order82.host"],
            name=entry["Names"][0],
            checkout=labels["order82.checkout"],
            spec=labels["order82.spec"],
            virtual=labels.get("order82.virtual") == "True",
            pid=entry["Pid"],
            says_running=entry["State"] == "running",
            was_finished=is_finished(lab, labels["order82.host"], entry["Id"]),
        )
    return found


def finished_file(lab: str, host: str) -> Path:
    """The file that holds the identity of the container that was set up to the end."""
    return state_of(lab) / f"{host}.ready"


def is_finished(lab: str, host: str, identity: str) -> bool:
    """Whether this very container was set up to the end."""
    mark = finished_file(lab, host)
    return mark.exists() and mark.read_text() == identity


def run_words(lab: Lab, host: Host) -> list[str]:
    """The words after 'podman run' that make this host; their hash tells whether a container is still current."""
    name = name_of(lab.name, host.name)
    words = ["--detach", "--privileged", "--cgroupns=private", "--dns=none", "--log-driver=none"]
    words += [f"--name={name}", f"--hostname={host.name}", f"--pidfile={pid_file(lab.name, host.name)}"]
    for network, address in host.addresses.items():
        words.append(f"--network={networks.name_of(lab.name, network)}:ip={address},interface_name={network}")
    if host.virtual:
        return [*words, *machines.run_words(lab, host, f"{name}-journal")]
    words.append("--systemd=always")
    words += [f"--add-host={other}:{address}" for other, address in neighbours(lab, host).items()]
    words.append(f"--volume={name}-journal:/var/log/journal")
    words.append(f"--volume={MIRRORS / host.suite}:/srv/mirrors:ro")
    words.append(f"--volume={network_file(lab.name, host.name)}:/etc/lab-network:ro")
    return [*words, images.reference_of(host.image), "/sbin/init"]


def neighbours(lab: Lab, host: Host) -> dict[str, str]:
    """The addresses under which a host reaches the others."""
    return {other.name: other.address_for(host) for other in lab.hosts.values() if other.name != host.name}


def network_file(lab: str, host: str) -> Path:
    """The file that a host runs at every boot for its routes and sysctls."""
    return state_of(lab) / f"{host}.network"


def mirror_file(lab: str, host: str) -> Path:
    """The file that says which content of the mirror a host's apt knows."""
    return state_of(lab) / f"{host}.mirror"


def network_script(host: Host) -> str:
    """The text of that file."""
    lines = [f"sysctl -q -w {shlex.quote(f'{key}={value}')}" for key, value in sorted(host.sysctls.items())]
    lines += [f"ip route replace {shlex.quote(route['to'])} via {shlex.quote(route['via'])}" for route in host.routes]
    return "".join(f"{line}\n" for line in lines)


def spec_of(lab: Lab, host: Host) -> str:
    """A name for everything that makes this host what it is."""
    virtual = [str(mirror.folder(host.image))] if host.virtual else []  # a machine's mirror is a disk, made once
    made = [host.setup, *host.gives]
    return digest(*run_words(lab, host), network_script(host), *made, *sorted(lab.networks.values()), *virtual)


def start(lab: Lab, host: Host, public_key: str) -> None:
    """Make one host, wait until it has booted and answers, and set it up."""
    begun = time.monotonic()
    labels = {"lab": lab.name, "host": host.name, "checkout": str(CHECKOUT), "spec": spec_of(lab, host)}
    labels["virtual"] = str(host.virtual)
    words = [f"--label=order82.{key}={value}" for key, value in labels.items()]
    if host.virtual:
        machines.write_disks(lab, host, network_script(host), neighbours(lab, host), public_key)
    else:
        network_file(lab.name, host.name).write_text(network_script(host))
    remove_volume(name_of(lab.name, host.name))
    made = podman("run", *words, *run_words(lab, host), failing=f"starting {host.name}")
    if host.virtual:
        machines.wait(name_of(lab.name, host.name), host.name)
    enter(lab.name, host, FIRST_BOOT, failing=f"the boot of {host.name}", input=public_key)
    if not host.virtual:
        refuse_clock(lab.name, host)
    mirror_file(lab.name, host.name).unlink(missing_ok=True)  # of a host of this name that podman removed
    refresh_mirror(lab, host)
    if host.setup:
        enter(lab.name, host, f"set -eu\n{host.setup}", failing=f"lab_setup of {host.name}")
    fetch(lab, host)
    finished_file(lab.name, host.name).write_text(made.stdout.strip())
    say(f"  {host.name} is up after {time.monotonic() - begun:.1f} s ({host.image})")


def fetch(lab: Lab, host: Host) -> None:
    """Put the files that a host gives beside the lab's ssh_config, as HOST-NAME."""
    for path in host.gives:
        text = enter(lab.name, host, f"cat {shlex.quote(path)}", failing=f"reading {path} of {host.name}")
        file = lab.ssh_config.parent / f"{host.name}-{Path(path).name}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(text)


def enter(lab: str, host: Host, script: str, failing: str, **options: Any) -> str:
    """Run a shell script as root on a host and give its output."""
    words = exec_words(name_of(lab, host.name), host.virtual, ["bash", "-c", script])
    return podman(*words, failing=failing, **options).stdout


def exec_words(container: str, virtual: bool, command: list[str], *options: str) -> list[str]:
    """The words of podman that run a command as root on a host."""
    return ["exec", "-i", *options, container, *(machines.enter_words(command) if virtual else command)]


def refuse_clock(lab: str, host: Host) -> None:
    """Make sure that the host can't set this machine's clock, whatever podman made of our wish."""
    status = enter(lab, host, "grep CapBnd: /proc/1/status", failing=f"reading the capabilities of {host.name}")
    if int(status.split()[1], 16) >> 25 & 1:
        raise BaselineError(
            f"{host.name} could set this machine's clock: this podman does not drop CAP_SYS_TIME, use 4.3 or 5"
        )


def refresh_mirror(lab: Lab, host: Host) -> None:
    """Point the host's apt at the mirror's present content, so that a running host gets new packages.

    A virtual machine has its mirror on a disk, and is made anew where that is no longer the present one.
    """
    content = mirror.folder(host.image).name
    mark = mirror_file(lab.name, host.name)
    if mark.exists() and mark.read_text() == content:
        return
    script = "apt-get -qq update"
    if not host.virtual:
        script = f"ln -sfn mirrors/{content} /srv/mirror && {script}"
    enter(lab.name, host, script, failing=f"apt-get update on {host.name}")
    mark.write_text(content)


def remove_volume(name: str) -> None:
    """Remove what a host that is gone wrote, if anything: podman may have lost the container, and not its volume."""
    volume = f"{name}-journal"
    place = podman("volume", "inspect", "--format", "{{.Mountpoint}}", volume).stdout.strip()
    if place:
        # Files that a host made append-only or immutable are so for this machine too, and could not be removed.
        run(["chattr", "-R", "-f", "-a", "-i", place])
        podman("volume", "rm", "--force", volume, failing=f"removing the journal of {name}")


def remove(lab: str, containers: list[Container]) -> None:
    """Remove hosts with all they wrote."""
    if not containers:
        return
    names = [container.name for container in containers]
    # Of a container that was killed together with its monitor podman waits for a sign that never comes, gives up, and
    # then knows that it is dead: the second time it is removed.
    if podman("rm", "--force", "--time=0", *names).returncode:
        podman("rm", "--force", "--time=0", *names, failing=f"removing {' '.join(names)}")
    for name in names:
        remove_volume(name)
    for container in containers:
        for file in state_of(lab).glob(f"{container.host}.*"):
            file.unlink()
