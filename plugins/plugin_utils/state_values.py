# SPDX-License-Identifier: GPL-3.0-or-later
"""From a role's state as it is written to the state of one host: conditions, loops, values, templates, contents."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from .checks import ROLES
from .documents import DataError, brief, has_jinja
from .host_zipapp import zipapp
from .state import NEEDS, SECTIONS, RoleState, refuse_claims, refuse_orphans

_PATH = re.compile(r"(?!.*(//|/\.\.?(/|$)))/[^\0\n]+(?<!/)")
_MODE = re.compile(r"0[0-7]{3}")
_UNIT = re.compile(r"(?!-)[A-Za-z0-9:_.\\@-]+\.(service|timer|socket|path|target|mount)")


class Engine(NamedTuple):
    """How values are had: all three take the names that hold beside a host's own variables.

    C(template): a text with Jinja in it to its value.
    C(condition): a bare condition to whether it holds.
    C(file): a template file to a text.
    C(find): a file of the site, as a person names it, to its path.
    C(errors): what they raise.
    C(checks): the checks of all of the host's measures, as L(left_checks) leaves them there.
    """

    template: Callable[[str, Mapping], object]
    condition: Callable[[str, Mapping], bool]
    file: Callable[[Path, Mapping], str]
    find: Callable[[str], str]
    errors: type[Exception] | tuple[type[Exception], ...]
    checks: Callable[[], bytes] = bytes


class At(NamedTuple):
    """Where a value stands, in words for an error; and what it may be made with."""

    where: str
    engine: Engine
    item: Mapping[str, object]
    templates: Path


def resolve_state(
    state: RoleState, engine: Engine, present: bool, refuse: bool = True, roles: Path = ROLES
) -> dict[str, object]:
    """Give a state its values for one host.

    :param present: false where the measure is to be gone; then nothing is refused or asked for.
    :param refuse: whether the role's own refusals count; not where a host is only looked at, whose facts nobody has
        gathered.
    :return: what C(plugins/module_utils/state) takes.
    :raises DataError: a value can't be had, or is not of the kind that it must be; or one of the role's own refusals.
    """
    found: dict[str, object] = {"role": state.role, "present": present, "goes_last": state.goes_last}
    for section in SECTIONS:
        if (section == "refuse" and not refuse) or (section == "needs" and not present):
            found[section] = []
            continue
        entries = []
        for number, entry in enumerate(state.sections[section], start=1):
            where = f"{state.where}, {section} {brief(next(iter(entry.values())))} (number {number})"
            try:
                for item in _items(entry, engine):
                    at = At(where, engine, item, roles / state.role / "templates")
                    if "when" in entry and not engine.condition(entry["when"], item):
                        continue
                    values = {
                        key: _filled(value, engine, item) for key, value in entry.items() if key not in ("when", "each")
                    }
                    entries.append(_MADE[section](values, at))
            except engine.errors as error:
                raise DataError(f"{where}: {' '.join(str(error).split())}") from error
            except (OSError, UnicodeError) as error:
                raise DataError(f"{where}: {error}") from error
        found[section] = entries
    try:
        found["ask"] = {name: [str(word) for word in _filled(argv, engine, {})] for name, argv in state.ask.items()}
    except engine.errors as error:
        raise DataError(f"{state.where}, ask: {' '.join(str(error).split())}") from error
    found["sysctls"] = {entry["name"]: entry["value"] for entry in found["sysctls"]}
    for section in ("debconf", "diversions", "groups", "nothing_else_in", "modules", "leftovers", "formerly", "keep"):
        found[section] = [next(iter(entry.values())) for entry in found[section]]
    paths = [one["path"] for one in [*found["files"], *found["folders"]]]
    refuse_claims((state.where, path) for path in paths)
    refuse_orphans([one["name"] for one in found["units"] if not one["package"]], paths, state.where)
    return found


def without_contents(state: Mapping[str, object], texts: bool = False) -> dict[str, object]:
    """A state that is only to be compared with: by hashes, or with the texts of what is no secret, for the difference.

    :param texts: keep the contents of files that are neither secret nor the program.
    """
    files = [
        entry
        if texts and not entry["secret"] and entry["size"] < 100_000
        else {key: value for key, value in entry.items() if key != "content"}
        for entry in state["files"]
    ]
    return {**state, "files": files}


def _items(entry: Mapping, engine: Engine) -> Iterator[Mapping]:
    if "each" not in entry:
        yield {}
        return
    for item in _filled(entry["each"], engine, {}):
        yield {"item": item}


def _filled(value: object, engine: Engine, item: Mapping) -> object:
    if isinstance(value, str):
        return engine.template(value, item) if has_jinja(value) else value
    if isinstance(value, Mapping):
        return {key: _filled(one, engine, item) for key, one in value.items()}
    return [_filled(one, engine, item) for one in value] if isinstance(value, list) else value


def _path(value: object, where: str) -> str:
    text = str(value)
    if not _PATH.fullmatch(text):
        raise DataError(
            f"{where}: {brief(text)} is no path; write an absolute one without '..' and without '/' at its end"
        )
    return text


def _list(value: object, where: str) -> list[str]:
    if not isinstance(value, list | tuple):
        raise DataError(f"{where} is {brief(value)}; write a list")
    return [str(one) for one in value]


def _refuse(values, _at):
    """The condition of a refusal has been found to hold."""
    raise DataError(str(values["because"]))


def _needs(values, at):
    [kind] = [key for key in NEEDS if key in values]
    value = _list(values[kind], at.where) if kind == "addresses" else str(values[kind])
    return {"kind": kind, "value": value, "otherwise": " ".join(str(values["otherwise"]).split())}


def _package(values, _at):
    return {
        "name": str(values["name"]),
        **{key: " ".join(str(values.get(key) or "").split()) for key in ("release", "at_least", "otherwise")},
        "purge": bool(values.get("purge", True)),
    }


def _debconf(values, _at):
    return {"line": " ".join(str(values[key]) for key in ("package", "question", "type", "value"))}


def _account(values, at):
    return {
        "name": str(values["name"]),
        "home": _path(values.get("home", "/nonexistent"), at.where),
        "groups": _list(values.get("groups", []), at.where),
    }


def _texts(values, _at):
    return {key: str(value) for key, value in values.items()}


def _one_path(values, at):
    return {"path": _path(values["path"], at.where)}


def _rights(values: Mapping, where: str, mode: str) -> dict[str, str]:
    mode = str(values.get("mode", mode))
    if not _MODE.fullmatch(mode):
        raise DataError(f"{where}: the mode is {brief(mode)}; write four octal digits as a text, such as '0644'")
    return {"owner": str(values.get("owner", "root")), "group": str(values.get("group", "root")), "mode": mode}


def _folder(values, at):
    return {"path": _path(values["path"], at.where), **_rights(values, at.where, "0755")}


def _file(values, at):
    content = b"" if "made" in values else _content(values, at)
    return {
        "made": "made" in values,
        "path": _path(values["path"], at.where),
        **_rights(values, at.where, "0644"),
        "content": base64.b64encode(content).decode(),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "validate": _list(values.get("validate", []), at.where),
        "otherwise": " ".join(str(values.get("otherwise", "")).split()),
        "secret": bool(values.get("secret", False)),
    }


def _content(values, at) -> bytes:
    if "template" in values:
        return at.engine.file(at.templates / str(values["template"]), at.item).encode()
    if "text" in values:
        return str(values["text"]).encode()
    if "json" in values:
        return (json.dumps(_plain(values["json"]), indent=4, sort_keys=True) + "\n").encode()
    if "copy" in values:
        return Path(at.engine.find(str(values["copy"]))).read_bytes()
    if "checks" in values:
        return at.engine.checks()
    return zipapp()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, str) else value


def _unit(values, at):
    name = str(values["unit"])
    if not _UNIT.fullmatch(name):
        raise DataError(f"{at.where}: {brief(name)} is no unit; write its name with its suffix, such as .service")
    masked = bool(values.get("masked", False))
    for key in ("enabled", "running"):
        if values.get(key, True) not in (True, False, None):
            raise DataError(
                f"{at.where}: {key} is {brief(values[key])}; write true, false, or null where it does not matter"
            )
    return {
        "name": name,
        "package": str(values.get("package", "")),
        "enabled": None if masked else values.get("enabled", True),
        "running": None if masked else values.get("running", True),
        "masked": masked,
        "ends_first": bool(values.get("ends_first", False)),
        "until": str(values.get("until", "")),
        **{key: _list(values.get(key, []), f"{at.where}, {key}") for key in ("restart_for", "reload_for", "start_for")},
    }


_MADE = {
    "refuse": _refuse,
    "needs": _needs,
    "packages": _package,
    "debconf": _debconf,
    "groups": _texts,
    "accounts": _account,
    "members": _texts,
    "diversions": _one_path,
    "folders": _folder,
    "files": _file,
    "nothing_else_in": _one_path,
    "modules": _texts,
    "sysctls": _texts,
    "units": _unit,
    "leftovers": _one_path,
    "formerly": _one_path,
    "keep": _texts,
}
