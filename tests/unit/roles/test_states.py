# SPDX-License-Identifier: GPL-3.0-or-later
"""What each role lays down can be had from its defaults and the values of its fixture file, for both releases."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.order82.baseline.plugins.plugin_utils import collection, host_values
from ansible_collections.order82.baseline.plugins.plugin_utils.state import refuse_claims
from ansible_collections.order82.baseline.plugins.plugin_utils.state_values import resolve_state

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "checks"
ROLES = sorted(collection.states())
HOST = {
    "inventory_hostname": "web",
    "inventory_dir": "/nowhere",
    "ansible_host": "10.0.0.20",
    "standby_pair": "gateways",
    "group_names": ["managed", "standby"],
    "groups": {
        "all": ["web", "collector1", "collector2"],
        "collectors": ["collector1", "collector2"],
        "standby": ["web", "collector1"],
    },
    "hostvars": {
        name: {
            "inventory_hostname": name,
            "order82_address": address,
            "ansible_host": address,
            "standby_address": address,
            "standby_pair": "" if name == "collector2" else "gateways",
        }
        for name, address in {"web": "10.0.0.20", "collector1": "10.0.0.11", "collector2": "10.0.0.12"}.items()
    },
}


@pytest.fixture(scope="module")
def state_of():
    """A function from a role and a release of Debian to the role's state, worked out once."""
    known = {}

    def state(role, release, present=True):
        if (role, release, present) not in known:
            given = yaml.safe_load((FIXTURES / f"{role}.yml").read_text(encoding="utf-8")).get("vars", {})
            facts = {
                "distribution": "Debian",
                "distribution_major_version": release,
                "architecture": "x86_64",
                "virtualization_type": "container",
                "virtualization_role": "guest",
            }
            templar = Templar(loader=DataLoader(), variables={})
            values = host_values.HostValues(ROLES, {**HOST, "ansible_facts": facts, **given}, templar)
            known[role, release, present] = resolve_state(
                collection.states()[role], values.engine("/nowhere"), present, refuse=False
            )
        return known[role, release, present]

    return state


@pytest.mark.parametrize("release", ["12", "13"])
@pytest.mark.parametrize("role", ROLES)
def test_its_state_can_be_had(role, release, state_of):
    state = state_of(role, release)
    assert state["files"]
    assert state["role"] == role
    json.dumps(state)  # as it is sent


@pytest.mark.parametrize("role", ROLES)
def test_its_state_can_be_had_for_taking_it_away(role, state_of):
    there, going = state_of(role, "13"), state_of(role, "13", False)
    assert [one["path"] for one in going["files"]] == [one["path"] for one in there["files"]]
    assert going["keep"] == there["keep"]


@pytest.mark.parametrize("role", ROLES)
def test_every_pattern_of_a_restart_means_something(role, state_of):
    """A file that has another name than the pattern would leave its service with the old text."""
    state = state_of(role, "13")
    names = [one["path"] for one in state["files"]] + [one["name"] for one in state["units"]]
    names += [one["path"] for one in collection.states()[role].sections["files"]]  # those of a site that wants more
    for unit in state["units"]:
        for key in ("restart_for", "reload_for", "start_for"):
            for pattern in unit[key]:
                watched = pattern in state["nothing_else_in"]
                assert watched or fnmatch.filter(names, pattern), (unit["name"], key, pattern)


def test_no_two_roles_lay_down_the_same_file(state_of):
    refuse_claims((role, entry["path"]) for role in ROLES for entry in state_of(role, "13")["files"])


@pytest.mark.parametrize("role", ROLES)
def test_a_secret_is_nobodys_to_read_but_those_whose_it_is(role, state_of):
    for entry in state_of(role, "13")["files"]:
        if entry["secret"]:
            assert entry["mode"] in ("0600", "0640"), entry["path"]


def test_a_collector_is_asked_for_the_list_as_it_is_written():
    """Were a line's end another, the list would be written anew, and the front restarted, on each apply."""
    values = host_values.HostValues(["order82", "log_collector"], HOST, Templar(loader=DataLoader(), variables={}))
    engine = values.engine("/nowhere")
    [_sh, _c, question] = resolve_state(collection.states()["log_collector"], engine, True, refuse=False)["ask"][
        "admits"
    ]
    written = Templar(loader=DataLoader(), variables=host_values.said_by(["order82"], {}) | HOST).template(
        trust_as_template("{{ _order82_list_text }}")
    )
    assert written.endswith("with it.\n")
    assert hashlib.sha256(written.encode()).hexdigest() in question


def text_of(state, path):
    (entry,) = [one for one in state["files"] if one["path"] == path]
    return base64.b64decode(entry["content"]).decode()


@pytest.mark.parametrize("release", ["12", "13"])
def test_bans_follow_the_word_of_roots_own_sshd(release, state_of):
    text = text_of(state_of("intrusion_prevention", release), "/etc/fail2ban/jail.d/order82.local")
    (match,) = [line for line in text.splitlines() if line.startswith("journalmatch")]
    alternatives = match.partition(" = ")[2].split(" + ")
    assert len(alternatives) == 3
    assert all(one.startswith("_UID=0 _EXE=/usr/") for one in alternatives)


def test_who_is_no_gateway_tells_a_collector_of_no_translation(state_of):
    """The values have no gateway; the lab has one."""
    text = text_of(state_of("log_collector", "13"), "/etc/order82/collect.conf")
    (gate,) = [line for line in text.splitlines() if '$.class == "nat_mapping"' in line and "reserved" not in line]
    after = text.partition(gate)[2].split("}")[0]
    assert after.split() == ["set", "$.reserved", "=", '"yes";']


def test_a_class_is_no_matter_of_names_on_a_host(state_of):
    text = text_of(state_of("log_forwarder", "13"), "/etc/order82/forward/collector1.conf")
    assert "procid" not in text, "what stands behind a [ in a sender's name"
    assert '$!_SYSTEMD_UNIT == ["order82-nat-record.service"' not in text, "this host is no gateway"
    assert 'set $.claims = "nat_mapping"' in text


@pytest.mark.parametrize("release", ["12", "13"])
def test_a_library_that_only_root_can_read_is_none(release, state_of):
    """As a wheel lies there that was unpacked under the umask of a hardened host."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another")
    asked = state_of("nat_log", release)["ask"]["libraries"]
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        Path(folder).chmod(0o755)
        words = [word.replace("/usr/lib/order82", folder) for word in asked]
        files = [Path(word) for word in words if word.startswith(folder)]
        assert files
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(0o600)
        assert subprocess.run(words, check=False).returncode == 1
        for file in files:
            file.chmod(0o644)
        assert subprocess.run(words, check=False).returncode == 0
