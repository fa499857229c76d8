# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is made of, and how one sees that it is no longer what the inventory describes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from cli.lab import hosts, machines, ssh
from cli.lab.hosts import Container
from cli.lab.inventory import Host, Lab
from cli.lab.namespace import container_settings

WEB = Host("web", "debian12", {"inside": "10.9.1.20"}, routes=[{"to": "default", "via": "10.9.1.1"}])
GATE = Host("gate", "debian13", {"inside": "10.9.1.1", "outside": "198.51.100.1"}, sysctls={"net.ipv4.ip_forward": "1"})
LAB = Lab(
    "probe", {"inside": "10.9.1.0/24", "outside": "198.51.100.0/24"}, {"gate": GATE, "web": WEB}, Path("/x/ssh_config")
)


def test_a_host_knows_its_networks_and_its_neighbours() -> None:
    words = hosts.run_words(LAB, GATE)
    assert "--network=order82-probe-inside:ip=10.9.1.1,interface_name=inside" in words
    assert "--network=order82-probe-outside:ip=198.51.100.1,interface_name=outside" in words
    assert "--add-host=web:10.9.1.20" in words
    assert not any(word.startswith("--add-host=gate") for word in words)


def test_any_change_of_a_host_gives_another_spec() -> None:
    usual = hosts.spec_of(LAB, WEB)
    assert usual == hosts.spec_of(LAB, WEB)
    for changed in (
        replace(WEB, image="debian13"),
        replace(WEB, addresses={"inside": "10.9.1.21"}),
        replace(WEB, routes=[]),
        replace(WEB, sysctls={"net.ipv4.ip_forward": "1"}),
        replace(WEB, setup="true"),
        replace(WEB, gives=["/etc/x"]),
        replace(WEB, virtual=True),
    ):
        assert hosts.spec_of(LAB, changed) != usual


def test_what_a_host_gives_lies_beside_the_ssh_config(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(hosts, "enter", lambda _lab, _host, script, **_options: f"said by {script}")
    lab = replace(LAB, ssh_config=tmp_path / "lab" / "ssh_config")
    hosts.fetch(lab, replace(WEB, gives=["/etc/my alarms/secret"]))
    file = tmp_path / "lab" / "web-secret"
    assert file.read_text() == "said by cat '/etc/my alarms/secret'"
    assert file.stat().st_mode & 0o777 == 0o600


def test_routes_and_sysctls_are_shell_that_can_not_be_broken_out_of() -> None:
    assert hosts.network_script(GATE) == "sysctl -q -w net.ipv4.ip_forward=1\n"
    assert hosts.network_script(WEB) == "ip route replace default via 10.9.1.1\n"
    nasty = replace(WEB, routes=[], sysctls={"a": "1; reboot"})
    assert hosts.network_script(nasty) == "sysctl -q -w 'a=1; reboot'\n"


def test_a_machine_names_its_interfaces_after_their_networks() -> None:
    machine = replace(GATE, virtual=True)
    assert machines.addresses_script(LAB, machine).splitlines()[:2] == [
        "ip link set vec1 name inside",
        "ip address add 10.9.1.1/24 dev inside",
    ]
    words = hosts.run_words(LAB, machine)
    addresses = [word.partition("=")[2] for word in words[-2:]]
    assert [word.partition("=")[0] for word in words[-2:]] == ["inside", "outside"]
    assert len({*addresses, machines.hardware_address("other", "gate", "inside")}) == 3
    assert machines.GUEST in ssh.config_text(replace(LAB, hosts={"gate": machine}), Path("/x/known_hosts"))


def test_a_command_for_a_machine_keeps_its_words() -> None:
    assert hosts.exec_words("c", False, ["echo", "a b"]) == ["exec", "-i", "c", "echo", "a b"]
    assert hosts.exec_words("c", True, ["echo", "a b"])[-1] == "echo 'a b'"


def test_podman_is_not_believed_when_it_says_that_a_dead_host_runs() -> None:
    dead = Container("web", "n", "/c", "s", False, pid=2**22 + 1, says_running=True, was_finished=True)
    assert not dead.runs
    other = replace(dead, pid=os.getpid())
    assert not other.runs, "a process that took over the number is not the host"


def test_ssh_config_names_every_host_and_only_its_real_key() -> None:
    text = ssh.config_text(LAB, Path("/x/known_hosts"))
    assert "Host gate\n" in text
    assert "Host web\n" in text
    assert "StrictHostKeyChecking yes" in text
    assert 'UserKnownHostsFile "/x/known_hosts"' in text
    assert "/probe-%C" in text, "two labs may have hosts of one name and must not share connections"


def test_podman_settings_differ_only_where_the_machine_does() -> None:
    ordinary = container_settings(cgroup2=True, raise_limits=True)
    assert "cgroup_manager" not in ordinary
    assert "default_ulimits" not in ordinary
    nested = container_settings(cgroup2=False, raise_limits=False)
    assert 'cgroup_manager = "cgroupfs"' in nested
    assert "default_ulimits" in nested
