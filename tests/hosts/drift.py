# SPDX-License-Identifier: GPL-3.0-or-later
"""One thing breaks on a converged host, and is mended again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .conftest import Lab

BAD = ("fail", "error")


class Drift(NamedTuple):
    """`breaks` and `mends` are shell commands by host; `red` are the checks, by host, that must fail or be in error.

    `still` are units, by host, that would mend it or disturb: they do nothing meanwhile.
    """

    breaks: dict[str, str]
    mends: dict[str, str]
    red: dict[str, set[str]]
    still: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@contextlib.contextmanager
def broken(lab: Lab, drift: Drift) -> Iterator[None]:
    """Break what is whole, and mend it whatever happens in between, until what was red is passed again."""
    lab.green()
    with contextlib.ExitStack() as stack:
        for host, units in drift.still.items():
            stack.enter_context(lab.still(host, *units))
        try:
            for host, command in drift.breaks.items():
                lab.do(host, command)
            yield
        finally:
            for host, command in drift.mends.items():
                lab.do(host, command)
    lab.mended(drift)


def red(result: dict[str, Any]) -> dict[str, set[str]]:
    """The checks that are not passed, by host, but those whose failure the inventory accepts."""
    found: dict[str, set[str]] = {}
    for one in result["results"]:
        if one["outcome"] not in ("pass", "not_applicable", "waived"):
            found.setdefault(one["host"], set()).add(one["check"])
    return found


def unlike(result: dict[str, Any], drift: Drift) -> dict[str, set[str]]:
    """The checks, by host, that are red and should not be, or are not and should."""
    found = red(result)
    hosts = {one["host"] for one in result["results"]} & {*found, *drift.red}
    wrong = {host: found.get(host, set()) ^ drift.red.get(host, set()) for host in sorted(hosts)}
    return {host: checks for host, checks in wrong.items() if checks}


def differences(result: dict[str, Any], drift: Drift, whole: bool = False) -> list[str]:
    """What keeps exactly the drift's checks from being red: nothing if they are.

    :param whole: all hosts were looked at: exactly the provisions that those checks prove must be red too.
    """
    otherwise = unlike(result, drift)
    wrong = [
        # What is passed needs no words.
        f"{one['host']} {one['check']} is {one['outcome']}: {(one['message'] or {}).get('en', '')} {one['observed']}"
        for one in result["results"]
        if one["check"] in otherwise.get(one["host"], ())
    ]
    known = {(one["host"], one["check"]) for one in result["results"]}
    looked_at = {*drift.red} if whole else {host for host, _check in known}
    wrong += [
        f"{host} has no check {check}"
        for host in drift.red
        for check in drift.red[host]
        if host in looked_at and (host, check) not in known
    ]
    if not whole:
        return wrong
    touched = {provision for one in result["results"] if one["outcome"] in BAD for provision in one["provisions"]}
    named = {one["id"] for one in result["provisions"] if one["outcome"] in BAD}
    # Red before any drift, and the business of test_converged.
    nobody = {one["id"] for one in result["provisions"] if one["because"] == "nobody"}
    return wrong + [f"provision {one}" for one in sorted((named - nobody) ^ (touched - nobody))]
