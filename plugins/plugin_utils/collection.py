# SPDX-License-Identifier: GPL-3.0-or-later
"""What this collection itself says, read once per process: Ansible forks one for every host and task."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from .checks import SITE_ROLE, Check, load_checks, load_roles
from .documents import ROOT, DataError, parse_yaml, read_text
from .law import load_law
from .overlays import Overlay, load_overlays
from .site_table import load_site
from .state import load_states

law = functools.cache(load_law)
"""law() -> Law."""

states = functools.cache(load_states)
"""states() -> dict of RoleState by role: what each role lays down."""

site_table = functools.cache(load_site)
"""site_table(path) -> list of Play; by default playbooks/site.yml of the collection."""


@functools.cache
def role_checks() -> dict[str, list[Check]]:
    """The checks of every role of the collection.

    :raises DataError: an entry in one of the files is not understood.
    """
    return load_roles(law())


def checks_of(roles: Iterable[str]) -> list[Check]:
    """The checks of these roles, in their order."""
    known = role_checks()
    return [check for role in roles for check in known.get(role, ())]


@functools.cache
def overlays() -> list[Overlay]:
    """The findings beside the order: law/overlays.

    :raises DataError: an entry in one of the files is not understood.
    """
    return load_overlays(law(), role_checks())


def all_checks(extra_checks: Path | None = None) -> dict[str, list[Check]]:
    """The checks of every role, and under SITE_ROLE those of a site's own file if there is one."""
    return {**role_checks(), SITE_ROLE: load_checks(extra_checks, SITE_ROLE, law())} if extra_checks else role_checks()


@functools.cache
def version() -> str:
    """The version of the collection, from galaxy.yml in a checkout or MANIFEST.json where it is installed."""
    if (ROOT / "galaxy.yml").is_file():
        return str(parse_yaml(read_text(ROOT / "galaxy.yml"), "galaxy.yml")["version"])
    return str(json.loads(read_text(ROOT / "MANIFEST.json"))["collection_info"]["version"])


def read_ahead(*readers: Callable[[], object]) -> None:
    """Read now what these functions read. What is wrong with a file is said later, by whoever uses it."""
    for read in readers:
        with contextlib.suppress(DataError):
            read()
