# SPDX-License-Identifier: GPL-3.0-or-later
"""`./baseline remove`: take measures away from hosts, after a question."""

from __future__ import annotations

import argparse
import json
import sys

from .errors import BaselineError
from .lab.inventory import read
from .paths import CHECKOUT, LAB_INVENTORY
from .site import playbook

SHARED = "order82"
"""What all measures share: it can only go after them."""


def add_options(command: argparse.ArgumentParser) -> None:
    """The words and options of the command."""
    command.add_argument("measures", nargs="*", metavar="MEASURE", help="roles of this collection; all by default")
    command.add_argument("--limit", metavar="HOSTS", help="only these hosts; all managed ones by default")
    command.add_argument("--yes", action="store_true", help="do not ask")


def remove(options: argparse.Namespace) -> int:
    """Ask, then run playbooks/remove.yml."""
    known = measures()
    unknown = [name for name in options.measures if name not in known]
    if unknown:
        raise BaselineError(f"there is no measure {unknown[0]}; there are: {', '.join(known)}")
    if options.inventory is None and not read(LAB_INVENTORY).ssh_config.exists():
        raise BaselineError("the lab is not up: give an inventory with -i")
    chosen = options.measures or known
    inventory = options.inventory or LAB_INVENTORY
    if not options.yes:
        ask(f"Take {', '.join(chosen)} away from {options.limit or 'every managed host'} of {inventory}")
    words = ["-e", json.dumps({"order82_remove": chosen}), *(["--limit", options.limit] if options.limit else [])]
    return playbook("playbooks/remove.yml", inventory, words)


def measures() -> list[str]:
    """The roles of this collection, by name, what they share last."""
    names = sorted(path.parent.name for path in (CHECKOUT / "roles").glob("*/state.yml"))
    return [*(name for name in names if name != SHARED), SHARED]


def ask(what: str) -> None:
    """Go on only for a person who says yes.

    :raises BaselineError: nobody did.
    """
    sys.stderr.write(f"{what}? Records, backups and what is in quarantine stay. Type yes: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "yes":
        raise BaselineError("nothing was taken away: type yes when asked, or give --yes")
