# SPDX-License-Identifier: GPL-3.0-or-later
"""The package mirror: every package that a role may install, with all it depends on, as files on this machine.

Hosts of the lab have no network path to a Debian mirror, and need none: their only apt source is this folder. What is
in it follows the packages in the roles' state.yml, so a role that needs a new one only names it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from ..errors import BaselineError
from ..paths import CHECKOUT, DEBS, MIRRORS
from ..process import run
from ..progress import say, timed
from .images import digest, folder_of
from .inventory import SUITES
from .lock import waiting_for

# What the lab itself and its tests install: 'sl' is a harmless package for a test to put in and take out.
LAB_PACKAGES = [
    "chrony",
    "conntrack",
    "curl",
    "dnsmasq",
    "faketime",
    "freeradius",
    "freeradius-utils",
    "hping3",
    "mariadb-server",
    "nftables",
    "nginx",
    "nmap",
    "opensmtpd",
    "postgresql",
    "sl",
    "slapd",
    "tcpdump",
    "udhcpc",
]
FORMAT = "3"
"""Changed when a mirror of the same packages must be made anew."""
RELEASE_FILE = re.compile(r"(?P<distribution>[a-z]+)-?(?P<version>\d+(\.\d+)?)?")
URI_LINE = re.compile(r"^'(?P<uri>[^']+)' (?P<file>\S+) \d+ (?P<hash>\S+)$", re.MULTILINE)
VARIABLE = re.compile(r"\{\{ (\w+) \}\}")
BACKPORTS = "backports"
"""The part of a mirror that apt sees as the release's backports: what states name with that release."""
BACKPORTED = re.compile(r"~bpo\d")
EPOCH = re.compile(r"_\d+%3a")
"""In a file's name it would be read as an escaped character of the file's address."""
APT_SETTINGS = """\
Dir "{work}";
Dir::State::status "{base}/status";
Dir::Etc::sourcelist "{work}/sources.list";
Dir::Etc::trustedparts "/usr/share/keyrings";
Dir::Cache::archives "{pool}";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "true";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::ForceHash "SHA256";
"""


def wanted(image: str, roles: Path = CHECKOUT / "roles") -> list[str]:
    """The packages that the roles and the lab want on hosts with this image; name/RELEASE is to come from there."""
    names = set(LAB_PACKAGES)
    for state in roles.glob("*/state.yml"):
        names.update(packages_in(yaml.safe_load(state.read_text()), values_for(state.parent, image)))
    return sorted(names)


def values_for(role: Path, image: str) -> dict[str, Any]:
    """What a role says in its vars of hosts with this image."""
    found: dict[str, Any] = {}
    for file in sorted(role.glob("vars/*.yml"), key=lambda path: path.stem != "main"):
        if is_for(file.stem, image):
            found.update(yaml.safe_load(file.read_text()) or {})
    return found


def is_for(stem: str, image: str) -> bool:
    """Whether a variables file's name ('main', 'debian', 'debian-12', 'ubuntu-24.04') means hosts with this image."""
    found = RELEASE_FILE.fullmatch(stem.lower())
    if stem == "main" or found is None:
        return True
    return f"{found['distribution']}{found['version'] or ''}" in (image, image.rstrip("0123456789"))


def packages_in(state: Any, values: dict[str, Any]) -> Iterable[str]:
    """The packages of a state.yml, whatever their conditions; name/RELEASE where they come from another release.

    :param values: what a name or a list that stands there as a variable is.
    """

    def filled(text: Any) -> Any:
        name = VARIABLE.fullmatch(text) if isinstance(text, str) else None
        return values.get(name[1], []) if name else text

    for given in (state or {}).get("packages", []):
        entry = {"name": given} if isinstance(given, str) else given
        release = filled(entry.get("release", ""))
        for name in filled(entry["each"]) if "each" in entry else [filled(entry["name"])]:
            yield f"{name}/{release}" if release else name


def folder(image: str) -> Path:
    """Where the mirror for an image lies; its name says what is in it."""
    content = digest(FORMAT, folder_of(image).name, *wanted(image))
    return MIRRORS / SUITES[image] / content


def ensure(image: str) -> Path:
    """Have the mirror: the finished folder."""
    final = folder(image)
    if not final.is_dir():
        with waiting_for(f"mirror-{SUITES[image]}"):
            if not final.is_dir():
                with timed(f"collecting packages for {image} ({len(wanted(image))} and what they depend on)"):
                    build(image, final)
    return final


