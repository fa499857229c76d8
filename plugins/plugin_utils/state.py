# SPDX-License-Identifier: GPL-3.0-or-later
"""What each role lays down: roles/<role>/state.yml, read strictly. docs/ci.md shows the smallest, whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from .checks import ROLES
from .documents import DataError, brief, has_jinja, kind_of, names, parse_yaml, read_text, refuse_keys, shown, words

SYSTEMD = "systemd"
"""The package that is always there, so that a state need not name it."""


class Form(NamedTuple):
    """The keys of the entries of a section. C(short): the key that an entry is which is a text alone."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    short: str = ""


_MANY = ("each", "when")
"""Every entry may have these: a list, for each C(item) of which the entry stands; and a bare condition."""

_RIGHTS = ("owner", "group", "mode")
SOURCES = ("template", "text", "json", "copy", "program", "checks", "made")
SECTIONS = {
    "refuse": Form(("when", "because"), ("each",)),
    "needs": Form(("otherwise",), (*_MANY, "folder", "file", "interface", "addresses")),
    "packages": Form(("name",), (*_MANY, "release", "at_least", "otherwise", "purge"), "name"),
    "debconf": Form(("package", "question", "type", "value"), _MANY),
    "groups": Form(("name",), _MANY, "name"),
    "accounts": Form(("name",), (*_MANY, "home", "groups"), "name"),
    "members": Form(("account", "group"), _MANY),
    "diversions": Form(("path",), _MANY, "path"),
    "folders": Form(("path",), (*_MANY, *_RIGHTS), "path"),
    "files": Form(("path",), (*_MANY, *_RIGHTS, *SOURCES, "validate", "otherwise", "secret")),
    "nothing_else_in": Form(("path",), _MANY, "path"),
    "modules": Form(("name",), _MANY, "name"),
    "sysctls": Form(("name", "value"), _MANY),
    "units": Form(
        ("unit",),
        (
            *_MANY,
            "package",
            "enabled",
            "running",
            "masked",
            "restart_for",
            "reload_for",
            "start_for",
            "until",
            "ends_first",
        ),
        "unit",
    ),
    "leftovers": Form(("path",), _MANY, "path"),
    "formerly": Form(("path",), _MANY, "path"),
    "keep": Form(("name",), _MANY, "name"),
}
"""In the order in which they are brought about; what a section means stands in docs/ci.md."""

NEEDS = ("folder", "file", "interface", "addresses")
_SINGLE = ("ask", "goes_last")


class RoleState(NamedTuple):
    """C(sections): entries by section, each a mapping of raw values; C(ask): commands by name of their answer."""

    role: str
    where: str
    sections: dict[str, list[dict[str, object]]]
    ask: dict[str, object]
    goes_last: bool


def load_states(roles: Path = ROLES) -> dict[str, RoleState]:
    """Read the state of every role that has one.

    :return: states by role.
    :raises DataError: an entry is not understood, or two roles lay down the same; names file and entry.
    """
    found = {path.parent.name: load_state(path, path.parent.name) for path in sorted(roles.glob("*/state.yml"))}
    refuse_claims(
        (f"{state.where}, {section}", str(entry["path"]))
        for state in found.values()
        for section in ("files", "folders")
        for entry in state.sections[section]
        if not has_jinja(entry["path"])
    )
    return found


def nothing_of(state: RoleState) -> RoleState:
    """The state of a role that lays down nothing."""
    return state._replace(sections={name: [] for name in SECTIONS}, ask={})


def refuse_claims(claims: Iterable[tuple[str, str]]) -> None:
    """Refuse a path that stands twice.

    :param claims: pairs of where it stands, for the sentence, and the path.
    :raises DataError: it names both.
    """
    seen: dict[str, str] = {}
    for where, path in claims:
        if path in seen:
            raise DataError(f"{where}: {path} is laid down in {seen[path]} already; let one of them do it")
        seen[path] = where


