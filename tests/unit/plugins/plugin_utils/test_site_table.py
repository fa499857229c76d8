# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import ROOT, DataError
from ansible_collections.order82.baseline.plugins.plugin_utils.site_table import (
    Play,
    load_site,
    match_hosts,
    roles_by_host,
)

INVENTORY = {
    "all": {
        "hosts": {"lonely": None},
        "children": {
            "collectors": {"hosts": {"collector1": None, "collector2": None}},
            "gateways": {"hosts": {"gateway": None}},
            "webs": {"hosts": {"web": None, "shop": None}},
            "inside": {"children": {"webs": None, "collectors": None}},
            "unmanaged": {"hosts": {"subscriber": None, "outside": None}},
        },
    }
}


@pytest.fixture(scope="module")
def inventory(tmp_path_factory):
    """Ansible's own view of the inventory."""
    path = tmp_path_factory.mktemp("inventory") / "hosts.yml"
    path.write_text(yaml.safe_dump(INVENTORY), encoding="utf-8")
    return InventoryManager(loader=DataLoader(), sources=[str(path)])


@pytest.mark.parametrize(
    "pattern",
    [
        "all",
        "all:!unmanaged",
        "collectors",
        "web",
        "web:gateway",
        "collectors,gateways",
        ["collectors", "web"],
        ["all", "!unmanaged"],
        ["all:!webs", "!unmanaged"],
        "inside:&webs",
        "&webs:inside",
        "!unmanaged",
        "!unmanaged:all",
        "inside:!shop:!collectors",
        "inside:&webs:!shop",
        "&inside:!webs",
        "nobody",
        "all:!nobody",
        "webs:&nobody",
        "ungrouped",
        "web , gateway",
        "collectors:collector1",
    ],
)
def test_a_pattern_means_what_ansible_means_by_it(inventory, pattern):
    groups = inventory.get_groups_dict()
    assert sorted(match_hosts(pattern, groups)) == sorted(host.name for host in inventory.get_hosts(pattern))


@pytest.mark.parametrize(
    "pattern",
    ["", [], ":", "web*", "~web", "webs[0]", "webs[1:2]", "{{ x }}", "!!webs", "!&webs", "a b", "webs,all:!web", "!"],
)
def test_a_pattern_that_is_not_understood_is_refused(inventory, pattern):
    with pytest.raises(DataError, match="host pattern"):
        match_hosts(pattern, inventory.get_groups_dict())


@pytest.fixture
def site(tmp_path):
    """A function that writes a table and its roles, and reads it."""

    def make(text, roles=("alpha", "beta", "base"), dependencies=()):
        for role in roles:
            (tmp_path / "roles" / role / "meta").mkdir(parents=True, exist_ok=True)
        for role, needed in dependencies:
            (tmp_path / "roles" / role / "meta" / "main.yml").write_text(
                yaml.safe_dump({"dependencies": needed}), encoding="utf-8"
            )
        (tmp_path / "site.yml").write_text(text, encoding="utf-8")
        return load_site(tmp_path / "site.yml", tmp_path / "roles")

    return make


def test_a_table_is_read(site):
    text = """
- name: One
  hosts: all:!unmanaged
  become: true
  roles: [order82.baseline.alpha, {role: beta, tags: [x]}]
- name: Two
  hosts: [collectors, gateways]
  roles: [{name: order82.baseline.beta}, community.general.other]
"""
    assert site(text) == [Play("all:!unmanaged", ("alpha", "beta")), Play(("collectors", "gateways"), ("beta",))]


def test_a_role_brings_those_it_depends_on(site):
    plays = site(
        "- hosts: all\n  roles: [alpha]",
        dependencies=[("alpha", [{"role": "order82.baseline.beta"}]), ("beta", ["base"])],
    )
    assert plays[0].roles == ("base", "beta", "alpha")


def test_every_host_has_its_roles_once_and_in_order(site):
    plays = site("- {hosts: webs, roles: [alpha]}\n- {hosts: 'all:!unmanaged', roles: [beta, alpha]}")
    groups = {"all": ["web", "gateway", "outside"], "webs": ["web"], "unmanaged": ["outside"]}
    assert roles_by_host(plays, groups) == {"web": ["alpha", "beta"], "gateway": ["beta", "alpha"], "outside": []}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{}", "write a list of plays"),
        ("- import_playbook: other.yml", "is no play"),
        ("- hosts: all\n  vars: {x: 1}", "has 'vars'"),
        ("- hosts: all\n  vars_files: [x]", "has 'vars_files'"),
        ("- hosts: all\n  roles: [gamma]", "which is not in"),
        ("- hosts: all\n  roles: [{role: alpha, when: x}]", "has 'when'"),
        ("- hosts: all\n  roles: [{role: alpha, vars: {}}]", "has 'vars'"),
        ("- hosts: all\n  roles: [5]", "write its name"),
        ("- hosts: 5", "write a pattern"),
        ("- hosts: '{{ x }}'", "without Jinja"),
        ("- hosts: all\n  tasks: [{ansible.builtin.include_role: {name: alpha}}]", "includes a role"),
        ("- hosts: all\n  pre_tasks: [{block: [{import_role: {name: alpha}}]}]", "includes a role"),
    ],
)
def test_a_table_that_hides_who_gets_what_is_refused(site, text, sentence):
    with pytest.raises(DataError, match=r"site\.yml") as refused:
        site(text)
    assert sentence in str(refused.value)


def test_the_collections_own_table_is_understood():
    plays = load_site()
    assert "time_sync" in roles_by_host(plays, {"all": ["web"]})["web"]
    assert all((ROOT / "roles" / role).is_dir() for play in plays for role in play.roles)
