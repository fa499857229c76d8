# SPDX-License-Identifier: GPL-3.0-or-later
"""The base images: what a freshly installed Debian server is, and nothing that a role would install.

They are made by mmdebstrap from the machine's usual Debian mirror, so no container registry is needed, and are kept
under the hash of what makes them. A file gets its final name only when it is whole.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from ..errors import BaselineError
from ..paths import IMAGES
from ..process import last_lines, run
from ..progress import timed
from .inventory import SUITES
from .lock import waiting_for
from .namespace import podman

SCRIPT = Path(__file__).parent / "image.sh"
# fmt: off
PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "python3", "python3-apt", "openssh-server", "sudo", "iproute2",
    "iputils-ping", "netcat-openbsd", "ca-certificates", "procps", "less", "passwd", "login", "e2fsprogs", "kmod",
    "tzdata",
]
# fmt: on
# journald seals its files with libgcrypt, which only trixie's systemd does not depend on.
ALSO = {"bookworm": [], "trixie": ["libgcrypt20"]}
SCRATCH = Path("/var/tmp")  # apt's own user must be able to read there, as it can't in root's home
KEPT = ("var/lib/dpkg/status", "etc/apt/sources.list")


def digest(*parts: str | bytes) -> str:
    """A short name for content: equal parts give the same name."""
    hashed = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hashed.update(len(data).to_bytes(8, "big") + data)
    return hashed.hexdigest()[:12]


def packages_of(suite: str) -> list[str]:
    """The packages that are in a suite's base image."""
    return [*PACKAGES, *ALSO[suite]]


def folder_of(image: str) -> Path:
    """Where an image's files are: root.tar, and what mirror.py needs to know about it."""
    suite = SUITES[image]
    return IMAGES / f"{suite}-{digest(suite, ' '.join(packages_of(suite)), SCRIPT.read_bytes())}"


def reference_of(image: str) -> str:
    """The image's name in podman."""
    return f"localhost/order82-{image}:{folder_of(image).name.split('-')[-1]}"


def ensure(image: str) -> None:
    """Have the image in podman: import it, and build it before if no file has it."""
    reference = reference_of(image)
    if podman("image", "exists", reference).returncode == 0 and folder_of(image).is_dir():
        return
    with waiting_for(f"image-{image}"):
        if not folder_of(image).is_dir():
            with timed(f"building the {image} image ({SUITES[image]})"):
                build(image)
        if podman("image", "exists", reference).returncode != 0:
            changes = ("--change", 'CMD ["/sbin/init"]')
            podman("import", *changes, folder_of(image) / "root.tar", reference, failing=f"importing the {image} image")
            drop_older(image)


def build(image: str) -> None:
    """Make the image's folder beside its final name, then rename it."""
    suite, final = SUITES[image], folder_of(image)
    half = final.with_name(f"{final.name}.half")
    scratch = SCRATCH / f"order82-{image}"
    for folder in (half, scratch):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    hooks = [f'--customize-hook=copy-out "/{path}" "{half}"' for path in KEPT]
    hooks.append(f'--customize-hook=sh "{SCRIPT}" "$1"')
    include = f"--include={','.join(packages_of(suite))}"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", include, *hooks, suite, half / "root.tar"]
    result = run(command, env=os.environ | {"TMPDIR": str(scratch)})
    shutil.rmtree(scratch)
    if result.returncode:
        shutil.rmtree(half)
        errors = "\n".join(line for line in result.stderr.splitlines() if line.startswith("E:"))
        raise BaselineError(f"mmdebstrap could not build the {image} image: {last_lines(errors or result.stderr)}")
    half.rename(final)
    drop_others(final, suite)


def drop_older(image: str) -> None:
    """Remove from podman the image's versions without files, but for those that a host still uses."""
    suite, name = SUITES[image], reference_of(image).rsplit(":", 1)[0]
    listed = podman("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={name}").stdout.split()
    for other in listed:
        if not (IMAGES / f"{suite}-{other.rsplit(':', 1)[1]}").is_dir():
            podman("image", "rm", other)


def drop_others(final: Path, suite: str) -> None:
    """Remove the files of the suite's earlier images, but for the last: another checkout may be at that one."""
    made = sorted(final.parent.glob(f"{suite}-*"), key=lambda folder: folder.stat().st_mtime)
    for old in made[:-2]:
        shutil.rmtree(old)