def load_state(path: Path, role: str) -> RoleState:
    """Read one file.

    :raises DataError: an entry is not understood; names file and entry.
    """
    where = shown(path)
    document = refuse_keys(parse_yaml(read_text(path), where), where, (), (*SECTIONS, *_SINGLE))
    sections = {name: _section(document.get(name, []), name, form, where) for name, form in SECTIONS.items()}
    _check_files(sections["files"], f"{where}, files", path.parent)
    for entry in sections["needs"]:
        _exactly_one(entry, NEEDS, f"{where}, needs {brief(entry)}")
    _check_units(sections, where)
    ask = document.get("ask", {})
    if not isinstance(ask, Mapping) or not all(
        one and (isinstance(one, list) or has_jinja(one)) for one in ask.values()
    ):
        raise DataError(f"{where}, ask is {brief(ask)}; write names, each with a command as a list of words")
    last = document.get("goes_last", False)
    if not isinstance(last, bool):
        raise DataError(f"{where}, goes_last is {brief(last)}; write true, or leave it out")
    return RoleState(role, where, sections, {str(name): argv for name, argv in ask.items()}, last)


def _section(entries: object, name: str, form: Form, where: str) -> list[dict[str, object]]:
    if not isinstance(entries, list):
        raise DataError(f"{where}, {name} is a {kind_of(entries)}; write a list")
    found = []
    for number, given in enumerate(entries, start=1):
        here = f"{where}, {name} number {number}"
        written = {form.short: given} if isinstance(given, str) and form.short else given
        entry = dict(refuse_keys(written, here, form.required, form.optional))
        if "when" in entry:
            entry["when"] = words(entry["when"], f"{here}, when")
            if has_jinja(entry["when"]):
                raise DataError(f"{here}: when is a bare condition; leave out the braces")
        found.append(entry)
    return found


def _exactly_one(entry: Mapping, keys: tuple[str, ...], where: str) -> str:
    given = [key for key in keys if key in entry]
    if len(given) != 1:
        raise DataError(f"{where} has {', '.join(given) or 'none'} of {', '.join(keys)}; give exactly one")
    return given[0]


def _check_files(entries: list[dict[str, object]], where: str, role: Path) -> None:
    for entry in entries:
        here = f"{where} {brief(entry['path'])}"
        source = _exactly_one(entry, SOURCES, here)
        template = entry.get("template")
        if source in ("made", "program", "checks") and entry[source] is not True:
            raise DataError(f"{here}: {source} is {brief(entry[source])}; write true, or another source")
        if source == "template" and not has_jinja(template) and not (role / "templates" / str(template)).is_file():
            raise DataError(f"{here}: there is no template {template} in {shown(role / 'templates')}")
        if "validate" in entry and not has_jinja(entry["validate"]) and "%s" not in str(entry["validate"]):
            raise DataError(f"{here}: validate is {brief(entry['validate'])}; write a list of words, %s being the file")
        if source == "made" and "validate" in entry:
            raise DataError(f"{here} is made by somebody else, so there is nothing to validate; leave validate out")
        if "otherwise" in entry and "validate" not in entry:
            raise DataError(f"{here} says otherwise, and validates nothing; leave it out")


def _check_units(sections: Mapping[str, list[dict[str, object]]], where: str) -> None:
    """A unit comes with a file of the state or with a package, or nobody could start it."""
    packages = {str(entry["name"]) for entry in sections["packages"]} | {SYSTEMD}
    some_jinja = has_jinja([entry["name"] for entry in sections["packages"]])
    for entry in sections["units"]:
        here = f"{where}, units {brief(entry['unit'])}"
        if "package" in entry and not some_jinja and entry["package"] not in packages:
            raise DataError(f"{here}: its package {entry['package']} is none of the state's; add it to packages")
        for key in ("restart_for", "reload_for", "start_for"):
            if key in entry and not has_jinja(entry[key]):
                names(entry[key], f"{here}, {key}")
    refuse_orphans(
        [str(entry["unit"]) for entry in sections["units"] if "package" not in entry and not has_jinja(entry["unit"])],
        [str(entry["path"]) for entry in sections["files"]],
        where,
    )


def refuse_orphans(units: Sequence[str], paths: Sequence[str], where: str) -> None:
    """Refuse a unit that nothing brings, as far as paths without values can tell.

    :param units: those that no package brings.
    :raises DataError: it names the unit.
    """
    if any(has_jinja(path.rpartition("/")[2]) for path in paths):
        return
    brought = {path.rpartition("/")[2] for path in paths if path.startswith("/etc/systemd/system/")}
    for unit in units:
        if re.sub(r"@.*(\.[a-z]+)", r"@\1", unit) not in brought:
            raise DataError(f"{where}: no file of the state brings the unit {unit}; add the file, or name its package")
