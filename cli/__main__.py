# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of `./baseline`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from . import alarm, bench, coverage, maintenance, process, remove, restore, revoke, site, trace
from .errors import BaselineError
from .lab import commands as lab
from .progress import say
from .testing import suite

INTERRUPTED = 130


def main() -> int:
    """Run one command and give its exit code; what went wrong is told in one sentence."""
    process.adopt_orphans()
    try:
        options, extra = parser().parse_known_args()
        if extra and not options.passes_on:
            raise BaselineError(f"unknown: {' '.join(extra)}; see './baseline {options.command} --help'")
        options.extra = extra
        return options.run(options) or 0
    except BaselineError as failure:
        say(f"baseline: {failure}")
        return 1
    except BrokenPipeError:
        # Whoever read the output has seen enough. Nothing more may be written, not even when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        process.end_descendants()
        say("baseline: interrupted; what was started has been ended")
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    root = argparse.ArgumentParser(prog="./baseline", allow_abbrev=False, description="Order No. 82, on real hosts.")
    root.set_defaults(passes_on=False)
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser("site", allow_abbrev=False, help="apply the collection, then inspect")
    add_inventory(command, "without one, the lab is raised and used")
    command.set_defaults(run=site.site, passes_on=True)

    command = commands.add_parser("remove", allow_abbrev=False, help="take measures away again")
    add_inventory(command, "without one, the lab's")
    remove.add_options(command)
    command.set_defaults(run=remove.remove)

    command = commands.add_parser("inspect", allow_abbrev=False, help="observe, judge and write a report")
    add_inventory(command, "without one, the lab's")
    command.set_defaults(run=site.inspect, passes_on=True)

    command = commands.add_parser("trace", allow_abbrev=False, help="who had this public address and port?")
    add_inventory(command, "without one, the lab's")
    trace.add_options(command)
    command.set_defaults(run=trace.trace)

    command = commands.add_parser("alarm", allow_abbrev=False, help="test whether alarms reach their receivers")
    add_inventory(command, "without one, the lab's")
    alarm.add_options(command)
    command.set_defaults(run=alarm.alarm)

    command = commands.add_parser("revoke", allow_abbrev=False, help="withdraw the key of a host")
    add_inventory(command, "without one, the lab's")
    revoke.add_options(command)
    command.set_defaults(run=revoke.revoke)

    command = commands.add_parser("maintenance", allow_abbrev=False, help="announce work on hosts")
    add_inventory(command, "without one, the lab's")
    maintenance.add_options(command)
    command.set_defaults(run=maintenance.maintain)

    command = commands.add_parser("restore", allow_abbrev=False, help="put back what was backed up")
    add_inventory(command, "without one, the lab's")
    restore.add_options(command)
    command.set_defaults(run=restore.restore)

    command = commands.add_parser("drill", allow_abbrev=False, help="restore beside what is there, and compare")
    add_inventory(command, "without one, the lab's")
    command.set_defaults(run=restore.drill, passes_on=True)

    lab.add_parsers(commands.add_parser("lab", allow_abbrev=False, help="the lab's hosts"))

    command = commands.add_parser("coverage", help="which clauses are carried out and proved")
    command.add_argument("--json", action="store_true", help="one JSON document")
    command.set_defaults(run=coverage.show)

    command = commands.add_parser("bench", help="one measurement of tests/bench")
    command.add_argument("name", help="the name of a file there, without .py")
    command.add_argument("--json", action="store_true", help="one JSON document")
    command.set_defaults(run=bench.run_bench, passes_on=True)

    command = commands.add_parser("test", help="every test, or only the named molecule scenarios")
    command.add_argument("--quick", action="store_true", help="only what needs no lab, in under two minutes")
    command.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="a folder of molecule/")
    command.set_defaults(run=suite.test)
    return root


def add_inventory(command: argparse.ArgumentParser, otherwise: str) -> None:
    """The option that names an inventory."""
    command.add_argument("-i", "--inventory", type=Path, help=f"Ansible inventory; {otherwise}")


if __name__ == "__main__":
    raise SystemExit(main())
