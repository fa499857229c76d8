# SPDX-License-Identifier: GPL-3.0-or-later
"""The base images: what a freshly installed Debian server is, and nothing that a role would install.

Each release has one for containers and one for virtual machines; one more is for the containers that these run in, and
one gives nothing but their kernel. They are made by mmdebstrap from the machine's usual Debian mirror, so no container
registry is needed, and are kept under the hash of what makes them. A file gets its final name only when it is whole.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..errors import BaselineError
from ..paths import IMAGES
from ..process import last_lines, run
from ..progress import timed
from .inventory import SUITES
from .lock import waiting_for
from .namespace import podman

HERE = Path(__file__).parent
# fmt: off
PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "python3", "python3-apt", "openssh-server", "sudo", "iproute2",
    "iputils-ping", "netcat-openbsd", "ca-certificates", "procps", "less", "passwd", "login", "e2fsprogs", "kmod",
    "tzdata",
]
# fmt: on
# journald seals its files with libgcrypt, which only trixie's systemd does not depend on.
ALSO = {"bookworm": [], "trixie": ["libgcrypt20"]}
DEVICES = ["udev"]
COMPILER = ["linux-source-6.12", "gcc", "libc6-dev", "make", "flex", "bison", "bc", "kmod", "xz-utils"]
KERNEL = "kernel"
"""The image in which the kernel of virtual machines is made, and of which nothing else is kept."""
AROUND = ["iproute2", "netcat-openbsd", "openssh-client"]
BOX = "box"
"""The image of the containers in which virtual machines run."""
MACHINE = "-machine"
"""What stands after a release's name in the name of its image for virtual machines."""
SCRATCH = Path("/var/tmp")  # apt's own user must be able to read there, as it can't in root's home
KEPT = ("var/lib/dpkg/status", "etc/apt/sources.list")


def digest(*parts: str | bytes) -> str:
    """A short name for content: equal parts give the same name."""
    hashed = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hashed.update(len(data).to_bytes(8, "big") + data)
    return hashed.hexdigest()[:12]


@dataclass(frozen=True)
class Recipe:
    """What makes an image: a release's packages, and scripts that get its root and its folder when these are in it."""

    suite: str
    packages: list[str]
    scripts: list[Path]
    whole: bool = True
    """Whether all of it is kept, or only what a script puts into the folder."""

    @property
    def content(self) -> str:
        """A name for what it makes."""
        return digest(self.suite, " ".join(self.packages), *(script.read_bytes() for script in self.scripts))


def recipe_of(image: str) -> Recipe:
    """The recipe of an image."""
    if image == KERNEL:
        return Recipe("trixie", COMPILER, [HERE / "kernel.sh"], whole=False)
    if image == BOX:
        return Recipe("trixie", AROUND, [HERE / "uml.sh"])
    suite = SUITES[image.removesuffix(MACHINE)]
    usual = [*PACKAGES, *ALSO[suite]]
    if image.endswith(MACHINE):
        return Recipe(suite, [*usual, *DEVICES], [HERE / "image.sh", HERE / "machine.sh"])
    return Recipe(suite, usual, [HERE / "image.sh"])


def folder_of(image: str) -> Path:
    """Where an image's files are: root.tar, and what mirror.py needs to know about it."""
    return IMAGES / f"{image}-{recipe_of(image).content}"


def reference_of(image: str) -> str:
    """The image's name in podman."""
    return f"localhost/order82-{image}:{recipe_of(image).content}"


def ensure(image: str) -> None:
    """Have the image in podman: import it, and build it before if no file has it."""
    reference = reference_of(image)
    if podman("image", "exists", reference).returncode == 0 and folder_of(image).is_dir():
        return
    with waiting_for(f"image-{image}"):
        ensure_files(image)
        if podman("image", "exists", reference).returncode != 0:
            changes = ("--change", 'CMD ["/sbin/init"]')
            podman("import", *changes, folder_of(image) / "root.tar", reference, failing=f"importing the {image} image")
            drop_older(image)


def ensure_files(image: str) -> None:
    """Have the image's folder. Who calls holds the image's lock."""
    if not folder_of(image).is_dir():
        with timed(f"building the {image} image ({recipe_of(image).suite})"):
            build(image)


def build(image: str) -> None:
    """Make the image's folder beside its final name, then rename it."""
    recipe, final = recipe_of(image), folder_of(image)
    half = final.with_name(f"{final.name}.half")
    scratch = SCRATCH / f"order82-{image}"
    for folder in (half, scratch):
        shutil.rmtree(folder, ignore_errors=True)  # usually there is none; what can't go makes mkdir fail
        folder.mkdir(parents=True)
    hooks = [f'--customize-hook=copy-out "/{path}" "{half}"' for path in KEPT if recipe.whole]
    hooks += [f'--customize-hook=sh "{script}" "$1" "{half}"' for script in recipe.scripts]
    include = f"--include={','.join(recipe.packages)}"
    target = [half / "root.tar"] if recipe.whole else ["--format=null", "/dev/null"]
    # What it mounts goes with it, even where it is killed: mounts that stay would keep the next build from this place.
    command = ["unshare", "--mount", "mmdebstrap", "--quiet", "--variant=minbase"]
    command += [include, *hooks, recipe.suite, *target]
    result = run(command, env=os.environ | {"TMPDIR": str(scratch)})
    shutil.rmtree(scratch)
    if result.returncode:
        shutil.rmtree(half)
        errors = "\n".join(line for line in result.stderr.splitlines() if line.startswith("E:"))
        raise BaselineError(f"mmdebstrap could not build the {image} image: {last_lines(errors or result.stderr)}")
    half.rename(final)
    drop_others(final, image)


def drop_older(image: str) -> None:
    """Remove from podman the image's versions without files, but for those that a host still uses."""
    name = reference_of(image).rsplit(":", 1)[0]
    listed = podman("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={name}").stdout.split()
    for other in listed:
        if not (IMAGES / f"{image}-{other.rsplit(':', 1)[1]}").is_dir():
            podman("image", "rm", other)


def drop_others(final: Path, image: str) -> None:
    """Remove the files of the image's earlier versions, but for the last: another checkout may be at that one."""
    made = sorted(final.parent.glob(f"{image}-{'[0-9a-f]' * 12}"), key=lambda folder: folder.stat().st_mtime)
    for old in made[:-2]:
        shutil.rmtree(old)
