# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab is what its inventory says, and an inventory that can't work is refused with a sentence that says where."""

from __future__ import annotations

from typing import Any

import pytest

from cli.errors import BaselineError
from cli.lab.inventory import from_variables
from cli.paths import CHECKOUT

NETWORKS = {"inside": "10.9.1.0/24", "outside": "198.51.100.0/24"}


def variables(**changes: Any) -> dict[str, Any]:
    """One host's variables."""
    return {
        "lab_name": "probe",
        "lab_networks": NETWORKS,
        "lab_image": "debian12",
        "lab_addresses": {"inside": "10.9.1.20"},
    } | changes


def test_hosts_are_read_with_what_they_need() -> None:
    lab = from_variables(
        {
            "web": variables(lab_routes=[{"to": "default", "via": "10.9.1.1"}], lab_sysctls={"net.ipv4.ip_forward": 1}),
            "gate": variables(lab_image="debian13", lab_addresses={"inside": "10.9.1.1", "outside": "198.51.100.1"}),
            "localhost": {"ansible_connection": "local"},
        },
        "hosts.yml",
    )
    assert list(lab.hosts) == ["gate", "web"]
    assert lab.hosts["gate"].suite == "trixie"
    assert lab.hosts["web"].routes == [{"to": "default", "via": "10.9.1.1"}]
    assert lab.hosts["web"].sysctls == {"net.ipv4.ip_forward": "1"}
    assert lab.ssh_config.parts[-3:] == ("lab", "probe", "ssh_config")


def test_hosts_call_each_other_on_a_network_they_share() -> None:
    lab = from_variables(
        {
            "gate": variables(lab_addresses={"inside": "10.9.1.1", "outside": "198.51.100.1"}),
            "web": variables(),
            "world": variables(lab_addresses={"outside": "198.51.100.10"}),
        },
        "hosts.yml",
    )
    gate, web, world = (lab.hosts[name] for name in ("gate", "web", "world"))
    assert gate.address_for(web) == "10.9.1.1"
    assert gate.address_for(world) == "198.51.100.1"
    assert web.address_for(world) == "10.9.1.20"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"lab_name": "../etc"}, "lab_name must be a short lower-case name"),
        ({"lab_image": "{{ image }}"}, "web has a template in lab_image"),
        ({"lab_image": "debian99"}, "web has lab_image 'debian99'"),
        ({"lab_virtual": "yes"}, "web has lab_virtual 'yes': it must be true or false"),
        ({"lab_addresses": {}}, "web has no lab_addresses"),
        ({"lab_addresses": {"elsewhere": "10.9.1.20"}}, "which lab_networks does not name"),
        ({"lab_addresses": {"inside": "10.9.2.20"}}, "10.9.2.20, which is not in inside"),
        ({"lab_addresses": {"inside": "10.9.1.300"}}, "10.9.1.300"),
        ({"lab_networks": {"inside": "10.9.1.7/24"}}, "lab_networks.inside"),
        ({"lab_networks": {"a-name-of-16-char": "10.9.1.0/24"}}, "can't name an interface"),
    ],
)
def test_what_can_not_work_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BaselineError, match=f"hosts.yml.*{sentence}"):
        from_variables({"web": variables(**changes)}, "hosts.yml")


def test_two_hosts_with_one_address_are_refused() -> None:
    with pytest.raises(BaselineError, match=r"web and app .* 10\.9\.1\.20"):
        from_variables({"app": variables(), "web": variables()}, "hosts.yml")


def test_an_inventory_without_a_lab_is_refused() -> None:
    with pytest.raises(BaselineError, match="describes no lab"):
        from_variables({"real": {"ansible_host": "real.example"}}, "hosts.yml")


@pytest.mark.parametrize("pattern", ["inventories/*", "molecule/*/inventory"])
def test_every_file_below_an_inventory_is_one(pattern):
    """Ansible takes each for hosts, but for hidden ones and variables; what a role copies must lie elsewhere."""
    found = list(CHECKOUT.glob(pattern))
    assert found
    for inventory in found:
        below = [path.relative_to(inventory) for path in inventory.rglob("*") if path.is_file()]
        read = [path for path in below if not str(path).startswith((".", "group_vars"))]
        assert [str(path) for path in read] == ["hosts.yml"], inventory
