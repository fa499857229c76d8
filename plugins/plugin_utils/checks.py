# SPDX-License-Identifier: GPL-3.0-or-later
"""What each role promises and how that is seen: roles/<role>/checks.yml, read strictly."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ..module_utils.comparisons import COMPARISONS
from ..module_utils.observers import OBSERVERS
from ..module_utils.observers._registry import problems
from .documents import (
    ROOT,
    DataError,
    both_languages,
    brief,
    has_jinja,
    kind_of,
    names,
    parse_yaml,
    read_text,
    refuse_keys,
    refuse_value,
    shown,
    words,
)
from .law import Law, Provision

ROLES = ROOT / "roles"
SITE_ROLE = "site"
"""The name before the point in the ids of a site's own checks, which belong to no role."""

AS_LAID_DOWN = "as_laid_down"
"""The name of the check that every role with a state.yml has."""

SEVERITIES = ("high", "medium", "low")
_REQUIRED = ("id", "proves", "observe", "expect", "severity", "why", "by_hand")
_SMART_QUOTES = re.compile("[\u2018\u2019\u201c\u201d]")


class Check(NamedTuple):
    """One promise. C(arguments), C(expect), C(when) and C(by_hand) may have Jinja in them until a host resolves them.

    C(expect): for each fact, the comparisons that must all hold.
    C(stands_for): measures that the site does by another product, which this check sees; only a site's own has any.
    C(otherwise): the reason to give where C(when) does not hold; None where the condition itself is reason enough.
    """

    id: str
    role: str
    proves: tuple[str, ...]
    observer: str
    arguments: dict[str, object]
    expect: dict[str, dict[str, object]]
    when: str | None
    severity: str
    why: dict[str, str]
    by_hand: str
    stands_for: tuple[str, ...] = ()
    otherwise: dict[str, str] | None = None


def load_roles(law: Law, roles: Path = ROLES, only: Iterable[str] | None = None) -> dict[str, list[Check]]:
    """Read the checks of every role that has a checks.yml.

    :param roles: the folder of roles.
    :param only: the roles to read; all by default.
    :return: checks by role, in the order of the files; a role without checks has an empty list.
    :raises DataError: an entry is not understood; names file and entry.
    """
    if only is None:
        only = sorted(path.name for path in roles.iterdir() if path.is_dir()) if roles.is_dir() else []
    return {
        role: [
            *(load_checks(roles / role / "checks.yml", role, law) if (roles / role / "checks.yml").is_file() else []),
            *([as_laid_down(role)] if (roles / role / "state.yml").is_file() else []),
        ]
        for role in only
    }


def is_laid_down(check: Check) -> bool:
    """Whether this is that check."""
    return check.id == f"{check.role}.{AS_LAID_DOWN}"


def as_laid_down(role: str) -> Check:
    """The check that no role needs to write: what its state.yml lays down is there, and nothing else in its place."""
    return Check(
        f"{role}.{AS_LAID_DOWN}",
        role,
        ("art14-2", "art14-3", "art14-4"),
        "laid_down",
        {"role": role},
        {"differs": {"empty": True}, "altered_programs": {"empty": True}},
        f"{role}_state == 'present'",
        "high",
        {
            "zh": "措施的配置、程序、账户、服务与内核设置须与下发时一致；被改动、删除、替换或缩小范围的，逐项列出。",
            "en": "Configuration, programs, accounts, services and kernel settings of the measure are as they were "
            "laid down; "
            "what was changed, deleted, replaced or narrowed is named.",
        },
        "./baseline site -i INVENTORY --check --diff --limit {{ inventory_hostname }}",
        otherwise={
            "zh": f"{role}_state 不是 present：此项措施不在该主机上部署。",
            "en": f"{role}_state is not present: this measure is not laid down on this host.",
        },
    )


def load_checks(path: Path, role: str, law: Law) -> list[Check]:
    """Read one file of checks.

    :param role: the role whose name starts every id; SITE_ROLE for a site's own file.
    :raises DataError: an entry is not understood; names file and entry.
    """
    where, text = shown(path), read_text(path)
    quote = _SMART_QUOTES.search(text)
    if quote:
        line = text.count("\n", 0, quote.start()) + 1
        raise DataError(
            f"{where} line {line} has the curly quote U+{ord(quote.group()):04X}; write a straight one, or "
            "\u300c\u300d in Chinese"
        )
    entries = parse_yaml(text, where)
    if not isinstance(entries, list) or not entries:
        raise DataError(f"{where} is no list of checks ({kind_of(entries)}); write one, or leave the file out")
    provable = {name: provision for name, provision in law.provisions.items() if provision.binds_units}
    found: dict[str, Check] = {}
    for number, entry in enumerate(entries, start=1):
        name = entry.get("id") if isinstance(entry, Mapping) else None
        here = f"{where}, check '{name}'" if isinstance(name, str) else f"{where}, check number {number}"
        check = _check(entry, role, provable, here)
        if check.id in found:
            raise DataError(f"{where}, check '{check.id}' stands twice; give each check an id of its own")
        found[check.id] = check
    return list(found.values())


