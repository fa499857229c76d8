# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages: those of all measures of a host in one transaction, and no daemon started before it is configured."""

from __future__ import annotations

import contextlib
import os
import re
import time

from .. import processes
from . import paths
from .errors import StateError
from .host import run

_SECONDS = 1800
"""So long apt-get may take."""
_BUSY_SECONDS = 600
"""So long is waited for another that installs or fetches, such as unattended-upgrades."""
_BUSY = re.compile("Could not get lock|(was|is) locked by another process")
"""apt-get(8) waits for dpkg's lock alone, not for those of its lists and archives; dpkg and debconf wait for none."""
_BUSY_LOOK_SECONDS = 1
_FAILED = re.compile(r"[EW]: Failed to fetch (\S+?)/(?:\./)?(?:In)?Release\S*  (.*?)\s*$", re.MULTILINE)
_DEAD_SECONDS = 10
"""So long a package source may be silent. Of one that is dead two files are asked for."""
_APT = [
    "apt-get",
    "--quiet=2",
    "--yes",
    "-o",
    "Dpkg::Options::=--force-confdef",
    "-o",
    "Dpkg::Options::=--force-confold",
]
_APT += ["-o", "DPkg::Lock::Timeout=%d" % _BUSY_SECONDS]
_UPDATE = ["apt-get", "--quiet=2", "-o", "Acquire::Retries=0", "-o", "APT::Update::Error-Mode=any"]
_UPDATE += ["-o", "Acquire::http::Timeout=%d" % _DEAD_SECONDS, "-o", "Acquire::https::Timeout=%d" % _DEAD_SECONDS]
_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "l"}
_POLICY = "/usr/sbin/policy-rc.d"
_OURS = b"#!/bin/sh\n# order82.baseline: no daemon starts before it is configured\nexit 101\n"
_KEPT = _POLICY + ".order82-kept"


def missing(host, wanted):
    """Those of the packages that are not installed, only half, or in a version that is too old."""
    return [entry for entry in wanted if not _is_enough(host.packages.get(entry["name"]), entry["at_least"])]


def _is_enough(version, least):
    if version is None or not least:
        return version is not None
    return processes.run(["dpkg", "--compare-versions", version, "ge", least]).returncode == 0


def divert(host, wanted, check):
    """Set files of packages aside, also before their package is there.

    :return: sentences on what was done.
    """
    done = []
    for path in wanted:
        aside = path + ".dpkg-dist"
        if host.diversions.get(path) == aside:
            continue
        done.append("set %s of its package aside" % path)
        if not check:
            run(["dpkg-divert", "--quiet", "--local", "--rename", "--divert", aside, "--add", path])
    return done


def undivert(host, gone, check=False):
    """Give files of packages their names back.

    :return: sentences on what was done.
    """
    done = []
    for path in gone:
        if host.diversions.get(path) == path + ".dpkg-dist":
            done.append("gave %s back to its package" % path)
            if not check:
                run(["dpkg-divert", "--quiet", "--local", "--rename", "--remove", path])
    return done


def install(host, wanted, debconf, check):
    """Install what is missing, in one transaction for each release that packages are taken from.

    :param list wanted: dicts with C(name), C(release) (empty for the host's own), C(at_least) (a version) and
        C(otherwise) (the sentence for where it can't be had).
    :param list debconf: lines for debconf-set-selections(1), for packages that are not there yet.
    :return: sentences on what was done.
    """
    lacking = missing(host, wanted)
    if not lacking:
        return []
    names = list(dict.fromkeys(entry["name"] for entry in lacking))
    if not check:
        if None in host.packages.values():
            patiently(["dpkg", "--configure", "-a"])
        complaint = refresh()
        answer(debconf, names)
        with nothing_started():
            for release in dict.fromkeys(entry["release"] for entry in lacking):
                words = ["--target-release", release] if release else []
                chosen = [entry for entry in lacking if entry["release"] == release]
                _apt_install([*words, *dict.fromkeys(entry["name"] for entry in chosen)], chosen, complaint)
        host.forget()
        still = missing(host, wanted)
        if still:
            raise StateError(
                still[0]["otherwise"] or "apt-get did not install %s: see what it says by hand" % still[0]["name"]
            )
        if complaint:
            return ["installed " + " ".join(names), complaint]
    return ["installed " + " ".join(names)]


