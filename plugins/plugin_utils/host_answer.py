# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host answered, taken for what it is: text of a stranger. Here, and nowhere else, it becomes data.

Whatever is not exactly what was asked for is refused with one sentence. What comes through is plain: dicts with text
for keys, lists, text that no terminal obeys, finite numbers of 64 bits, booleans and None.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

from ..module_utils.observers import OBSERVERS
from .documents import DataError, brief, kind_of, refuse_keys
from .visible import one_line, visible

MARK = "\norder82-answer:"
"""Stands before the answer of a program, so that what a login script prints does no harm.

JSON has no line break inside a text, so nothing that was observed can look like it.
"""
DEPTH = 12
"""So many lists and mappings may stand in each other: twice what any observer of this collection has."""
VALUES = 100_000
"""So many values an answer may have: beside their bytes, it is they that take the controller's memory."""
SENTENCE = 500
"""So many characters of what a host says about its failure."""

_WHOLE = 2**63  # whole numbers that other programs can read, too
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_KINDS = {"bool": (bool,), "int": (int,), "float": (int, float), "str": (str,), "list": (list,), "dict": (dict,)}


class AnswerError(ValueError):
    """It is not what was asked for: one sentence with the answer as its subject."""


def from_program(stdout: str) -> object:
    """Take the answer out of what the program on a host printed.

    :raises AnswerError: it is not there, or no data that could be an answer.
    """
    _before, mark, answer = stdout.rpartition(MARK)
    if not mark:
        raise AnswerError("there is none")
    return _data(answer.partition("\n")[0], whole=True)


def from_module(stdout: str, key: str) -> object:
    """Take the answer out of what a module of ours printed, and nothing else: Ansible would obey some of its keys.

    :param key: under which the module returns it.
    :raises AnswerError: the same; or the module failed.
    """
    begin = 0 if stdout.startswith("{") else stdout.find("\n{") + 1
    if not stdout.startswith("{", begin):
        raise AnswerError("there is none")
    found = _data(stdout[begin:], whole=False)
    if key not in found:
        raise AnswerError(f"the module failed: {found.get('msg', 'it does not say why')}")
    return found[key]


def observations(answer: object, asked: Sequence[Mapping]) -> list[dict]:
    """Take the observations that were asked for: exactly one for each check, of the facts that its observer declares.

    :param asked: a dict for each check, with C(id) and C(observe).
    :return: for each check, in their order, a dict with check, observed, error, at. Where one answer is not as it must
        be, that is the error of its check.
    :raises AnswerError: it is not one answer for each check.
    """
    if not isinstance(answer, list):
        raise AnswerError(f"it is a {kind_of(answer)} and no list")
    observers = {one["id"]: next(iter(one["observe"])) for one in asked}
    found: dict[str, dict] = {}
    for one in answer:
        name = one.get("check") if isinstance(one, dict) else None
        if not isinstance(name, str) or name not in observers:
            raise AnswerError(f"it is about {brief(name)}, which nobody asked for")
        if name in found:
            raise AnswerError(f"it says two things of {name}")
        found[name] = one
    missing = [name for name in observers if name not in found]
    if missing:
        raise AnswerError(f"it says nothing of {missing[0]}")
    return [_observation(found[name], name, observer) for name, observer in observers.items()]