def _check(entry: object, role: str, provable: Mapping[str, Provision], where: str) -> Check:
    optional = ("when", "otherwise", *(["stands_for"] if role == SITE_ROLE else []))
    entry = refuse_keys(entry, where, _REQUIRED, optional)
    name = words(entry["id"], f"{where}, id")
    if not re.fullmatch(re.escape(role) + r"\.[a-z0-9_]+", name):
        raise DataError(f"{where}: the id must be '{role}.' and then small letters, digits and underscores")
    proves = names(entry["proves"], f"{where}, proves")
    if not proves:
        raise DataError(f"{where} proves nothing; name at least one provision")
    for provision in proves:
        refuse_value(provision, f"{where}, proves", "provision that binds a unit", list(provable))
    stands_for = names(entry.get("stands_for", []), f"{where}, stands_for")
    measures = sorted(
        {one for name in proves for one in (*provable[name].measures, *(part.id for part in provable[name].parts))}
    )
    for measure in stands_for:
        refuse_value(measure, f"{where}, stands_for", "measure of what it proves", measures)
    if "otherwise" in entry and "when" not in entry:
        raise DataError(f"{where} says why it does not apply, and always applies; write when, or leave otherwise out")
    observer, arguments = _observe(entry["observe"], where)
    return Check(
        name,
        role,
        proves,
        observer,
        arguments,
        read_expect(entry["expect"], observer, where),
        _when(entry["when"], where) if "when" in entry else None,
        refuse_value(entry["severity"], where, "severity", SEVERITIES),
        both_languages(entry["why"], f"{where}, why"),
        words(entry["by_hand"], f"{where}, by_hand"),
        stands_for,
        both_languages(entry["otherwise"], f"{where}, otherwise") if "otherwise" in entry else None,
    )


def _observe(observe: object, where: str) -> tuple[str, dict[str, object]]:
    if not isinstance(observe, Mapping) or len(observe) != 1:
        raise DataError(f"{where}: observe is {brief(observe)}; write exactly one observer with its arguments")
    [(observer, arguments)] = observe.items()
    refuse_value(observer, where, "observer", sorted(OBSERVERS))
    arguments = {} if arguments is None else arguments
    if not isinstance(arguments, Mapping):
        raise DataError(f"{where}: the arguments of observer '{observer}' are a {kind_of(arguments)}; write a mapping")
    wrong = problems(observer, OBSERVERS[observer], arguments)
    if wrong:
        raise DataError(f"{where}: {wrong[0]}")
    for key, value in arguments.items():
        kind = OBSERVERS[observer].arguments[key].type
        if not has_jinja(value) and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            raise DataError(
                f"{where}: argument '{key}' of observer '{observer}' is {brief(value)}; it takes a {kind.__name__}"
            )
    return observer, dict(arguments)


def read_expect(expect: object, observer: str, where: str) -> dict[str, dict[str, object]]:
    """Give back what is expected of an observer's facts.

    :raises DataError: a fact or comparison is unknown, or the two do not fit each other or the value.
    """
    if not isinstance(expect, Mapping) or not expect:
        raise DataError(f"{where} expects nothing; write expect as {{fact: {{comparison: value}}}}")
    facts = OBSERVERS[observer].facts
    for fact, comparisons in expect.items():
        refuse_value(fact, where, f"fact of observer '{observer}'", facts)
        if not isinstance(comparisons, Mapping) or not comparisons:
            raise DataError(f"{where} expects nothing of '{fact}'; write at least one of: {', '.join(COMPARISONS)}")
        kind = facts[fact].partition(":")[0].partition(" ")[0]
        for comparison, value in comparisons.items():
            refuse_value(comparison, f"{where}, fact '{fact}'", "comparison", COMPARISONS)
            rule = COMPARISONS[comparison]
            if kind not in rule.facts:
                raise DataError(
                    f"{where}: '{fact}' is a {kind}, which '{comparison}' can't compare; it compares: "
                    f"{', '.join(rule.facts)}"
                )
            if not has_jinja(value) and not rule.expects(value):
                raise DataError(f"{where}: '{comparison}' of '{fact}' is {brief(value)}; it takes {rule.takes}")
    return {fact: dict(comparisons) for fact, comparisons in expect.items()}


def _when(when: object, where: str) -> str:
    when = words(when, f"{where}, when")
    if has_jinja(when):
        raise DataError(f"{where}: when is a bare condition; leave out the braces")
    return when
