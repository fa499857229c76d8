#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an apply that changes nothing costs, beside fifteen tasks of one stat each over the same hosts, in the same run.

Beside it: check mode on one host, and the processor time of the controller, of which a hundred hosts take a hundred times as
much (hosts of a lab are on the same machine and not counted).
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
TASKS = 15
LIMIT = 3.0
"""The most that the apply may take, in runs of fifteen stat tasks."""
CPU_SECONDS = 1.5
"""The most of the controller's processor time for one host."""


class Run(NamedTuple):
    """C(seconds): by the clock; C(cpu): of this process's descendants; C(recap): what was done, by host."""

    seconds: float
    cpu: float
    recap: dict[str, dict[str, int]]


def main() -> int:
    """Measure and report.

    :return: 0 if all limits hold, 1 if not, 2 if something did not run or something was changed.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-i", "--inventory", type=Path, default=CHECKOUT / "inventories" / "lab")
    parser.add_argument("--host", default="web", help="the one host of the run in check mode (default: web)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed, in turn (default: 3)")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    options = parser.parse_args()
    try:
        document = measure(options)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(document))
    else:
        print(
            f"fifteen stat tasks  {document['stat_seconds']:.1f} s (median of {options.rounds}, {document['hosts']} hosts)\n"
            f"site.yml, no change {document['site_seconds']:.1f} s\n"
            f"ratio               {document['ratio']:.2f} (at most {LIMIT})\n"
            f"controller's CPU    {document['cpu_seconds']:.2f} s a host (at most {CPU_SECONDS})\n"
            f"--check, one host   {document['check_seconds']:.1f} s"
        )
    return 0 if document["holds"] else 1


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Time all three in turn.

    :raises RuntimeError: a run ended badly, or was not one that changes nothing.
    """
    with tempfile.TemporaryDirectory(prefix="order82-bench-") as folder:
        stats = Path(folder) / "stat.yml"
        stats.write_text(json.dumps(fifteen_stats()))
        play(options.inventory, CHECKOUT / "site.yml")  # warms connections, and shows that nothing is left to change
        rounds = [
            (
                play(options.inventory, stats),
                play(options.inventory, CHECKOUT / "site.yml"),
                play(options.inventory, CHECKOUT / "site.yml", "--check", "--limit", options.host),
            )
            for _round in range(options.rounds)
        ]
    hosts = len(rounds[0][1].recap)
    stat, site, check = (statistics.median(one[number].seconds for one in rounds) for number in range(3))
    cpu = statistics.median(one[1].cpu for one in rounds) / hosts
    return {
        "hosts": hosts,
        "rounds": options.rounds,
        "stat_seconds": stat,
        "site_seconds": site,
        "check_seconds": check,
        "cpu_seconds": cpu,
        "ratio": site / stat,
        "limit": LIMIT,
        "cpu_limit": CPU_SECONDS,
        "holds": site / stat <= LIMIT and cpu <= CPU_SECONDS,
    }


def fifteen_stats() -> list[dict[str, object]]:
    """A play of nothing but calls."""
    task = {"name": "Look at one file", "ansible.builtin.stat": {"path": "/etc/hostname", "get_checksum": False}}
    return [{"hosts": "all:!unmanaged", "gather_facts": False, "become": True, "tasks": [task] * TASKS}]


def play(inventory: Path, playbook: Path, *words: str) -> Run:
    """Run a playbook that changes nothing.

    :raises RuntimeError: it ended badly, or changed something.
    """
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        ["ansible-playbook", "-i", inventory, playbook, *words], cwd=CHECKOUT, capture_output=True, text=True
    )
    seconds, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    recap = {
        host: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", numbers)}
        for host, numbers in re.findall(r"^(\S+) +: (ok=.*)$", re.sub(r"\x1b\[[0-9;]*m", "", done.stdout), re.MULTILINE)
    }
    if done.returncode != 0 or not recap:
        raise RuntimeError(f"{playbook.name} ended with {done.returncode}: {(done.stdout + done.stderr)[-1500:]}")
    changed = [host for host, numbers in recap.items() if numbers["changed"]]
    if changed:
        raise RuntimeError(f"{playbook.name} changed something on {', '.join(changed)}: apply it, then measure")
    cpu = sum(getattr(after, key) - getattr(before, key) for key in ("ru_utime", "ru_stime"))
    return Run(seconds, cpu, recap)


if __name__ == "__main__":
    raise SystemExit(main())
