# SPDX-License-Identifier: GPL-3.0-or-later
"""`./baseline test`: which steps there are, in which order, and the line that closes them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from .. import packages
from ..errors import BaselineError
from ..lab import lifecycle, machines
from ..lab.inventory import read
from ..paths import CHECKOUT, ansible_environment
from ..process import side_by_side, uninterrupted
from ..progress import say
from . import clickhouse, sanity
from .steps import Count, Step, as_pytest, as_scenario

SCENARIOS = CHECKOUT / "molecule"
AT_ONCE = 2
"""Scenarios side by side: each waits for its hosts most of the time, and two cores bear two."""


def test(options: argparse.Namespace) -> int:
    """Run what was asked for, go on after failures, and close with the count alone on the last line."""
    begun = time.monotonic()
    names = options.scenarios or ([] if options.quick else largest_first(scenario_names()))
    steps = [scenario(name) for name in names]
    total = Count()
    packages.ensure((packages.LAB_NEEDS if names else {}) | ({} if options.scenarios else packages.TEST_NEEDS))
    before = [] if options.scenarios else [lambda: static(options.quick)]
    if any(has_machine(name) for name in names):
        before.append(machine_kernel)
    try:
        total += add_up(side_by_side(lambda one: one(), before))
        total += add_up(side_by_side(Step.run, steps, at_once=AT_ONCE))
    except KeyboardInterrupt:
        with uninterrupted():
            take_down(names)
        raise
    say(f"all of it took {time.monotonic() - begun:.0f} s")
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return 1 if total.failed or not total.passed else 0


def static(quick: bool) -> Count:
    """All that needs no lab; `quick` leaves out what takes minutes."""
    cores = 2 if quick else 1  # in a whole run the other one makes the kernel
    total = add_up(side_by_side(Step.run, quick_steps(), at_once=cores))
    return total if quick else total + sanity.check() + clickhouse.check()


def machine_kernel() -> Count:
    """Have the kernel of virtual machines, beside the steps that use one processor."""
    try:
        machines.ensure_kernel()
    except BaselineError as error:
        say(f"FAILED  the kernel of virtual machines: {error}")
        return Count(failed=1)
    return Count()


def quick_steps() -> Iterable[Step]:
    """What needs no lab and is soon done."""
    yield Step("yamllint", ["yamllint", "--strict", "."])
    yield Step("ruff check", ["ruff", "check", "."])
    yield Step("ruff format", ["ruff", "format", "--check", "."])
    yield Step("ansible-lint", ["ansible-lint", "--config-file", ".config/ansible-lint.yml"], env=ansible_environment())
    yield Step("unit tests", ["pytest", "tests/unit"], counted=as_pytest)


def scenario_names() -> list[str]:
    """All molecule scenarios."""
    return sorted(path.parent.name for path in SCENARIOS.glob("*/molecule.yml"))


def largest_first(names: Iterable[str]) -> list[str]:
    """What begins last should be short, or it goes on alone."""
    return sorted(names, key=lambda name: (-len(read(SCENARIOS / name / "inventory").hosts), name))


def has_machine(name: str) -> bool:
    """Whether one of a scenario's hosts is a virtual machine."""
    return any(host.virtual for host in read(SCENARIOS / name / "inventory").hosts.values())


def scenario(name: str) -> Step:
    """One molecule scenario, from making its hosts to removing them."""
    if not Path(SCENARIOS / name / "molecule.yml").exists():
        raise BaselineError(f"there is no scenario {name}: there is {', '.join(scenario_names()) or 'none yet'}")
    env = ansible_environment() | one_interpreter() | {"MOLECULE_GLOB": "molecule/*/molecule.yml"}
    return Step(f"molecule {name}", ["molecule", "test", "-s", name], counted=as_scenario, env=env)


def one_interpreter() -> dict[str, str]:
    """Ansible by Mitogen, whose modules run in one Python on the host; Ansible itself starts one for each task.

    A run of the collection takes half the time. A scenario's molecule.yml says where Ansible works as a user's does.
    """
    [mitogen] = find_spec("ansible_mitogen").submodule_search_locations
    return {
        "ANSIBLE_STRATEGY": "mitogen_linear",
        "ANSIBLE_STRATEGY_PLUGINS": f"{mitogen}/plugins/strategy",
        "ANSIBLE_TIMEOUT": "60",  # that one start of Python, on a host that shares two cores with a dozen others
    }


def take_down(names: Iterable[str]) -> None:
    """Remove the labs of scenarios that were broken off and could not do it themselves."""
    for inventory in (SCENARIOS / name / "inventory" for name in names):
        if inventory.exists():
            say(f"taking down the lab of {inventory.parent.name}")
            lifecycle.down(read(inventory))


def add_up(counts: Iterable[Count]) -> Count:
    """All counts as one."""
    return sum(counts, Count())
