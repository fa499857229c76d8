# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/inspect.yml on this machine, with hosts that are no more than a line of the inventory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[4]
COMMAND = Path(sys.executable).parent / "ansible-playbook"
PLAYBOOK = CHECKOUT / "playbooks" / "inspect.yml"
UNIT = {
    "name": "A test",
    "types": ["public_venue"],
    "services": [],
    "important_databases": {},
    "main_equipment": {},
}
PROVED = ["art4-correspondence", "art7-1", "art7-2", "art7-3", "art13", "art14-1", "art14-2", "art14-3", "art14-4"]
STOOD_FOR = [
    "antivirus",
    "backup",
    "backup_repository",
    "host_firewall",
    "host_sessions",
    "intrusion_detection",
    "intrusion_prevention",
    "maintenance",
    "subscriber_sessions",
]
HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "order82_folder": "/"}


def check(name, path, **changes):
    return {
        "id": f"site.{name}",
        "proves": PROVED,
        # The law asks for several measures in one sentence: here, other products do them.
        "stands_for": STOOD_FOR,
        "observe": {"file": {"path": path}},
        "expect": {"kind": {"equals": "directory"}, "bytes": {"at_least": "{{ order82_least | default(0) }}"}},
        "severity": "low",
        "why": {"zh": "测试", "en": "A test"},
        "by_hand": "stat {{ order82_folder }}",
        **changes,
    }


class Inspection:
    """One run of the playbook: exit code, output, and result.json."""

    def __init__(self, folder, hosts, checks, *words, collectors=(), **variables):
        groups = {"unmanaged": {"foreign": None}, "ours": hosts, "collectors": dict.fromkeys(collectors)}
        children = {name: {"hosts": members} for name, members in groups.items() if members}
        (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": children}}))
        # No host carries a role of the collection, so that only the checks given here are seen.
        (folder / "site.yml").write_text("- hosts: nobody\n  roles: [order82.baseline.time_sync]\n")
        (folder / "checks.yml").write_text(yaml.safe_dump(checks, allow_unicode=True), encoding="utf-8")
        given = {
            "order82_unit": UNIT,
            "order82_site": str(folder / "site.yml"),
            "order82_extra_checks": str(folder / "checks.yml"),
            "order82_reports": str(folder / "reports"),
            "ansible_become": False,
        }
        done = subprocess.run(
            [COMMAND, "-i", folder / "hosts.yml", PLAYBOOK, *words, "-e", json.dumps(given | variables)],
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"} | {"ANSIBLE_PIPELINING": variables.get("pipelining", "1")},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,  # an inspection outlives its hosts
        )
        self.code, self.output = done.returncode, done.stdout + done.stderr
        path = folder / "reports" / "latest"
        self.report = path if path.exists() else None
        self.result = json.loads((path / "result.json").read_text(encoding="utf-8")) if path.exists() else None

    def outcomes(self, host):
        return {one["check"]: one["outcome"] for one in self.result["results"] if one["host"] == host}

    def one(self, host, name):
        [found] = [one for one in self.result["results"] if (one["host"], one["check"]) == (host, name)]
        return found
