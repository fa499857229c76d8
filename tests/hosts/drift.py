# SPDX-License-Identifier: GPL-3.0-or-later
"""One thing breaks on a converged host, and is mended again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from .conftest import Lab


class Drift(NamedTuple):
    """`breaks` and `mends` are shell commands by host; `red` are the checks, by host, that must fail or be in error."""

    breaks: dict[str, str]
    mends: dict[str, str]
    red: dict[str, set[str]]


@contextlib.contextmanager
def broken(lab: Lab, drift: Drift) -> Iterator[None]:
    """Break, and mend whatever happens in between."""
    try:
        for host, command in drift.breaks.items():
            lab.do(host, command)
        yield
    finally:
        for host, command in drift.mends.items():
            lab.do(host, command)


def red(result: dict[str, Any]) -> dict[str, set[str]]:
    """The checks that are not passed, by host."""
    found: dict[str, set[str]] = {}
    for one in result["results"]:
        if one["outcome"] not in ("pass", "not_applicable"):
            found.setdefault(one["host"], set()).add(one["check"])
    return found


def is_seen(result: dict[str, Any], drift: Drift) -> None:
    """Exactly the checks of the drift are red, and exactly the provisions that they prove.

    :raises AssertionError: they are not.
    """
    assert red(result) == drift.red, f"{red(result)} are red, and not {drift.red}"
    bad = ("fail", "error")
    touched = {provision for one in result["results"] if one["outcome"] in bad for provision in one["provisions"]}
    named = {one["id"] for one in result["provisions"] if one["outcome"] in bad}
    # Red before any drift, and the business of test_converged.
    nobody = {one["id"] for one in result["provisions"] if one["because"] == "nobody"}
    assert named - nobody == touched - nobody
