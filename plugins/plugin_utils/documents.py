# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the collection's YAML strictly: what is not understood is refused, and the sentence says where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from ..module_utils.comparisons import brief, kind_of

__all__ = [
    "ROOT",
    "DataError",
    "both_languages",
    "brief",
    "has_jinja",
    "kind_of",
    "names",
    "parse_yaml",
    "read_text",
    "refuse_keys",
    "refuse_value",
    "shown",
    "words",
]

ROOT = Path(__file__).resolve().parents[2]
"""The collection's own folder: law/, roles/ and playbooks/ lie in it."""

LANGUAGES = ("zh", "en")


class DataError(ValueError):
    """Something that a person wrote can't be used: one sentence with file and entry, what is wrong, how to mend it."""


class _StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML's safe loader, but a key that stands twice in one mapping is an error and not the last one's victory."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is no plain text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def shown(path: Path) -> str:
    """Name a file for a person: relative to the collection where it lies in it."""
    try:
        return path.resolve().relative_to(ROOT).as_posix()
    except ValueError:
        return str(path)


def read_text(path: Path) -> str:
    """Read a UTF-8 file.

    :raises DataError: it isn't there, can't be read or isn't UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(f"{shown(path)} does not exist") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{shown(path)} can't be read: {error}") from error


def parse_yaml(text: str, where: str) -> object:
    """Parse one YAML document.

    :param text: the document.
    :param where: the file as a person knows it, for the error.
    :raises DataError: it isn't YAML, or a key stands twice.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)  # a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DataError(f"{where}{line}: {error.problem or error}") from error
    except yaml.YAMLError as error:
        raise DataError(f"{where}: {error}") from error


def refuse_keys(entry: object, where: str, required: Iterable[str], optional: Iterable[str] = ()) -> Mapping:
    """Give the entry back if it is a mapping with exactly the keys that it may and must have.

    :raises DataError: it is something else, lacks a key or has one that nobody knows.
    """
    required, optional = tuple(required), tuple(optional)
    allowed = ", ".join((*required, *optional))
    if not isinstance(entry, Mapping):
        raise DataError(f"{where} is a {kind_of(entry)}; write a mapping with the keys: {allowed}")
    unknown = [str(key) for key in entry if key not in required and key not in optional]
    if unknown:
        raise DataError(f"{where} has the unknown key '{unknown[0]}'; it takes: {allowed}")
    missing = [key for key in required if key not in entry]
    if missing:
        raise DataError(f"{where} lacks the key '{missing[0]}'; it takes: {allowed}")
    return entry


def refuse_value(value: object, where: str, noun: str, known: Iterable[str]) -> str:
    """Give the value back if it is in a closed set.

    :param noun: what the value is, such as 'severity'.
    :raises DataError: it is not one of C(known).
    """
    known = tuple(known)
    if not isinstance(value, str) or value not in known:
        raise DataError(f"{where}: unknown {noun} {brief(value)}; there are: {', '.join(known)}")
    return value


def words(value: object, where: str) -> str:
    """Give the value back if it is text that says something.

    :raises DataError: it is empty or no text.
    """
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where} is {brief(value)}; write a text")
    return value.strip()


def both_languages(value: object, where: str) -> dict[str, str]:
    """Give back a text in Chinese and English.

    :raises DataError: one of them is missing or empty, or there is another key.
    """
    entry = refuse_keys(value, where, LANGUAGES)
    return {language: words(entry[language], f"{where}.{language}") for language in LANGUAGES}


def names(value: object, where: str) -> tuple[str, ...]:
    """Give back a list of different names.

    :raises DataError: it is no list of text, or a name stands twice.
    """
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) and name for name in value):
        raise DataError(f"{where} is {brief(value)}; write a list of names")
    twice = [name for index, name in enumerate(value) if name in value[:index]]
    if twice:
        raise DataError(f"{where} names '{twice[0]}' twice; name it once")
    return tuple(value)


def has_jinja(value: object) -> bool:
    """Whether there is a Jinja expression anywhere in a value."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, Mapping):
        return any(has_jinja(one) for one in value.values())
    return isinstance(value, list) and any(has_jinja(one) for one in value)
