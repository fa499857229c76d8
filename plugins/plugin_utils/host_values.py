# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of one host, for what the roles say as data: their defaults, their own variables, and the host's."""

from __future__ import annotations

import functools
import os
from collections import ChainMap
from collections.abc import Iterable, Mapping
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from .checks import ROLES
from .state_values import Engine

_MANAGED = {"ansible_managed": "Ansible managed"}
_TRIM = {"trim_blocks": True}  # as the module template does


def role_files(role: str, facts: Mapping) -> list[Path]:
    """Where a role's values stand, the strongest first: those of the host's release, its own, its defaults."""
    folder = ROLES / role
    name = str(facts.get("distribution", "")).lower()
    release = folder / "vars" / f"{name}-{facts.get('distribution_major_version', '')}.yml"
    return [
        path for path in (release, folder / "vars" / "main.yml", folder / "defaults" / "main.yml") if path.is_file()
    ]


@functools.cache
def _read(path: Path) -> Mapping:
    """Only text of our own files is trusted as a template."""
    return DataLoader().load_from_file(str(path), trusted_as_template=True) or {}


@functools.cache
def _template(path: Path) -> str:
    return trust_as_template(path.read_text(encoding="utf-8"))


def variables_of(roles: Iterable[str], task_vars: Mapping) -> Mapping:
    """A host's variables, and below them what the roles say of theirs."""
    facts = task_vars.get("ansible_facts", {})
    below = [_read(path) for role in roles for path in role_files(role, facts)]
    return ChainMap(dict(task_vars), *below, _MANAGED)


def read_ahead() -> None:
    """Read what all hosts share, once for all processes that Ansible forks."""
    for path in sorted(ROLES.glob("*/vars/*.yml")) + sorted(ROLES.glob("*/defaults/main.yml")):
        _read(path)
    for path in sorted(ROLES.glob("*/templates/*.j2")):
        _template(path)


def engine(templar: Templar, variables: Mapping, base: str) -> Engine:
    """The one way from text to value.

    :param templar: Ansible's, of the task.
    :param variables: from C(variables_of).
    :param base: the folder from which a site's relative paths start.
    """
    plain = templar.copy_with_new_env(available_variables=variables)
    seen: dict[str, object] = {}

    def with_item(item: Mapping) -> Templar:
        return templar.copy_with_new_env(available_variables=ChainMap(dict(item), variables)) if item else plain

    def template(text: str, item: Mapping) -> object:
        if item:
            return with_item(item).template(trust_as_template(text))
        if text not in seen:  # the same text is worked out once
            seen[text] = plain.template(trust_as_template(text))
        return seen[text]

    def condition(text: str, item: Mapping) -> bool:
        return with_item(item).evaluate_conditional(trust_as_template(text))

    def file(path: Path, item: Mapping) -> str:
        return str(with_item(item).template(_template(path), escape_backslashes=False, overrides=_TRIM))

    return Engine(template, condition, file, lambda name: os.path.join(base, name), AnsibleError)
