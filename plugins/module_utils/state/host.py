# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host has now, asked once however many roles ask: packages, accounts, systemd's units."""

from __future__ import annotations

import contextlib
import functools
import grp
import pwd
import subprocess

from .. import journal, processes
from .errors import StateError

_LONGEST = 16000
"""So many characters of what was done are put on record in one text."""

PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "MainPID",
    "UnitFileState",
    "FragmentPath",
    "DropInPaths",
    "FreezerState",
    "NeedDaemonReload",
    "NextElapseUSecRealtime",
    "NextElapseUSecMonotonic",
    "NRestarts",
    "ControlGroup",
    "Job",
)


def run(argv, seconds=processes.SECONDS, environment=None, ok=(0,)):
    """Run a program and give back what it printed, as text.

    :raises StateError: it is not there, took too long, or ended with another code than those in C(ok).
    """
    try:
        done = processes.run(argv, seconds, environment)
    except FileNotFoundError as error:
        raise StateError("there is no program '%s' here: install it" % argv[0]) from error
    except subprocess.TimeoutExpired as error:
        raise StateError("'%s' did not end within %d s: see what it waits for" % (" ".join(argv), seconds)) from error
    if done.returncode not in ok:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        raise StateError("'%s' ended with code %d: %s" % (" ".join(argv), done.returncode, said[-1500:]))
    return done.stdout.decode("utf-8", "replace")


def note(text):
    """Put on record what is done to this host, as Ansible's own modules do: maintenance (article 7(3)).

    A host that has no journal yet can still be given one.
    """
    with contextlib.suppress(OSError):
        journal.write("ansible-host_state", text.replace("\n", " ")[:_LONGEST])


class Host:
    """Looks when it is first asked, and remembers until something has changed."""

    def __init__(self):
        self._units = {}

    @functools.cached_property
    def packages(self):
        """Name to version of every package that is installed, and to None of one that is only half there."""
        found, name, status, version = {}, None, "", None
        with open("/var/lib/dpkg/status", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("Package: "):
                    name = line[9:].strip()
                elif line.startswith("Status: "):
                    status = line[8:].split()
                elif line.startswith("Version: "):
                    version = line[9:].strip()
                elif line == "\n" and name:
                    if status[1:] == ["ok", "installed"]:
                        found[name] = version
                    elif status[2:] not in (["not-installed"], ["config-files"]):
                        found[name] = None
                    name = version = None
        return found

    @functools.cached_property
    def diversions(self):
        """Path to the path to which dpkg writes instead, of the local diversions (dpkg-divert(1))."""
        with open("/var/lib/dpkg/diversions", encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        return {path: to for path, to, by in zip(lines[::3], lines[1::3], lines[2::3]) if by == ":"}

    def uid(self, name):
        """The number of an account, or None where there is none."""
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            return None

    def gid(self, name):
        """The number of a group, or None where there is none."""
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            return None

    def units(self, names):
        """Unit to its properties, of which PROPERTIES tells the names (systemctl show)."""
        unknown = [name for name in dict.fromkeys(names) if name not in self._units]
        if unknown:
            shown = run(["systemctl", "show", "--property", ",".join(PROPERTIES), "--", *unknown])
            blocks = shown.strip("\n").split("\n\n")
            if len(blocks) != len(unknown):
                raise StateError("systemctl show told of %d of %d units: ask it by hand" % (len(blocks), len(unknown)))
            for name, block in zip(unknown, blocks):
                values = dict(line.partition("=")[::2] for line in block.splitlines())
                self._units[name] = {key: values.get(key, "") for key in PROPERTIES}
        return {name: self._units[name] for name in names}

    def forget(self):
        """Something was changed: look again."""
        self._units.clear()
        for name in ("packages", "diversions"):
            self.__dict__.pop(name, None)
