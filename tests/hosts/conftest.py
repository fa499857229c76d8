# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of a lab, as their tests see them: from outside, over SSH, as an administrator would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]


class Lab:
    """The lab of a molecule scenario; `ORDER82_SCENARIO` names it where molecule does not."""

    def __init__(self) -> None:
        self.scenario = os.environ.get("MOLECULE_SCENARIO_NAME") or os.environ["ORDER82_SCENARIO"]
        self.inventory = CHECKOUT / "molecule" / self.scenario / "inventory"
        variables = yaml.safe_load((self.inventory / "hosts.yml").read_text())["all"]["vars"]
        self.unproved: list[str] = variables.get("lab_unproved", [])
        self.ssh_config = CHECKOUT / ".cache" / "lab" / variables["lab_name"] / "ssh_config"
        self._hosts: dict[str, Any] = {}

    def host(self, name: str) -> Any:
        """A host, on which commands run as root."""
        if name not in self._hosts:
            self._hosts[name] = testinfra.get_host(f"ssh://{name}", ssh_config=str(self.ssh_config), sudo=True)
        return self._hosts[name]

    def managed(self) -> list[str]:
        """The hosts on which the collection is applied."""
        listed = subprocess.run(
            ["ansible-inventory", "-i", str(self.inventory), "--list"], capture_output=True, text=True, check=True
        )
        groups = json.loads(listed.stdout)
        unmanaged = set(groups["unmanaged"]["hosts"])
        return sorted(set(groups["_meta"]["hostvars"]) - unmanaged)

    def do(self, name: str, command: str, ok: tuple[int, ...] = (0,)) -> str:
        """Run a shell command as root and give back what it printed.

        :raises AssertionError: another exit code than those in `ok`; the message has both outputs.
        """
        done = self.host(name).run(command)
        assert done.rc in ok, f"{name}: {command}\nended with {done.rc}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def baseline(self, *words: str) -> None:
        """Run ./baseline lab WORDS on this lab."""
        command = [str(CHECKOUT / "baseline"), "lab", words[0], "-i", str(self.inventory), *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    def restart(self, name: str) -> None:
        """Restart a host, as by its power button, and wait until it has booted."""
        container = f"order82-{self.ssh_config.parent.name}-{name}"
        command = [str(CHECKOUT / "baseline"), "lab", "podman", "--", "restart", container]
        subprocess.run(command, check=True, capture_output=True)

        def booted() -> bool:
            try:
                return self.host(name).run("systemctl is-system-running").stdout.strip() in {"running", "degraded"}
            except RuntimeError:  # nobody to log in at yet
                return False

        until(90, booted, f"the boot of {name}")

    def hold(self, name: str, unit: str) -> None:
        """Start a service that ends by itself, and stop it in its tracks: it is under way until it is ended."""
        self.do(
            name,
            f"until systemctl start --no-block {unit}; sleep 0.2; systemctl kill --signal=STOP {unit}; sleep 1; "
            f'[ "$(systemctl is-active {unit})" = activating ]; do :; done',
        )

    def play(self, playbook: str, *words: str, ok: tuple[int, ...] = (0,)) -> str:
        """Run a playbook of the checkout on this lab and give back what it printed."""
        done = subprocess.run(
            ["ansible-playbook", playbook, "-i", str(self.inventory), *words],
            cwd=CHECKOUT,
            env=os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_FORCE_COLOR": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode in ok, f"{playbook} ended with {done.returncode}\n{done.stdout[-6000:]}"
        return done.stdout

    def apply(self, role: str, hosts: str, *words: str, ok: tuple[int, ...] = (0,)) -> str:
        """Apply one role of the collection, which is faster than the whole site, and give back what was printed.

        The shared parts (role order82) are in place since the site was applied, and are not seen to again.
        """
        play = {
            "hosts": hosts,
            "gather_facts": True,
            "gather_subset": ["!all", "!min", "distribution", "virtual"],
            "become": True,
            "force_handlers": True,
            "vars": {"_order82_seen_to": True, "_order82_group": {"changed": False}},
        }
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump([play | {"roles": [f"order82.baseline.{role}"]}], file)
            file.flush()
            return self.play(file.name, *words, ok=ok)

    def inspect(self, reports: Path, *words: str) -> dict[str, Any]:
        """Inspect the lab, and give back the result as the report has it."""
        self.play("playbooks/inspect.yml", "-e", f"order82_reports={reports}", *words, ok=(0, 2))
        return json.loads((reports / "latest" / "result.json").read_text())

    def records(self, collector: str, record_class: str, host: str, containing: str) -> list[str]:
        """The lines of a class and host on a collector that contain a text, of all days, the oldest first."""
        files = f"/srv/records/{record_class}/*/{host}.log"
        return self.do(collector, f"grep -haF -e '{containing}' {files}", ok=(0, 1)).splitlines()

    def order82(self, collector: str, *words: str) -> Any:
        """What `order82 WORDS --json` prints on a collector."""
        return json.loads(self.do(collector, f"order82 {' '.join(words)} --json"))


def changed(said: str) -> dict[str, str]:
    """How many tasks changed something, by host where any did, as a playbook's last lines have it.

    :raises AssertionError: there are no such lines.
    """
    recap = re.findall(r"^(\S+) +: .*changed=(\d+)", said, re.MULTILINE)
    assert recap, said[-2000:]
    return {host: number for host, number in recap if number != "0"}


def until(seconds: float, found: Callable[[], Any], what: str) -> Any:
    """Ask again until there is an answer, and give it back.

    :raises AssertionError: none came within `seconds`.
    """
    end = time.monotonic() + seconds
    while True:
        answer = found()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.3)


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()


@pytest.fixture
def mark() -> str:
    """A text that no earlier record contains."""
    return f"mark-{uuid.uuid4().hex[:12]}"