def patiently(argv):
    """Run a program that changes what is installed; another that does so is waited for.

    :raises StateError: as C(host.run); and where the other one does not end, with the words that name it.
    """
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return run(argv, _SECONDS, _ENVIRONMENT)
        except StateError as error:
            if not _BUSY.search(str(error)) or time.monotonic() > until:
                raise
        time.sleep(_BUSY_LOOK_SECONDS)


def _apt_install(words, chosen, complaint):
    try:
        patiently([*_APT, "install", *words])
    except StateError as error:
        said = "%s %s" % (error, complaint)
        because = [entry["otherwise"] for entry in chosen if entry["otherwise"]]
        raise StateError("%s (%s)" % (because[0], said) if because else said.strip()) from error


def refresh():
    """Fetch the lists of the package sources.

    One source that can't be reached is no reason not to install from the others.

    :return: a sentence that names those that could not be read, or nothing.
    """
    try:
        patiently([*_UPDATE, "update"])
    except StateError as error:
        failed = dict(_FAILED.findall(str(error)))
        if not failed:
            return str(error)
        return "could not read the package source " + ", nor ".join("%s (%s)" % one for one in failed.items())
    return ""


def answer(lines, names):
    """Answer beforehand what packages would ask (debconf)."""
    lines = [line for line in lines if line.split()[0] in names]
    if lines:
        path = "/var/lib/order82/debconf"
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        paths.write(path, ("\n".join(lines) + "\n").encode())
        try:
            patiently(["debconf-set-selections", path])
        finally:
            os.unlink(path)


@contextlib.contextmanager
def nothing_started():
    """Have no package start its daemon (policy-rc.d, invoke-rc.d(8)).

    A run that was broken off leaves our file there, and the host's own under another name: the next one finds both.
    """
    if os.path.exists(_POLICY) and not _is_ours():
        os.replace(_POLICY, _KEPT)
    paths.write(_POLICY, _OURS, 0o755)
    try:
        yield
    finally:
        put_back_policy()


def _is_ours():
    with open(_POLICY, "rb") as file:
        return file.read(len(_OURS) + 1) == _OURS


def put_back_policy():
    """Take away what a run that was broken off left."""
    if os.path.exists(_POLICY) and _is_ours():
        os.unlink(_POLICY)
    if os.path.exists(_KEPT):
        os.replace(_KEPT, _POLICY)


def refuse_to_purge(host, entries):
    """Stop before anything is removed where somebody's own package would go with it; those that came along may go.

    :raises StateError: it names the package.
    """
    there = [entry["name"] for entry in entries if entry["name"] in host.packages]
    if not there:
        return
    planned = run([*_APT, "--simulate", "purge", *there], _SECONDS, _ENVIRONMENT)
    others = sorted(set(re.findall(r"^(?:Remv|Purg) (\S+)", planned, re.MULTILINE)) - set(there))
    came_along = run(["apt-mark", "showauto", *others]).split() if others else []
    wanted = [name for name in others if name not in came_along]
    if wanted:
        raise StateError(
            "%s can't be removed: %s, which somebody installed, would go too; remove that first, or keep the measure"
            % (there[0], ", ".join(wanted))
        )


def purge(host, entries, check=False):
    """Remove packages, with their settings where the state does not say that they stay.

    :return: sentences on what was done.
    :raises StateError: as L(refuse_to_purge).
    """
    refuse_to_purge(host, entries)
    there = [entry for entry in entries if entry["name"] in host.packages]
    for verb in ("remove", "purge"):
        names = [entry["name"] for entry in there if entry.get("purge", True) == (verb == "purge")]
        if names and not check:
            patiently([*_APT, verb, *names])
            host.forget()
    return ["removed " + " ".join(entry["name"] for entry in there)] if there else []
