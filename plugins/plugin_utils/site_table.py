# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host carries which role: read from playbooks/site.yml, the only table of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from .documents import ROOT, DataError, brief, has_jinja, kind_of, parse_yaml, read_text, shown

SITE = ROOT / "playbooks" / "site.yml"
COLLECTION = "order82.baseline."

_PLAY_KEYS = frozenset(
    (
        "name",
        "hosts",
        "roles",
        "any_errors_fatal",
        "become",
        "become_method",
        "become_user",
        "diff",
        "environment",
        "force_handlers",
        "gather_facts",
        "gather_subset",
        "gather_timeout",
        "handlers",
        "ignore_unreachable",
        "max_fail_percentage",
        "module_defaults",
        "order",
        "post_tasks",
        "pre_tasks",
        "serial",
        "strategy",
        "tags",
        "tasks",
        "throttle",
        "timeout",
    )
)
_ROLE_KEYS = frozenset(("role", "name", "tags", "become", "become_user", "environment"))
_ROLE_INCLUDES = ("include_role", "import_role")
_BLOCKS = ("block", "rescue", "always")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")


class Play(NamedTuple):
    """One row of the table: a host pattern, and the collection's roles in the order in which they are applied."""

    pattern: str | tuple[str, ...]
    roles: tuple[str, ...]


def load_site(path: Path = SITE, roles: Path = ROOT / "roles") -> list[Play]:
    """Read the table. Roles that a role depends on (meta/main.yml) count as applied with it.

    :param path: a playbook of plain plays.
    :param roles: the folder with the collection's roles.
    :raises DataError: a play says who gets what in a way that this table can't follow.
    """
    where = shown(path)
    plays = parse_yaml(read_text(path), where)
    if not isinstance(plays, list) or not plays:
        raise DataError(f"{where} is a {kind_of(plays)}; write a list of plays with hosts and roles")
    return [
        _play(
            play,
            f"{where}, play {brief(play.get('name', number))}"
            if isinstance(play, Mapping)
            else f"{where}, play {number}",
            roles,
        )
        for number, play in enumerate(plays, start=1)
    ]


def roles_by_host(plays: Iterable[Play], groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Say for every host of the inventory which roles it carries.

    :param groups: Ansible's variable C(groups): host names by group, with the group C(all).
    :return: roles by host, in the order in which they are applied; hosts without a role have an empty list.
    """
    found: dict[str, list[str]] = {host: [] for host in groups.get("all", ())}
    for play in plays:
        for host in match_hosts(play.pattern, groups):
            found[host].extend(role for role in play.roles if role not in found[host])
    return found


def match_hosts(pattern: str | Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Say which hosts of the inventory a host pattern means, as Ansible does.

    Names of groups and hosts, joined by C(:) or C(,) or given as a list; C(&name) keeps what is also in it, C(!name)
    takes away what is in it, wherever they stand; C(all) is every host. An unknown name means no host.

    :param groups: Ansible's variable C(groups).
    :return: host names, in the inventory's order.
    :raises DataError: the pattern has wildcards, ranges or regular expressions, or is empty.
    """
    texts = [pattern] if isinstance(pattern, str) else list(pattern)
    if any("," in text and ":" in text for text in texts):
        raise DataError(
            f"the host pattern {brief(pattern)} mixes ',' and ':', which Ansible reads otherwise than it "
            "looks; use one of them"
        )
    terms = [term.strip() for text in texts for term in re.split("[:,]", text) if term.strip()]
    if not terms:
        raise DataError(f"the host pattern {brief(pattern)} is empty; name a group, or all")
    everyone = list(groups.get("all", ()))
    for term in terms:
        if not _NAME.fullmatch(term.lstrip("!&")) or term[:2] in ("!!", "!&", "&!", "&&"):
            raise DataError(
                f"the host pattern {brief(pattern)} has '{term}'; only names of groups and hosts, all, and "
                "! or & before a name are understood"
            )
    plain = [term for term in terms if term[0] not in "!&"] or ["all"]
    chosen = {host for term in plain for host in _named(term, groups, everyone)}
    for term in terms:
        if term[0] == "&":
            chosen &= set(_named(term[1:], groups, everyone))
    for term in terms:
        if term[0] == "!":
            chosen -= set(_named(term[1:], groups, everyone))
    return [host for host in everyone if host in chosen]


def _named(term: str, groups: Mapping[str, Sequence[str]], everyone: Sequence[str]) -> Sequence[str]:
    if term in groups:
        return groups[term]
    return [term] if term in everyone else ()


def _play(play: object, where: str, roles: Path) -> Play:
    if not isinstance(play, Mapping) or "hosts" not in play:
        raise DataError(f"{where} is no play; write hosts and roles (an import_playbook hides who gets what)")
    unknown = [str(key) for key in play if key not in _PLAY_KEYS]
    if unknown:
        raise DataError(
            f"{where} has '{unknown[0]}', which the inspection can't follow; put values into group_vars "
            "and measures into roles"
        )
    hidden = [key for key in ("pre_tasks", "tasks", "post_tasks", "handlers") if _includes_role(play.get(key))]
    if hidden:
        raise DataError(f"{where} includes a role in its {hidden[0]}; list it under roles, where the inspection looks")
    pattern = play["hosts"]
    if not isinstance(pattern, str | list) or not all(isinstance(one, str) for one in pattern):
        raise DataError(f"{where}: hosts is {brief(pattern)}; write a pattern or a list of patterns")
    if has_jinja(pattern):
        raise DataError(f"{where}: hosts is {brief(pattern)}; write the pattern itself, without Jinja")
    found: list[str] = []
    for entry in play.get("roles") or ():
        _add(_role_name(entry, where), found, roles, where)
    return Play(pattern if isinstance(pattern, str) else tuple(pattern), tuple(found))


def _role_name(entry: object, where: str) -> str:
    if isinstance(entry, str):
        return entry
    name = entry.get("role", entry.get("name")) if isinstance(entry, Mapping) else None
    if not isinstance(name, str):
        raise DataError(f"{where} has the role {brief(entry)}; write its name")
    unknown = [str(key) for key in entry if key not in _ROLE_KEYS]
    if unknown:
        raise DataError(
            f"{where}: role '{name}' has '{unknown[0]}', which the inspection can't follow; put values "
            "into group_vars and conditions into groups"
        )
    return name


def _add(name: str, found: list[str], roles: Path, where: str) -> None:
    """Add a role after those it depends on; a role of another collection is none of the inspection's business."""
    short = name.removeprefix(COLLECTION)
    if "." in short or short in found:
        return
    if not (roles / short).is_dir():
        raise DataError(f"{where} has the role '{name}', which is not in {shown(roles)}; correct the name")
    meta = roles / short / "meta" / "main.yml"
    if meta.is_file():
        content = parse_yaml(read_text(meta), shown(meta))
        for entry in (content or {}).get("dependencies") or ():
            _add(_role_name(entry, shown(meta)), found, roles, shown(meta))
    found.append(short)


def _includes_role(tasks: object) -> bool:
    if isinstance(tasks, Mapping):
        return any(
            str(key).rpartition(".")[2] in _ROLE_INCLUDES or (key in _BLOCKS and _includes_role(value))
            for key, value in tasks.items()
        )
    return isinstance(tasks, list) and any(_includes_role(task) for task in tasks)
