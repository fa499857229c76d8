# SPDX-License-Identifier: GPL-3.0-or-later
"""`./baseline revoke`: the key of a host is withdrawn, by playbooks/revoke.yml."""

from __future__ import annotations

import argparse
import json

from .paths import LAB_INVENTORY
from .site import playbook


def add_options(command: argparse.ArgumentParser) -> None:
    """The words of the command."""
    command.add_argument("host", metavar="HOST", help="of the inventory")


def revoke(options: argparse.Namespace) -> int:
    """Have collectors refuse a host's certificate, and repositories its account."""
    words = ["-e", json.dumps({"revoke_host": options.host})]
    return playbook("playbooks/revoke.yml", options.inventory or LAB_INVENTORY, words)
