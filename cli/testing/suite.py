# SPDX-License-Identifier: GPL-3.0-or-later
"""`./baseline test`: which steps there are, in which order, and the line that closes them."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from .. import packages
from ..errors import BaselineError
from ..lab import lifecycle
from ..lab.inventory import read
from ..paths import CHECKOUT, ansible_environment
from ..process import side_by_side, uninterrupted
from ..progress import say
from . import clickhouse, sanity
from .steps import Count, Step, Took, as_pytest, as_scenario

SCENARIOS = CHECKOUT / "molecule"
AT_ONCE = 4
"""Steps side by side: the tests of a scenario wait half of the time, and whoever else wants the processors, the longest
step goes first."""
UNIT = "tests/unit"
ON_HOSTS = "tests/unit/plugins/module_utils"
"""Those of the code that runs on hosts: half of the unit tests' work. They have journals, accounts and an object
store to themselves; the others have networks."""
OF_RECORDS = f"{ON_HOSTS}/records"
"""A third of these: days that are sealed and tampered with, in folders of their own."""
LONGEST = ("site", "backup", "nat", "kernel")
"""They take longest, and begin first, or one would go on alone: most measures are tested on `site`, on `backup` it is
waited for what is broken, and a kernel may have to be made for `kernel`."""


def test(options: argparse.Namespace) -> int:
    """Run what was asked for, go on after failures, name them all, and close with the count alone on the last line."""
    begun, worked = time.monotonic(), processors_worked()
    names = options.scenarios or ([] if options.quick else longest_first(scenario_names()))
    packages.ensure((packages.LAB_NEEDS if names else {}) | ({} if options.scenarios else packages.TEST_NEEDS))
    jobs: list[Callable[[], Count]] = [scenario(name).run for name in names]
    if not options.scenarios:  # beside the three that take longest
        jobs[AT_ONCE - 1 : AT_ONCE - 1] = [step.run for step in quick_steps(options.quick)]
    jobs += [] if options.scenarios or options.quick else [sanity.check, clickhouse.check]
    try:
        total = add_up(side_by_side(lambda job: job(), jobs, at_once=AT_ONCE))
    except KeyboardInterrupt:
        with uninterrupted():
            take_down(names)
        raise
    whole = Took("all of it", time.monotonic() - begun, sum(step.cpu for step in total.took))
    busy = 100 * (processors_worked() - worked) / (whole.seconds * (os.cpu_count() or 1))
    say("".join(f"FAILED  {name}\n" for name in total.failing) + "\n".join(map(cost, [*total.took, whole])))
    say(f"with the hosts of its labs, it kept this machine's processors {busy:.0f} % busy")
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return 1 if total.failed or not total.passed else 0


def processors_worked(stat: Path = Path("/proc/stat")) -> float:
    """Seconds that this machine's processors have worked since its boot, all of them together (proc(5))."""
    user, nice, system, _idle, _iowait, irq, softirq = map(int, stat.read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def cost(took: Took) -> str:
    """What a step cost, in one line."""
    return f"{took.step:<20} {took.seconds:6.0f} s, CPU {took.cpu:5.0f} s"


def quick_steps(alone: bool) -> Iterable[Step]:
    """What needs no lab and is soon done: first what tells of slips at once.

    :param alone: nothing else is run, and somebody waits for it: the processors share the unit tests, which wait for
        disks and programs, too, and those of many examples take a tenth of them. Beside the labs no processor is free,
        and three processes import everything thrice.
    """
    yield Step("yamllint", ["yamllint", "--strict", "."])
    yield Step("ruff check", ["ruff", "check", "."])
    yield Step("ruff format", ["ruff", "format", "--check", "."])
    if alone:
        pytest = ["pytest", "--hypothesis-profile=quick"]
        yield Step("unit tests", [*pytest, UNIT, f"--ignore={ON_HOSTS}"], counted=as_pytest)
        yield Step("unit tests of hosts", [*pytest, ON_HOSTS, f"--ignore={OF_RECORDS}"], counted=as_pytest)
        yield Step("unit tests of records", [*pytest, OF_RECORDS], counted=as_pytest)
    else:
        yield Step("unit tests", ["pytest", UNIT], counted=as_pytest)
    yield Step("ansible-lint", ["ansible-lint", "--config-file", ".config/ansible-lint.yml"], env=ansible_environment())


def scenario_names() -> list[str]:
    """All molecule scenarios."""
    return sorted(path.parent.name for path in SCENARIOS.glob("*/molecule.yml"))


def longest_first(names: Iterable[str]) -> list[str]:
    """Those that take longest in their order, then the others."""
    return sorted(names, key=lambda name: (LONGEST.index(name) if name in LONGEST else len(LONGEST), name))


def scenario(name: str) -> Step:
    """One molecule scenario, from making its hosts to removing them."""
    if not Path(SCENARIOS / name / "molecule.yml").exists():
        raise BaselineError(f"there is no scenario {name}: there is {', '.join(scenario_names()) or 'none yet'}")
    # A host that shares two cores with a dozen others takes its time to answer.
    env = ansible_environment() | {"MOLECULE_GLOB": "molecule/*/molecule.yml", "ANSIBLE_TIMEOUT": "60"}
    command = ["molecule", "test", "-s", name]
    return Step(f"molecule {name}", command, counted=as_scenario, env=env, longest=name in LONGEST[:2])


def take_down(names: Iterable[str]) -> None:
    """Remove the labs of scenarios that were broken off and could not do it themselves."""
    for inventory in (SCENARIOS / name / "inventory" for name in names):
        if inventory.exists():
            say(f"taking down the lab of {inventory.parent.name}")
            lifecycle.down(read(inventory))


def add_up(counts: Iterable[Count]) -> Count:
    """All counts as one."""
    return sum(counts, Count())
