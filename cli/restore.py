# SPDX-License-Identifier: GPL-3.0-or-later
"""`./baseline restore` and `./baseline drill`: what was backed up is put back, or tried."""

from __future__ import annotations

import argparse
import json

from .paths import LAB_INVENTORY
from .site import playbook


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of `order82 backup restore`; they are checked on the host."""
    command.add_argument("host", metavar="HOST", help="of the inventory")
    command.add_argument("set", metavar="SET", nargs="?", default="", help="without one the whole host is rebuilt")
    command.add_argument("--at", metavar="TIME", default="", help="as it was then, such as 2026-11-27T12:00:05+08:00")
    command.add_argument("--from", dest="repository", metavar="REPOSITORY", default="", help="else the first that can")
    command.add_argument("--to", metavar="FOLDER", default="", help="on the host: below it, and nowhere else")
    command.add_argument("--dry-run", action="store_true", help="only show what would be written over")


def restore(options: argparse.Namespace) -> int:
    """Restore a set of a host, or all of it."""
    given = {"set": options.set, "at": options.at, "from": options.repository, "to": options.to}
    words = ["--limit", options.host, "-e", json.dumps({f"restore_{name}": value for name, value in given.items()})]
    words += ["--check"] if options.dry_run else []
    return playbook("playbooks/restore.yml", options.inventory or LAB_INVENTORY, words)


def drill(options: argparse.Namespace) -> int:
    """Restore everything beside what is there, on all hosts that are backed up, and compare."""
    return playbook("playbooks/drill.yml", options.inventory or LAB_INVENTORY, ["--tags", "restore", *options.extra])
