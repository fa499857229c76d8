# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a service could do to a host if somebody took it over: systemd's own figure for each unit, as it is laid down.

Units of packages, to which a role adds settings, are in tests/fixtures/units as Debian 12 has them; Debian 13's are alike.
"""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.order82.baseline.plugins.filter.command import command_version
from ansible_collections.order82.baseline.plugins.plugin_utils import collection, host_values
from ansible_collections.order82.baseline.plugins.plugin_utils.state_values import resolve_state

TESTS = Path(__file__).resolve().parents[2]
ROLES = TESTS.parent / "roles"
MOST = 4.0
MOST_REACHED = 3.0
REACHED = {
    "order82-alarms.service",
    "conntrackd.service",
    "keepalived.service",
    "order82-collect.service",
    "order82-forward@.service",
    "order82-ids-inline.service",
    "order82-repository.service",
    "suricata.service",
}
"""They take from the network what anybody, or another host, sends."""
DEBIANS_OWN = {"chrony.service": 4.0}
"""The package's unit is as it is; roles/time_sync/README.md says which rights it needs."""
PUTS_RIGHT = {"order82-watch.service": 4.9, "order82-watch-back.service": 4.9}
"""What an apply does as root, these do again: files, accounts, packages, settings of the kernel (docs/threats.md)."""
NOT_OURS = "nftables.service"
"""No role runs it: its drop-ins only say which units follow its start."""
HOSTS = {"collector1": "10.0.0.1", "collector2": "10.0.0.2"}
GROUPS = ("collectors", "gateways", "standby")
EVERYTHING = {
    "inventory_hostname": "collector1",
    "inventory_dir": "/nowhere",
    "ansible_host": "10.0.0.1",
    "group_names": list(GROUPS),
    "groups": {group: list(HOSTS) for group in ("all", *GROUPS)},
    "hostvars": {
        name: {"inventory_hostname": name, "ansible_host": address, "standby_address": address, "standby_pair": "pair"}
        for name, address in HOSTS.items()
    },
    "ansible_facts": {"distribution": "Debian", "distribution_major_version": "13", "architecture": "x86_64"},
    "antivirus_mirror": "http://mirror/clamav",
    "antivirus_watched_paths": ["/srv/www", "/home"],
    "backup_sets": {"shop": {"kind": "postgresql"}},
    "intrusion_detection_inline": True,
    "intrusion_detection_rule_sources": {"site": "http://mirror/site.rules"},
    "network_state_prometheus": True,
    "standby_pair": "pair",
    "time_sync_adjust_clock": False,
}
"""A host that has whatever a role may lay down."""


@pytest.fixture(scope="module")
def units(tmp_path_factory) -> list[Path]:
    """The unit files of all roles, each beside what is added to it."""
    folder = tmp_path_factory.mktemp("units")
    roles = sorted(collection.states())
    for role in roles:
        given = yaml.safe_load((TESTS / "fixtures" / "checks" / f"{role}.yml").read_text(encoding="utf-8")).get(
            "vars", {}
        )
        values = host_values.HostValues(roles, given | EVERYTHING, Templar(loader=DataLoader(), variables={}))
        state = resolve_state(collection.states()[role], values.engine("/nowhere"), True, refuse=False)
        for entry in state["files"]:
            match = re.fullmatch(r"/etc/systemd/system/(([^/]+\.service)(\.d/[^/]+\.conf)?)", entry["path"])
            if match and match[2] != NOT_OURS:
                path = folder / match[1]
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(base64.b64decode(entry["content"]))
                if match[3]:
                    packaged = TESTS / "fixtures" / "units" / match[2]
                    assert packaged.exists(), f"copy {match[2]} of its package to {packaged}"
                    (folder / match[2]).write_bytes(packaged.read_bytes())
    return sorted(folder.glob("*.service"))


@pytest.fixture(scope="module")
def said(units) -> subprocess.CompletedProcess:
    """What systemd says of them."""
    paths = []
    for unit in units:
        instance = unit.with_name(unit.name.replace("@.", "@one."))  # a template has no figure, its instance has
        if instance != unit:
            instance.write_bytes(unit.read_bytes())
        paths.append(str(instance))
    words = ["systemd-analyze", "security", "--offline=true", "--no-pager", *paths]
    return subprocess.run(
        words, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    )


def test_every_template_of_a_unit_is_among_them(units):
    written = {path.name.removesuffix(".j2") for path in ROLES.glob("*/templates/*.service.j2")}
    assert written == {unit.name for unit in units}
    assert written >= REACHED | set(DEBIANS_OWN) | set(PUTS_RIGHT)


def test_systemd_knows_each_setting(said):
    assert "Unknown" not in said.stderr, said.stderr
    assert "Failed to parse" not in said.stderr, said.stderr
    assert "unknown escape" not in said.stderr, said.stderr


def test_none_has_more_power_than_it_needs(said, units):
    found = re.findall(r"Overall exposure level for (\S+): ([\d.]+)", said.stdout)
    figures = {name.replace("@one.", "@."): float(figure) for name, figure in found}
    assert set(figures) == {unit.name for unit in units}, said.stderr
    reasoned = {**DEBIANS_OWN, **PUTS_RIGHT}
    most = {name: reasoned.get(name, MOST_REACHED if name in REACHED else MOST) for name in figures}
    assert {name: figure for name, figure in figures.items() if figure > most[name]} == {}


def test_none_loses_its_alarms_with_its_output():
    """Standard error goes where standard output goes unless a unit says otherwise (systemd.exec(5))."""
    quiet = {path: path.read_text() for path in ROLES.glob("*/templates/*.service.j2")}
    quiet = {path: text for path, text in quiet.items() if "StandardOutput=null" in text}
    assert quiet
    for path, text in quiet.items():
        ours = "ExecStart={{ _order82_command }}" in text
        assert ("StandardError=journal" if ours else "StandardError=") in text, path


def test_another_version_of_the_command_starts_its_daemons_anew(units):
    """Else what an upgrade mends goes on unmended until the host is booted."""
    version = command_version("/usr/bin/order82")
    texts = {unit.name: unit.read_text() for unit in units}
    daemons = {
        name: text
        for name, text in texts.items()
        if "\nExecStart=/usr/bin/order82 " in text and "Type=oneshot" not in text
    }
    assert "order82-nat-record.service" in daemons
    assert [name for name, text in daemons.items() if version not in text] == []
