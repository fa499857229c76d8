# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible by Mitogen, whose modules run in one Python on the host; Ansible itself starts one for each task.

A run of the collection takes half the time. A scenario's molecule.yml says where Ansible works as a user's does.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import yaml

from ..paths import CHECKOUT, COLLECTIONS

STRATEGIES = Path(__file__).parent / "strategy"


def environment() -> dict[str, str]:
    """What Ansible's programs need for it."""
    link_dependencies()
    return {
        "ANSIBLE_STRATEGY": "mitogen_unpinned",
        "ANSIBLE_STRATEGY_PLUGINS": str(STRATEGIES),
        "ANSIBLE_TIMEOUT": "60",  # that one start of Python, on a host that shares two cores with a dozen others
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",  # only what is linked beside ours
    }


def link_dependencies() -> None:
    """Put the collections that galaxy.yml names beside ours.

    For each task with a module of a collection Mitogen reads what every collection says of itself; the package
    ansible has a hundred.
    """
    [ansible] = find_spec("ansible").submodule_search_locations
    installed = Path(ansible).parent / "ansible_collections"
    for name in yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))["dependencies"]:
        path = Path(*name.split("."))
        link = COLLECTIONS / "ansible_collections" / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(installed / path)
