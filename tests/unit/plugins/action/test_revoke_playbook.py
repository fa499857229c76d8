# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates given out and withdrawn by Ansible itself, on this machine: what collectors' lists say then."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[4]
REVOKE = CHECKOUT / "playbooks" / "revoke.yml"
COMMAND = Path(sys.executable).parent / "ansible-playbook"
HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
AWAY = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
# The host's own part of roles/order82/tasks/certificate.yml, which this machine is not to be given.
SIGN = [
    {
        "hosts": "all:!unmanaged",
        "gather_facts": False,
        "tasks": [
            {
                # By no module, which takes as long as all the rest.
                "ansible.builtin.raw": "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                "-keyout /dev/null -subj /CN={{ inventory_hostname }}",
                "delegate_to": "localhost",
                "register": "asked",
            },
            {
                "order82.baseline.host_certificate": {
                    "authority": "{{ inventory_dir }}/.pki",
                    "request": "{{ asked.stdout }}",
                    "names": ["DNS:{{ inventory_hostname }}"],
                    "usages": "{{ ['clientAuth'] + (['serverAuth'] if inventory_hostname in groups['collectors'] else []) }}",
                    "days": 800,
                }
            },
            {"ansible.builtin.include_role": {"name": "order82.baseline.order82", "tasks_from": "admit.yml"}},
        ],
    }
]
RESOLVE = [
    {
        "hosts": "collector1",
        "gather_facts": False,
        "tasks": [
            {
                "order82.baseline.check_info": {
                    "resolve_only": True,
                    "only": ["order82.certificate", "log_collector.admits"],
                },
                "register": "seen",
            },
            {"ansible.builtin.raw": "printf %s {{ seen.resolved | to_json | quote }} > {{ to }}"},
        ],
    }
]


class Site:
    """A site of three hosts, whose second collector is out of reach."""

    def __init__(self, folder):
        self.folder = folder
        self.lists = folder / "lists"
        self.lists.mkdir()
        for name in ("collector1", "collector2"):
            (self.lists / name).touch()  # it receives records
        hosts = {
            "collectors": {"hosts": {"collector1": HERE, "collector2": AWAY}},
            "ours": {"hosts": {"web": HERE}},
            "unmanaged": {"hosts": {"foreign": {}}},
        }
        (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": hosts}}))

    def play(self, playbook, *words, **variables):
        """Run it; the exit code and what was printed."""
        if not isinstance(playbook, Path):
            path = self.folder / "play.yml"
            path.write_text(yaml.safe_dump(playbook))
            playbook = path
        given = {"_order82_list": f"{self.lists}/{{{{ item }}}}", **variables}
        done = subprocess.run(
            [COMMAND, "-i", self.folder / "hosts.yml", playbook, "-e", json.dumps(given), *words],
            env=os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_FORCE_COLOR": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def admitted(self, name="collector1"):
        """Whom a collector's list has."""
        lines = (self.lists / name).read_text().splitlines()
        return [line.split()[1] for line in lines if not line.startswith("#")]

    def given_out(self):
        """Who has a certificate."""
        return sorted(path.stem for path in (self.folder / ".pki" / "hosts").iterdir())


def test_collectors_admit_the_certificates_that_were_given_out_until_they_are_withdrawn(tmp_path):
    site = Site(tmp_path)
    code, said = site.play(SIGN + RESOLVE, to=str(tmp_path / "resolved.json"))
    assert code == 0, said
    everybody = ["collector1", "collector2", "web"]
    assert (site.given_out(), site.admitted()) == (everybody, everybody)
    resolved = {one["id"]: one for one in json.loads((tmp_path / "resolved.json").read_text())}
    # An inspection, and with the same value an apply, compare with what a run for any host has written.
    before = (site.lists / "collector1").read_text()
    written = hashlib.sha256(before.encode()).hexdigest()
    assert resolved["log_collector.admits"]["expect"]["sha256"] == {"equals": written}
    assert len(resolved["order82.certificate"]["expect"]["sha256"]["equals"]) == 64

    # A new one for one host alone: the collectors, which the run leaves out, know it, and the one before no more.
    code, said = site.play(SIGN, "--limit", "web")
    assert code == 0, said
    after = (site.lists / "collector1").read_text()
    assert site.admitted() == everybody
    [was, now] = [[line for line in text.splitlines() if line.endswith(" web")] for text in (before, after)]
    assert was != now

    accounts = tmp_path / ".pki" / "backup"
    accounts.mkdir()
    (accounts / "web.account").touch()
    (accounts / "web.password").touch()
    code, said = site.play(REVOKE, revoke_host="web")
    assert code == 2
    assert "The certificate of web is withdrawn, but collector2 could not be told" in said
    assert (site.given_out(), site.admitted()) == (everybody[:2], everybody[:2])
    assert [path.name for path in accounts.iterdir()] == ["web.password"]

    code, said = site.play(REVOKE, revoke_host="all")
    assert code == 2
    assert "There is no host 'all' in the inventory" in said
    assert site.given_out() == everybody[:2]
