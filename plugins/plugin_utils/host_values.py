# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of one host, for what the roles say as data: their defaults, their own variables, and the host's."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import re
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.template import Templar, trust_as_template

from .checks import ROLES, Check
from .documents import has_jinja, parse_yaml, read_text, shown
from .left_checks import left_checks
from .state_values import Engine

_MANAGED = {"ansible_managed": "Ansible managed"}
_ITEM = re.compile(r"\bitem\b")
_NAME = re.compile(r"[A-Za-z_]\w*")
_BARE = re.compile(r"\{\{ ([A-Za-z_]\w*) \}\}")
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
    return _trusted(parse_yaml(read_text(path), shown(path))) or {}


def _trusted(value: object) -> object:
    """Only text of our own files is trusted as a template."""
    if isinstance(value, dict):
        return {key: _trusted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_trusted(one) for one in value]
    return trust_as_template(value) if isinstance(value, str) else value


@functools.cache
def _template(path: Path) -> str:
    return trust_as_template(path.read_text(encoding="utf-8"))


def said_by(roles: Iterable[str], facts: Mapping) -> dict[str, object]:
    """What the roles say of their variables: the defaults, and above them their own."""
    said: dict[str, object] = {}
    for role in roles:
        for path in reversed(role_files(role, facts)):
            said.update(_read(path))
    return said


def _is_plain(value: object) -> bool:
    """Whether a template that is its name alone would give it back as it is."""
    return isinstance(value, bool | int | float | str | list | dict) and not has_jinja(value)


class HostValues:
    """A host's variables, and below them what the roles say of theirs.

    A variable that is a template is worked out once, when a text first names it, and not in each that does.
    """

    def __init__(
        self,
        roles: Iterable[str],
        task_vars: Mapping,
        templar: Templar,
        checks: Callable[[], Iterable[Check]] = tuple,
    ):
        """Take what a host has.

        :param checks: gives the checks of the host's roles; asked only where a state has them laid down.
        """
        self._checks = checks
        facts = task_vars.get("ansible_facts", {})
        self._once: dict[str, object] = {}
        self._met: set[str] = set()
        self._seen: dict[str, object] = {}
        self._all = ChainMap(self._once, dict(task_vars), said_by(roles, facts), _MANAGED)
        self._templar = templar.copy_with_new_env(available_variables=self._all)

    def engine(self, base: str) -> Engine:
        """The one way from text to value.

        :param base: the folder from which a site's relative paths start.
        """
        engine = Engine(self._filled, self._holds, self._file, lambda name: os.path.join(base, name), AnsibleError)
        return engine._replace(checks=lambda: left_checks(self._checks(), engine))

    def _with(self, item: Mapping) -> Templar:
        if not item:
            return self._templar
        return self._templar.copy_with_new_env(available_variables=ChainMap(dict(item), *self._all.maps))

    def _work_out(self, value: object) -> None:
        """Give the variables that a value names theirs, and so on, but for those that change with an item.

        What Ansible itself gives is no dict: C(hostvars) would be all variables of all hosts.
        """
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            for one in value:
                self._work_out(one)
        elif isinstance(value, str):
            for name in _NAME.findall(value):
                if name not in self._met:
                    self._met.add(name)
                    self._work_out_one(name)

    def _work_out_one(self, name: str) -> None:
        written = self._all.get(name)
        if not isinstance(written, str):
            self._work_out(written)
        elif has_jinja(written) and not _ITEM.search(written):
            self._work_out(written)
            with contextlib.suppress(AnsibleError):  # whoever uses it will be told why it can't be had
                self._once[name] = self._templar.template(written)

    def _holds(self, text: str, item: Mapping) -> bool:
        self._work_out(text)
        name = text.removeprefix("not ")
        if not item and isinstance(self._all.get(name), bool):  # as most conditions are
            return self._all[name] is (name == text)
        return self._with(item).evaluate_conditional(trust_as_template(text))

    def _file(self, path: Path, item: Mapping) -> str:
        text = _template(path)
        self._work_out(text)
        if not item:
            plain = _BARE.sub(self._plain, text)  # half of all templates are a text with names in it
            if not has_jinja(plain) and "{#" not in plain:
                return plain
        return str(self._with(item).template(text, escape_backslashes=False, overrides=_TRIM))

    def _filled(self, text: str, item: Mapping) -> object:
        """Most texts are a name, or a name in a path: those need no template."""
        self._work_out(text)
        if item:
            if text == "{{ item }}":
                return item["item"]
            if isinstance(item["item"], str):
                text = text.replace("{{ item }}", item["item"])
        named = _BARE.fullmatch(text)
        if named and _is_plain(self._all.get(named[1])):
            return self._all[named[1]]
        text = _BARE.sub(self._plain, text)
        if not has_jinja(text):
            return text
        if item:
            return self._with(item).template(trust_as_template(text))
        if text not in self._seen:
            self._seen[text] = self._templar.template(trust_as_template(text))
        return self._seen[text]

    def _plain(self, named: re.Match) -> str:
        """The value of a variable that is a number, or a text without Jinja; or else its name as it was."""
        value = self._all.get(named[1])
        return str(value) if isinstance(value, int | str) and not has_jinja(value) else named[0]


def read_ahead() -> None:
    """Read what all hosts share, once for all processes that Ansible forks."""
    importlib.import_module(".authority", __package__)  # filters in the roles' variables need it, and it takes 20 ms
    for path in sorted(ROLES.glob("*/vars/*.yml")) + sorted(ROLES.glob("*/defaults/main.yml")):
        _read(path)
    for path in sorted(ROLES.glob("*/templates/*.j2")):
        _template(path)
