# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the measures' packages that are not as dpkg knows them (dpkg(1), --verify)."""

from __future__ import annotations

import os

from .. import processes

SECONDS = 120
"""So long dpkg may read; the observer laid_down has half a minute more."""
_INFO = "/var/lib/dpkg/info"
FOLDERS = ("/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/bin/", "/sbin/", "/lib/")
"""How the paths of programs begin."""


def altered(packages):
    """Not what a site may change (settings) or leave out (manuals).

    :param packages: their names.
    :return: list of paths, sorted.
    :raises OSError, subprocess.TimeoutExpired: dpkg can't be asked.
    """
    if not packages:
        return []
    done = processes.run(["dpkg", "--verify", *sorted(packages)], SECONDS)
    lines = [line.split() for line in done.stdout.decode("utf-8", "replace").splitlines()]
    return sorted({words[-1] for words in lines if words and words[-1].startswith(FOLDERS) and "c" not in words[1:-1]})


def brought_by(packages, folder=_INFO):
    """The programs that packages brought: path, as it really is, to the package's name.

    A package that is not there brings nothing. C(/bin) and the like are links into C(/usr).
    """
    found, real = {}, {}
    for package in packages:
        for path in _listed(folder, package):
            above = os.path.dirname(path)
            if above not in real:
                real[above] = os.path.realpath(above)
            found[os.path.join(real[above], os.path.basename(path))] = package
    return found


def _listed(folder, package):
    """What dpkg lists of a package and is a program: what lies there, and is no folder."""
    names = [package] + [one[:-5] for one in _of_an_architecture(folder, package)]
    for name in names:
        try:
            with open(os.path.join(folder, name + ".list"), encoding="utf-8", errors="surrogateescape") as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        above = {os.path.dirname(line) for line in lines}
        return [line for line in lines if line.startswith(FOLDERS) and line not in above]
    return []


def _of_an_architecture(folder, package):
    try:
        return [name for name in os.listdir(folder) if name.startswith(package + ":") and name.endswith(".list")]
    except OSError:
        return []
