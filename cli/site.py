# SPDX-License-Identifier: GPL-3.0-or-later
"""`./baseline site` and `./baseline inspect`: the collection's playbooks, on the lab or on real hosts."""

from __future__ import annotations

import argparse
from pathlib import Path

from .errors import BaselineError
from .lab import lifecycle, lock
from .lab.inventory import read
from .paths import CHECKOUT, LAB_INVENTORY, REPORT, ansible_environment
from .process import foreground
from .progress import say, timed


def site(options: argparse.Namespace) -> int:
    """Apply, then inspect; on the lab unless an inventory is given."""
    if options.inventory is not None:
        return apply_and_inspect(options.inventory, options.extra)
    lab = read(LAB_INVENTORY)
    with lock.changing(lab.name):
        lifecycle.up(lab)
        return apply_and_inspect(LAB_INVENTORY, options.extra)


def inspect(options: argparse.Namespace) -> int:
    """Inspect, changing nothing."""
    if options.inventory is None and not read(LAB_INVENTORY).ssh_config.exists():
        raise BaselineError("the lab is not up: run './baseline site', or give an inventory with -i")
    return inspection(options.inventory or LAB_INVENTORY, options.extra)


def apply_and_inspect(inventory: Path, extra: list[str]) -> int:
    """Run both playbooks; the inspection also after a failure, since it shows what is missing. Not in check mode."""
    with timed("applying the collection"):
        applied = playbook("site.yml", inventory, extra)
    if "--check" in extra or "-C" in extra:
        return applied
    inspected = inspection(inventory, [])
    return applied or inspected


def inspection(inventory: Path, extra: list[str]) -> int:
    """Run the inspection and print where its report is."""
    before = REPORT.resolve()
    with timed("inspecting"):
        code = playbook("playbooks/inspect.yml", inventory, extra)
    if REPORT.exists() and REPORT.resolve() != before:
        print(REPORT.relative_to(CHECKOUT) if Path.cwd() == CHECKOUT else REPORT)
    elif not any("order82_reports" in word for word in extra):
        say("baseline: the inspection wrote no report: see its lines above")
        code = code or 1
    return code


def playbook(name: str, inventory: Path, extra: list[str]) -> int:
    """Run one playbook of this checkout in the foreground."""
    if not inventory.exists():
        raise BaselineError(f"there is no inventory at {inventory}: give one with -i")
    command = ["ansible-playbook", "-i", inventory.resolve(), CHECKOUT / name, *extra]
    return foreground(command, env=ansible_environment())
