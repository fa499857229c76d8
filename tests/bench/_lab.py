# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a lab that is up, as benches reach them: over SSH, as root."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
LONGEST = 600
"""Seconds after which a command on a host, or a wait for what is to come there, does not end any more."""


class Lab:
    """The hosts of an inventory, their variables, and the connections to them, which end with it."""

    def __init__(self, inventory: Path) -> None:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(inventory), "--list"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{inventory} can't be read: {done.stderr.strip()[-500:]}")
        self._listed = json.loads(done.stdout)
        self._stack = contextlib.ExitStack()
        self.inventory = inventory

    def __enter__(self) -> Lab:
        self._sockets = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="o82-"))
        return self

    def __exit__(self, *_exception: object) -> None:
        for socket in sorted(Path(self._sockets).iterdir()):
            self._ssh(socket.name, options=("-O", "exit"))
        self._stack.close()

    def group(self, name: str) -> list[str]:
        """The hosts that stand in a group itself."""
        return sorted(self._listed.get(name, {}).get("hosts", []))

    def variable(self, host: str, name: str, default: Any) -> Any:
        """What the inventory says, which is no template."""
        return self._listed["_meta"]["hostvars"].get(host, {}).get(name, default)

    def do(self, host: str, command: str, stdin: str = "", ok: tuple[int, ...] = (0,)) -> str:
        """Run a shell command as root and give back what it printed.

        :raises RuntimeError: it ended with another exit code than those in C(ok), or not within LONGEST.
        """
        try:
            done = self._ssh(host, "sudo", "sh", "-c", shlex.quote(command), stdin=stdin)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"{host}: not within {LONGEST} s: {command}") from error
        if done.returncode not in ok:
            raise RuntimeError(f"{host}: {command}\nended with {done.returncode}\n{done.stdout}{done.stderr}"[-3000:])
        return done.stdout

    def _ssh(
        self, host: str, *words: str, options: tuple[str, ...] = (), stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        if host not in self._listed["_meta"]["hostvars"]:
            raise RuntimeError(f"{self.inventory} knows no host '{host}'")
        config = CHECKOUT / ".cache" / "lab" / str(self.variable(host, "lab_name", "")) / "ssh_config"
        if not config.is_file():
            raise RuntimeError(
                f"the lab is not up: './baseline lab up -i {self.inventory}', and then './baseline site'"
            )
        shared = ("ControlMaster=auto", f"ControlPath={self._sockets}/%n", "ControlPersist=yes", "LogLevel=ERROR")
        settings = [word for one in shared for word in ("-o", one)]
        return subprocess.run(
            ["ssh", "-F", str(config), *settings, *options, host, *words],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST,
            check=False,
        )
