# SPDX-License-Identifier: GPL-3.0-or-later
"""`./baseline maintenance`: work on hosts is announced, by playbooks/maintenance.yml."""

from __future__ import annotations

import argparse
import json

from .errors import BaselineError
from .paths import LAB_INVENTORY
from .site import playbook


def add_options(command: argparse.ArgumentParser) -> None:
    """The words and options of the command."""
    command.add_argument("verb", choices=["begin", "end", "show"], help="it begins, it is over, or what is announced?")
    command.add_argument("--limit", metavar="HOSTS", help="only these hosts; all managed ones by default")
    command.add_argument("--reason", help="to begin: what and why, and who decided it")
    command.add_argument("--minutes", type=int, help="to begin: it is over after so many, whoever says so")
    command.add_argument("--by", help="who; by default the account on this machine")


def maintain(options: argparse.Namespace) -> int:
    """Announce it on each host.

    :raises BaselineError: it does not say why, or for how long.
    """
    said = {"maintenance": options.verb}
    if options.verb == "begin":
        if not (options.reason or "").strip() or not options.minutes or options.minutes < 1:
            raise BaselineError("to begin say --reason, and --minutes after which it is over by itself")
        said |= {"maintenance_reason": options.reason, "maintenance_minutes": options.minutes}
    if options.by:
        said["maintenance_by"] = options.by
    words = ["-e", json.dumps(said), *(["--limit", options.limit] if options.limit else [])]
    return playbook("playbooks/maintenance.yml", options.inventory or LAB_INVENTORY, words)
