# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with a kernel and a clock of their own: virtual machines, where a container shares both with this machine.

The machine's kernel is Linux as a program (kernel.sh): it needs no KVM, which is not everywhere and may not work where
it is, and its programs run on the real processor, as in no emulator. It runs in a container that holds nothing else, so
it has the networks, the process id and the end of any other host. Inside it each network's interface is bridged to the
machine's own, and one more link, which leads nowhere else, is for SSH.
"""

from __future__ import annotations

import hashlib
import io
import ipaddress
import shlex
import tarfile
import tempfile
import time
from pathlib import Path

from ..errors import BaselineError
from ..paths import state_of
from ..process import run
from ..progress import timed
from . import images, mirror
from .inventory import Host, Lab
from .lock import waiting_for
from .namespace import podman

FIRST_PROCESS = "linux"
"""The name of the container's first process."""
GUEST = "169.254.82.2"
"""The machine's address on the link for SSH; uml.sh and machine.sh have the same."""
DISK_BYTES = 8 << 30
BOOT_SECONDS = 300


def ensure(image: str) -> None:
    """Have what machines of a release need: the image around them, a disk with a fresh system, and its kernel."""
    images.ensure(images.BOX)
    ensure_kernel()
    name, disk = image + images.MACHINE, disk_of(image)
    with waiting_for(f"image-{name}"):
        images.ensure_files(name)
        if not disk.exists():
            with timed(f"making the disk of {name}"):
                make_disk(images.folder_of(name), disk)


def ensure_kernel() -> None:
    """Have the machines' kernel: it is made from its source, which takes two processors eight minutes, once."""
    with waiting_for(f"image-{images.KERNEL}"):
        images.ensure_files(images.KERNEL)


def disk_of(image: str) -> Path:
    """The disk with a fresh system, for the kernel whose modules are on it."""
    kernel = images.folder_of(images.KERNEL).name
    return images.folder_of(image + images.MACHINE) / f"{kernel}.disk"


def make_disk(folder: Path, disk: Path) -> None:
    """Turn a root file system into a disk, with the kernel's modules on it."""
    half = disk.with_suffix(".half")
    half.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=images.SCRATCH, prefix="order82-disk-") as scratch:
        run(["tar", "-C", scratch, "-xf", folder / "root.tar"], failing="unpacking the machine's system")
        modules = images.folder_of(images.KERNEL) / "modules.tar"
        run(["tar", "-C", f"{scratch}/usr", "-xf", modules], failing="unpacking the modules of the machine's kernel")
        make = ["mke2fs", "-q", "-F", "-t", "ext4", "-d", scratch, half, f"{DISK_BYTES >> 20}M"]
        run(make, failing="making the machine's disk")
    half.rename(disk)


def run_words(lab: Lab, host: Host, volume: str) -> list[str]:
    """The words after 'podman run' that are a machine's own; `volume` gets what it writes."""
    state = state_of(lab.name)
    words = [
        "--systemd=false",
        f"--volume={volume}:/machine",
        f"--volume={images.folder_of(images.KERNEL) / 'linux'}:/linux:ro",
        f"--volume={disk_of(host.image)}:/image/disk:ro",
        f"--volume={settings_file(lab.name, host.name)}:/settings:ro",
        f"--volume={mirror_file(lab.name, host.name)}:/mirror:ro",
        f"--volume={state / 'key'}:/key:ro",
        images.reference_of(images.BOX),
        "/usr/local/sbin/machine",
    ]
    return [*words, *(f"{network}={hardware_address(lab.name, host.name, network)}" for network in host.addresses)]


def hardware_address(*parts: str) -> str:
    """An address of an interface that no other has: by its lab, host and network."""
    hashed = hashlib.sha256("/".join(parts).encode()).hexdigest()
    return "52:54:00:" + ":".join(hashed[at : at + 2] for at in (0, 2, 4))


def settings_file(lab: str, host: str) -> Path:
    """The disk from which a machine learns at each boot who it is: a tar file."""
    return state_of(lab) / f"{host}.settings"


def mirror_file(lab: str, host: str) -> Path:
    """The disk with the machine's packages."""
    return state_of(lab) / f"{host}.packages"


def write_disks(lab: Lab, host: Host, network: str, neighbours: dict[str, str], public_key: str) -> None:
    """Write the two disks that a machine reads.

    :param network: the shell text of its routes and kernel parameters.
    """
    texts = {
        "hostname": f"{host.name}\n",
        "hosts": "127.0.0.1 localhost\n::1 localhost\n"
        + "".join(f"{address} {name}\n" for name, address in {host.name: "127.0.1.1", **neighbours}.items()),
        "authorized_keys": public_key,
        "network": addresses_script(lab, host) + network,
    }
    with tarfile.open(settings_file(lab.name, host.name), "w") as file:
        for name, text in texts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            file.addfile(entry, io.BytesIO(text.encode()))
    packages = mirror.folder(host.image)
    used = sum(file.stat().st_size for file in packages.rglob("*"))
    disk = mirror_file(lab.name, host.name)
    disk.unlink(missing_ok=True)
    size = f"{(used * 11 // 10 >> 20) + 32}M"
    run(
        ["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", packages, disk, size],
        failing=f"making the disk with the packages of {host.name}",
    )


def addresses_script(lab: Lab, host: Host) -> str:
    """Shell text that names a machine's interfaces after their networks, and gives them their addresses."""
    lines = []
    for number, (network, address) in enumerate(host.addresses.items(), start=1):
        length = ipaddress.ip_network(lab.networks[network]).prefixlen
        lines += [
            f"ip link set vec{number} name {network}",
            f"ip address add {address}/{length} dev {network}",
            f"ip link set {network} up",
        ]
    return "".join(f"{line}\n" for line in lines)


def enter_words(command: list[str]) -> list[str]:
    """The words that run a command as root in the machine, from within its container."""
    return ["/usr/local/sbin/enter", shlex.join(command)]


def wait(container: str, host: str) -> None:
    """Wait until somebody can log in."""
    end = time.monotonic() + BOOT_SECONDS
    while podman("exec", container, *enter_words(["true"])).returncode:
        if time.monotonic() > end:
            console = podman("exec", container, "tail", "-n", "5", "/console").stdout.strip()
            raise BaselineError(f"{host} has not booted within {BOOT_SECONDS} s; its console ends with: {console}")
        time.sleep(1)
