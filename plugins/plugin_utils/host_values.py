# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of one host, for what the roles say as data: their defaults, their own variables, and the host's."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections import ChainMap
from collections.abc import Iterable, Mapping
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from .checks import ROLES
from .documents import has_jinja
from .state_values import Engine

_MANAGED = {"ansible_managed": "Ansible managed"}
_ITEM = re.compile(r"\bitem\b")
_COSTS = re.compile(r"hostvars|lookup\(|\{%|nat_plan|firewall_rules")
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


class HostValues:
    """A host's variables, and below them what the roles say of theirs.

    What costs much to work out (what asks all other hosts, and lookups) is worked out once and not in each template.
    """

    def __init__(self, roles: Iterable[str], task_vars: Mapping, templar: Templar):
        facts = task_vars.get("ansible_facts", {})
        said: dict[str, object] = {}
        for role in roles:
            for path in reversed(role_files(role, facts)):
                said.update(_read(path))
        self._once: dict[str, object] = {}
        self._seen: dict[str, object] = {}
        self._all = ChainMap(self._once, dict(task_vars), said, _MANAGED)
        self._templar = templar.copy_with_new_env(available_variables=self._all)
        for name in said:
            written = self._all[name]
            if isinstance(written, str) and _COSTS.search(written) and not _ITEM.search(written):
                with contextlib.suppress(AnsibleError):  # whoever uses it will be told why it can't be had
                    self._once[name] = self._templar.template(written)

    def engine(self, base: str) -> Engine:
        """The one way from text to value.

        :param base: the folder from which a site's relative paths start.
        """
        return Engine(
            self._filled,
            lambda text, item: self._with(item).evaluate_conditional(trust_as_template(text)),
            lambda path, item: str(
                self._with(item).template(_template(path), escape_backslashes=False, overrides=_TRIM)
            ),
            lambda name: os.path.join(base, name),
            AnsibleError,
        )

    def _with(self, item: Mapping) -> Templar:
        if not item:
            return self._templar
        return self._templar.copy_with_new_env(available_variables=ChainMap(dict(item), *self._all.maps))

    def _filled(self, text: str, item: Mapping) -> object:
        """Most texts are a name, or a name in a path: those need no template."""
        if item:
            if text == "{{ item }}":
                return item["item"]
            if isinstance(item["item"], str):
                plain = text.replace("{{ item }}", item["item"])
                if not has_jinja(plain):
                    return plain
            return self._with(item).template(trust_as_template(text))
        if text not in self._seen:
            self._seen[text] = self._templar.template(trust_as_template(text))
        return self._seen[text]


def read_ahead() -> None:
    """Read what all hosts share, once for all processes that Ansible forks."""
    for path in sorted(ROLES.glob("*/vars/*.yml")) + sorted(ROLES.glob("*/defaults/main.yml")):
        _read(path)
    for path in sorted(ROLES.glob("*/templates/*.j2")):
        _template(path)
