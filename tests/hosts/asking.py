# SPDX-License-Identifier: GPL-3.0-or-later
"""An inspection without Ansible: the checks get their values once, and hosts are asked over SSH, side by side.

It is the collection's own code: the observers as a program that a host reads (C(host_program)), and the judge. What
Ansible adds takes ten seconds. Once in each scenario it is done by Ansible, with a report (tests/hosts/every).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.order82.baseline.plugins.plugin_utils.host_answer import from_program, observations
from ansible_collections.order82.baseline.plugins.plugin_utils.host_program import OBSERVE, host_program
from ansible_collections.order82.baseline.plugins.plugin_utils.inspection import make_case
from ansible_collections.order82.baseline.plugins.plugin_utils.judge import judge
from ansible_collections.order82.baseline.plugins.plugin_utils.live_login import log_in

NO_SSH = 255  # the exit code of ssh where it did not get through
LOGINS = "live_logins"
"""The observer that is told from which logins there must be records."""
WAIT_SECONDS = 5
"""So long it waits for them: who asks here asks again."""
# As playbooks/inspect.yml, and then the values themselves and not a verdict.
RESOLVE = {
    "hosts": "all:!unmanaged",
    "gather_facts": False,
    "become": True,
    "ignore_unreachable": True,
    "tasks": [
        {
            "order82.baseline.check_info": {"resolve_only": True},
            # Who asks logs in himself.
            "vars": {"order82_logins": "{{ dict(ansible_play_hosts_all | product([{'by_ssh': true}])) }}"},
            "register": "seen",
        },
        {
            "ansible.builtin.copy": {
                "dest": "{{ written_to }}",
                "mode": "0600",
                "content": "{{ {'unit': order82_unit, 'waivers': order82_waivers | default([]), 'groups': groups, 'resolved': "
                "dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, ['seen', 'resolved']))), 'asked': "
                "dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, ['seen', 'asked'])))} "
                "| to_json }}",
            },
            "run_once": True,
            "delegate_to": "localhost",
            "become": False,
        },
    ],
}


class Values(NamedTuple):
    """What Ansible knows and an inspection needs: who is bound, and the checks of each host with their values."""

    unit: dict[str, Any]
    waivers: list[dict[str, Any]]
    groups: dict[str, list[str]]
    resolved: dict[str, list[dict[str, Any]]]
    asked: dict[str, list[dict[str, Any]]]


class Asking:
    """The inspections of one lab. C(play) runs a playbook on it."""

    def __init__(self, inventory: Path, ssh_config: Path, play: Callable[..., str]) -> None:
        self._inventory, self._ssh_config, self._play = inventory, ssh_config, play
        self._values: dict[tuple[str, ...], Values] = {}
        self._said: dict[str, Mapping[str, Any]] = {}
        self.logins: dict[str, Mapping[str, Any]] = {}

    def result(
        self, hosts: Iterable[str], words: tuple[str, ...] = (), again: Mapping[str, set[str]] = MappingProxyType({})
    ) -> dict[str, Any]:
        """Ask these hosts and judge what they say: what C(result.json) has.

        :param words: for ansible-playbook, where a test gives other variables than the inventory.
        :param again: checks by host of which alone these hosts are asked: of the others what they said last counts. A host
            with no check in it is not asked at all.

        Where one of the checks in C(again) is about logins there are new ones. Else those of before must still be on record.
        """
        values = self._resolved(words)
        hosts = list(hosts)
        checks = {
            host: [one for one in values.asked[host] if host not in again or one["id"] in again[host]] for host in hosts
        }
        asked = [host for host in hosts if checks[host]]
        about_logins = {host for host in asked if any(LOGINS in one["observe"] for one in checks[host])}
        if about_logins and (not self.logins or about_logins & set(again)):
            self._log_in(list(values.asked))
        with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
            said = list(pool.map(lambda host: self._ask(host, list(map(self._with_logins, checks[host]))), asked))
        for host, one in zip(asked, said, strict=True):
            self._said[host] = amended(self._said[host], one) if host in again else one
        observed = {host: {**self._said[host], "resolved": values.resolved[host]} for host in hosts}
        return judge(make_case(observed, values.unit, values.groups, waivers=values.waivers))

    def knows(self, host: str) -> bool:
        """Whether this host was asked before."""
        return host in self._said

    def _log_in(self, hosts: list[str]) -> None:
        """As C(live_login) does, on all of them at once."""
        words, key = ["ssh", "-F", str(self._ssh_config)], self._inventory / ".pki" / "login"
        with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
            self.logins = dict(zip(hosts, pool.map(lambda host: log_in(words, host, key), hosts), strict=True))

    def _with_logins(self, check: dict[str, Any]) -> dict[str, Any]:
        if LOGINS not in check["observe"]:
            return check
        return {**check, "observe": {LOGINS: {"logins": self.logins, "wait_seconds": WAIT_SECONDS}}}

    def _ask(self, host: str, checks: list[dict[str, Any]]) -> Mapping[str, Any]:
        """What C(check_info) would register of this host."""
        words = ["ssh", "-F", str(self._ssh_config), "-o", "ConnectTimeout=20", host, "sudo -n python3 -I -"]
        done = subprocess.run(words, input=host_program(OBSERVE, checks), capture_output=True, check=False)
        if done.returncode == NO_SSH:
            return {"unreachable": True, "msg": done.stderr.decode(errors="replace")}
        try:
            return {"observations": observations(from_program(done.stdout.decode(errors="replace")), checks)}
        except ValueError as error:
            return {"failed": True, "msg": f"{error}: {done.stderr.decode(errors='replace')[-500:]}"}

    def _resolved(self, words: tuple[str, ...]) -> Values:
        """The values for these words. They are worked out anew where a file of the inventory is another than before."""
        key = (*words, digest(self._inventory))
        if key not in self._values:
            with tempfile.TemporaryDirectory() as folder:
                playbook, written = Path(folder, "resolve.json"), Path(folder, "values.json")
                playbook.write_text(json.dumps([RESOLVE]))
                self._play(str(playbook), "-e", f"written_to={written}", *words)
                self._values[key] = Values(**json.loads(written.read_text()))
        return self._values[key]


def amended(before: Mapping[str, Any], said: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a host said of all checks, with what it says of some of them now."""
    if "observations" not in before or "observations" not in said:
        return said
    now = {one["check"]: one for one in said["observations"]}
    return {"observations": [now.get(one["check"], one) for one in before["observations"]]}


def digest(folder: Path) -> str:
    """A hash of all files in a folder: the variables, and the certificates that are made beside them."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        total.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()