def state_result(answer: object, request: Mapping) -> dict:
    """Take what a host says about laying down a measure: C(brought), for a task's result, and C(looks) by role.

    :param request: what it was asked.
    :raises AnswerError: it is not that.
    """
    try:
        refuse_keys(answer, "it", ("brought", "looks"))
        brought = refuse_keys(answer["brought"], "brought", ("changed", "did", "diff", "answers"), ("failed", "msg"))
        for key in ("changed", "failed"):
            _be(brought.get(key, False), "bool", key)
        _be(brought.get("msg", ""), "str", "msg")
        _texts(brought["did"], "did")
        _codes(brought["answers"], request["bring"]["state"]["ask"], "answers")
        for one in _be(brought["diff"], "list", "diff"):
            for key, text in refuse_keys(one, "diff", ("before_header", "after_header", "before", "after")).items():
                _be(text, "str", key)
        asked = {state["role"]: state["ask"] for state in ([] if brought.get("failed") else request["look"])}
        for role, look in refuse_keys(answer["looks"], "looks", asked).items():
            refuse_keys(look, role, ("differs", "answers"))
            _texts(look["differs"], f"differs of {role}")
            _codes(look["answers"], asked[role], f"answers of {role}")
    except DataError as error:
        raise AnswerError(str(error)) from error
    return answer


def _observation(one: Mapping, name: str, observer: str) -> dict:
    try:
        refuse_keys(one, "it", ("check", "observed", "error", "at"))
        _be(one["at"], "str", "at")
        if not _TIME.fullmatch(one["at"]):
            raise AnswerError(f"at is {brief(one['at'])}, and no time as 2026-01-31T23:59:59Z")
        if (one["observed"] is None) is (one["error"] is None):
            raise AnswerError("it must have either facts or an error")
        if one["error"] is not None:
            return {**one, "error": one_line(_be(one["error"], "str", "error"), SENTENCE) or "no reason was given"}
        declared = OBSERVERS[observer].facts
        refuse_keys(one["observed"], "observed", declared)
        for fact, value in one["observed"].items():
            if value is not None:  # the observer does not know
                _be(value, declared[fact].partition(":")[0], fact)
    except (DataError, AnswerError) as error:
        sentence = one_line(f"the host's answer is not as it must be: {error}", SENTENCE)
        return {"check": name, "observed": None, "error": sentence, "at": None}
    return dict(one)


def _be(value, kind: str, what: str):
    if type(value) not in _KINDS[kind]:
        raise AnswerError(f"{what} is {brief(value)}, and must be of the type {kind}")
    return value


def _texts(value: object, what: str) -> None:
    for one in _be(value, "list", what):
        _be(one, "str", what)


def _codes(value: object, asked: Mapping, what: str) -> None:
    """Exit codes by question; None for a program that is not there."""
    for name, code in _be(value, "dict", what).items():
        if name not in asked:
            raise AnswerError(f"{what} has {brief(name)}, which nobody asked for")
        if code is not None:
            _be(code, "int", name)


def _data(text: str, whole: bool):
    """Read JSON strictly.

    :param whole: whether nothing may follow it.
    """
    try:
        value, end = _DECODER.raw_decode(text)
        if whole and text[end:].strip():
            raise AnswerError("something follows it")
        return _plain(value, [VALUES], DEPTH)
    except json.JSONDecodeError as error:
        raise AnswerError(f"it is no JSON: {error}") from error
    except RecursionError as error:
        raise AnswerError(f"it is nested deeper than {DEPTH} times") from error


def _plain(value, room: list[int], depth: int):
    """Give text back as everybody may see it; count what there is of values and depth."""
    room[0] -= 1
    if room[0] < 0:
        raise AnswerError(f"it has more than {VALUES} values")
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict | list):
        if not depth:
            raise AnswerError(f"it is nested deeper than {DEPTH} times")
        if isinstance(value, list):
            return [_plain(one, room, depth - 1) for one in value]
        return {visible(key): _plain(one, room, depth - 1) for key, one in value.items()}
    return value


def _mapping(pairs: list[tuple]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise AnswerError("a key stands twice in it")
    return found


def _integer(text: str) -> int:
    if len(text) > len(str(-_WHOLE)) or not -_WHOLE <= int(text) < _WHOLE:
        raise AnswerError("a number in it has more than 64 bits")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise AnswerError("a number in it is too large")
    return value


def _no_number(text: str):
    raise AnswerError(f"{text} in it is no number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_mapping, parse_int=_integer, parse_float=_number, parse_constant=_no_number
)
