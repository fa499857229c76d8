# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands below `./baseline lab`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..errors import BaselineError
from ..paths import LAB_INVENTORY, LOCAL_CACHE
from ..process import become
from . import hosts, lifecycle, lock, namespace, networks, ssh
from .inventory import Lab, read

DEFAULT_LAB = "site"
"""The lab_name of inventories/lab, so that a command on one of its hosts need not read the inventory first."""


def add_parsers(lab: argparse.ArgumentParser) -> None:
    """All commands with their options."""
    commands = lab.add_subparsers(dest="lab_command", required=True, metavar="COMMAND")
    for name, run, text in (
        ("up", up, "raise the lab, or bring it up to date"),
        ("down", down, "remove every trace of it"),
        ("status", status, "tell how it is; exit code 1 unless all hosts run"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("-i", "--inventory", type=Path, default=LAB_INVENTORY, help="default: inventories/lab")
        command.set_defaults(run=run)
        if name == "status":
            command.add_argument("--json", action="store_true", help="one JSON document")

    for name, run, text in (
        ("shell", shell, "a root shell on a host"),
        ("exec", execute, "run a command as root on a host: exec HOST -- COMMAND..."),
        ("ssh", secure_shell, "log in as the administrator ops, as Ansible does"),
    ):
        command = commands.add_parser(name, help=text)
        add_lab(command)
        command.add_argument("host")
        command.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
        command.set_defaults(run=run)

    for name, run, text in (
        ("cut", cut, "cut a host off a network: its packets are lost, as by a broken cable"),
        ("mend", mend, "undo cut"),
    ):
        command = commands.add_parser(name, help=text)
        add_lab(command)
        command.add_argument("host")
        command.add_argument("network")
        command.set_defaults(run=run)

    command = commands.add_parser("podman", help="podman as the lab calls it: podman -- ARGUMENTS...")
    command.add_argument("words", nargs=argparse.REMAINDER, metavar="ARGUMENT")
    command.set_defaults(run=podman)


def add_lab(command: argparse.ArgumentParser) -> None:
    """The ways to name another lab than the usual one."""
    which = command.add_mutually_exclusive_group()
    which.add_argument("-i", "--inventory", type=Path, help="the inventory that describes the lab")
    which.add_argument("--lab", default=DEFAULT_LAB, help=f"the lab's name (default: {DEFAULT_LAB})")


def up(options: argparse.Namespace) -> None:
    """Raise the lab."""
    lab = read(options.inventory)
    with lock.changing(lab.name):
        lifecycle.up(lab)


def down(options: argparse.Namespace) -> None:
    """Take the lab down."""
    lab = read(options.inventory)
    with lock.changing(lab.name):
        lifecycle.down(lab)


def status(options: argparse.Namespace) -> int:
    """Tell how the lab is."""
    found = lifecycle.status(read(options.inventory))
    if options.json:
        json.dump(found, sys.stdout, indent=2)
        print()
    else:
        for host in found["hosts"]:
            addresses = ", ".join(f"{network} {address}" for network, address in host["addresses"].items())
            print(f"{host['host']:<14} {host['state']:<9} {host['image']:<9} {addresses}")
    return 0 if found["up"] else 1


def shell(options: argparse.Namespace) -> None:
    """Open a root shell on a host."""
    host = running(options)
    words = hosts.exec_words(host.name, host.virtual, ["bash", "-l"], "-t")
    become(namespace.command(*words), namespace.environment())


def execute(options: argparse.Namespace) -> None:
    """Run a command on a host: its input, output and exit code are the command's."""
    words = without_dashes(options.words)
    if not words:
        raise BaselineError("no command given: './baseline lab exec HOST -- COMMAND...'")
    host = running(options)
    become(namespace.command(*hosts.exec_words(host.name, host.virtual, words)), namespace.environment())


def secure_shell(options: argparse.Namespace) -> None:
    """Connect to a host by SSH."""
    lab = chosen(options)
    config = lab.ssh_config if isinstance(lab, Lab) else LOCAL_CACHE / "lab" / lab / "ssh_config"
    become(ssh.command(config, options.host, without_dashes(options.words)))


def cut(options: argparse.Namespace) -> None:
    """Cut a host off a network."""
    networks.cut(options.network, running(options).pid)


def mend(options: argparse.Namespace) -> None:
    """Undo cut."""
    networks.mend(name_of(chosen(options)), options.network, running(options).pid)


def podman(options: argparse.Namespace) -> None:
    """Become podman."""
    namespace.prepare()
    become(namespace.command(*without_dashes(options.words)), namespace.environment())


def chosen(options: argparse.Namespace) -> Lab | str:
    """The lab that an inventory describes, or only its name."""
    return read(options.inventory) if options.inventory else options.lab


def name_of(lab: Lab | str) -> str:
    """The lab's name."""
    return lab.name if isinstance(lab, Lab) else lab


def running(options: argparse.Namespace) -> hosts.Container:
    """The host that a command is for, which must run."""
    lab = name_of(chosen(options))
    namespace.prepare()
    there = hosts.existing(lab)
    lifecycle.refuse_other_checkout(lab, there)
    host = there.get(options.host)
    if host is None:
        has = f"it has {', '.join(there)}" if there else "it is not up"
        raise BaselineError(f"the lab {lab} has no host {options.host}: {has}")
    if not host.runs:
        raise BaselineError(f"{options.host} does not run: './baseline lab up' makes it anew")
    return host


def without_dashes(words: list[str]) -> list[str]:
    """The words of a command after the -- that sets it off."""
    return words[1:] if words[:1] == ["--"] else words
