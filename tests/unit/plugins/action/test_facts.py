# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host says of itself is never a variable, whichever key it stands under and whoever's settings it is."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
import yaml
from attacks import harmful
from inspecting import CHECKOUT, COMMAND, HERE
from test_hostile_hosts import MARK, liar

PLANTED = {"order82_address": "203.0.113.66"}
OBEYED = {
    "ansible_facts": PLANTED,
    "add_host": {"host_name": "planted", "groups": ["collectors"], "host_vars": {}},
    "_ansible_facts_cacheable": True,
    "warnings": ["\x1b[2Jforged"],
    "deprecations": [{"msg": "forged", "version": "1"}],
    "exception": "forged",
    "invocation": {"module_args": {}},
}
"""What Ansible does something with where a result has it."""
BROUGHT = {"changed": False, "did": [], "diff": [], "answers": {}}
ANSWERS = {
    "everything": {"brought": {**BROUGHT, **OBEYED}, "looks": {}},
    "facts": {"brought": {**BROUGHT, "ansible_facts": PLANTED}, "looks": {}},
    "a_host": {"brought": {**BROUGHT, "add_host": OBEYED["add_host"]}, "looks": {}},
    "beside": {"brought": BROUGHT, "looks": {}, **OBEYED},
    "diff": {"brought": {**BROUGHT, "diff": [{"prepared": "forged"}]}, "looks": {}},
    "codes": {"brought": {**BROUGHT, "answers": {"certificate": 0}}, "looks": {}},
    "did": {"brought": {**BROUGHT, "did": [OBEYED]}, "looks": {}},
    "looks": {"brought": BROUGHT, "looks": {"host_firewall": {"differs": [], "answers": {}}}},
    "none": {"brought": None, "looks": {}},
    "list": [],
}
SEEN = (
    "{{ {'addresses': liars | map('extract', hostvars, 'order82_address') | select('defined') | list, "
    "'hosts': groups.all | sort, 'groups': groups | sort} | to_json }}"
)


def play(folder, liars, task, **environment):
    """Run a task on hosts that lie, and then ask what another host sees of them."""
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {**liars, "victim": HERE}}}))
    write = f"printf %s {{{{ ({SEEN[2:-2]}) | quote }}}} > {folder / 'seen'}"  # by no module, which would take seconds
    plays = [
        {"hosts": "all:!victim", "gather_facts": False, "tasks": [{**task, "ignore_errors": True}]},
        {
            "hosts": "victim",
            "gather_facts": False,
            "vars": {"liars": list(liars)},
            "tasks": [{"ansible.builtin.raw": write}],
        },
    ]
    (folder / "play.yml").write_text(yaml.safe_dump(plays))
    done = subprocess.run(
        [COMMAND, "-i", folder / "hosts.yml", folder / "play.yml", "-v", "--diff"],
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (folder / "seen").exists(), done.stdout + done.stderr
    return done.stdout + done.stderr, json.loads((folder / "seen").read_text())


@pytest.mark.parametrize("way", ["program", "module"])
def test_no_key_of_an_answer_is_obeyed(tmp_path, way):
    said = {
        name: f"{MARK}{json.dumps(answer)}\n" if way == "program" else json.dumps({**OBEYED, "answer": answer})
        for name, answer in ANSWERS.items()
    }
    liars = {name: liar(tmp_path / "liars", name, text) for name, text in said.items()}
    output, seen = play(
        tmp_path,
        liars,
        {"order82.baseline.host_state": {"role": "time_sync"}},
        ANSIBLE_PIPELINING=str(way == "program"),
    )
    assert seen == {"addresses": [], "hosts": sorted([*liars, "victim"]), "groups": ["all", "ungrouped"]}
    assert output.count("ignored=1") == len(liars)
    assert harmful(output) == set()
    assert "forged" not in output


def test_facts_of_ansibles_own_modules_are_no_variables(tmp_path):
    liars = {"liar": liar(tmp_path / "liars", "liar", json.dumps({"changed": False, "ansible_facts": PLANTED}))}
    _output, seen = play(tmp_path, liars, {"ansible.builtin.setup": {}})
    assert seen["addresses"] == []


@pytest.mark.parametrize("name", ["inspect", "remove", "restore", "site", "trace"])
def test_no_playbook_runs_where_facts_are_variables(tmp_path, name):
    """Not drill.yml: its one task has no variable in it."""
    groups = {group: {"hosts": {"here": HERE}} for group in ("collectors", "backed_up")}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": groups}}))
    given = {
        "ansible_become": False,
        "order82_reports": str(tmp_path / "reports"),
        "order82_pki_dir": str(tmp_path / "pki"),
        "order82_unit": {"name": "A test", "types": ["public_venue"], "services": []},
        "trace": {},
    }
    done = subprocess.run(
        [
            COMMAND,
            "-i",
            tmp_path / "hosts.yml",
            CHECKOUT / "playbooks" / f"{name}.yml",
            "--check",
            "-e",
            json.dumps(given),
        ],
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_INJECT_FACT_VARS": "True"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert "Ansible's inject_facts_as_vars is on (env: ANSIBLE_INJECT_FACT_VARS)" in said
    assert "write inject_facts_as_vars = False under [defaults] in your ansible.cfg" in said
    assert not (tmp_path / "reports").exists()


def test_both_ways_say_the_same_of_an_honest_host(tmp_path):
    """Ansible blots what is secret out of what a module says: not the names and numbers of its answer."""
    said = []
    for way in ("True", "False"):
        (tmp_path / way).mkdir()
        task = {"order82.baseline.host_state": {"role": "time_sync"}, "check_mode": True}
        output, _seen = play(tmp_path / way, {"honest": HERE}, task, ANSIBLE_PIPELINING=way)
        said.append(re.sub("[0-9a-f]{32}", "", output.partition("PLAY [victim]")[0].replace(str(tmp_path / way), "")))
    assert "chrony" in said[0]
    assert said[0] == said[1]