def build(image: str, final: Path) -> None:
    """Download what is new, then put the index and links to the files in a folder that gets its name last."""
    suite = SUITES[image]
    work = MIRRORS / f"{suite}.apt"
    pool = DEBS / suite
    settings = apt_settings(image, work, pool)
    run(["apt-get", "-qq", "update"], failing=f"apt-get update for {suite}", env=settings)
    files = {}
    for package in wanted(image):
        files.update(closure(package, suite, settings))
    new = {name: found for name, found in files.items() if not (pool / name).exists()}
    if new:
        say(f"{suite}: downloading {len(new)} of {len(files)} packages")
        triples = [word for name, (uri, checksum) in new.items() for word in (uri, str(pool / name), checksum)]
        run(["/usr/lib/apt/apt-helper", "download-file", *triples], failing=f"downloading for {suite}", env=settings)
    half = final.with_name(f"{final.name}.half")
    shutil.rmtree(half, ignore_errors=True)  # usually there is none; what can't go makes mkdir fail
    (half / BACKPORTS).mkdir(parents=True)
    for name in files:
        os.link(pool / name, (half / BACKPORTS if BACKPORTED.search(name) else half) / EPOCH.sub("_", name))
    index(half / BACKPORTS, f"{suite}-backports")
    index(half, suite)
    half.rename(final)
    drop_others(final, pool)


def index(part: Path, release: str) -> None:
    """Write what apt reads of a folder of packages. Backports are taken where somebody asks for them."""
    shy = [
        "-o",
        "APT::FTPArchive::Release::NotAutomatic=yes",
        "-o",
        "APT::FTPArchive::Release::ButAutomaticUpgrades=yes",
    ]
    named = [word for key in ("Suite", "Codename") for word in ("-o", f"APT::FTPArchive::Release::{key}={release}")]
    packages = [path.name for path in part.iterdir() if path.is_file()]
    made = run(["apt-ftparchive", "packages", "."], failing=f"indexing the packages for {release}", cwd=part)
    # What lies in a folder below has an index of its own.
    stanzas = [one for one in made.stdout.split("\n\n") if f"Filename: ./{BACKPORTS}/" not in one]
    (part / "Packages").write_text("\n\n".join(stanzas) if packages else "")
    words = [*named, *(shy if part.name == BACKPORTS else [])]
    (part / "Release").write_text(
        run(["apt-ftparchive", *words, "release", "."], failing=f"the release file of {release}", cwd=part).stdout
    )


def apt_settings(image: str, work: Path, pool: Path) -> dict[str, str]:
    """An environment in which apt sees the image's packages and sources and nothing of this machine's."""
    for path in (work / "var/lib/apt/lists/partial", work / "etc/apt/apt.conf.d", work / "etc/apt/preferences.d"):
        path.mkdir(parents=True, exist_ok=True)
    (pool / "partial").mkdir(parents=True, exist_ok=True)
    architecture = run(["dpkg", "--print-architecture"], failing="dpkg").stdout.strip()
    sources = (folder_of(image) / "sources.list").read_text()
    if any("/" in package for package in wanted(image)):
        lines = [line for line in sources.splitlines() if line.split()[2:3] == [SUITES[image]]]
        sources += "".join(f"{line.replace(f' {SUITES[image]} ', f' {SUITES[image]}-backports ')}\n" for line in lines)
    (work / "sources.list").write_text(sources)
    config = work / "apt.conf"
    config.write_text(APT_SETTINGS.format(work=work, base=folder_of(image), pool=pool, architecture=architecture))
    return os.environ | {"APT_CONFIG": str(config), "LC_ALL": "C"}


def closure(package: str, suite: str, settings: dict[str, str]) -> dict[str, tuple[str, str]]:
    """The files that installing one package on a fresh host needs: name -> address and checksum.

    Each package is asked for alone, since two roles may well need packages that exclude each other.
    """
    package, _, release = package.partition("/")
    target = ["--target-release", release] if release else []
    empty = ["-o", "Dir::Cache::archives=/nonexistent/"]
    result = run(["apt-get", "install", "--yes", "--print-uris", *empty, *target, package], env=settings)
    if result.returncode:
        reasons = [line for line in result.stderr.splitlines() if line.startswith("E:")]
        raise BaselineError(
            f"the package {package} can't be had for {suite}: {' '.join(reasons) or result.stderr.strip()}"
        )
    return {match["file"]: (match["uri"], match["hash"]) for match in URI_LINE.finditer(result.stdout)}


def drop_others(final: Path, pool: Path) -> None:
    """Keep the newest few mirrors, since running hosts may use one of them, and the files that these hold."""
    mirrors = sorted((path for path in final.parent.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for old in mirrors[:-4]:
        shutil.rmtree(old)
    for file in pool.glob("*.deb"):
        if file.stat().st_nlink == 1:
            file.unlink()
