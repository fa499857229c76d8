# SPDX-License-Identifier: GPL-3.0-or-later
"""From a check as it is written to a check for one host: every Jinja value in it gets its value."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .checks import Check
from .documents import has_jinja


class Resolved(NamedTuple):
    """A check for one host.

    C(applies): false if its condition says that it has nothing to do with this host.
    C(problem): why a value could not be had, as one sentence; then the other values are as they were written.
    """

    id: str
    applies: bool
    problem: str | None
    arguments: dict[str, object]
    expect: dict[str, dict[str, object]]
    by_hand: str


def resolve(check: Check, template: Callable[[object], object], condition: Callable[[str], bool],
            errors: type[Exception] | tuple[type[Exception], ...]) -> Resolved:
    """Give a check its values for one host.

    :param template: takes any value with Jinja in it, gives it back without.
    :param condition: takes a bare Jinja condition, says whether it holds.
    :param errors: what these two raise where a variable is missing or an expression is wrong.
    """
    written = Resolved(check.id, True, None, check.arguments, check.expect, check.by_hand)
    try:
        if check.when is not None and not condition(check.when):
            return written._replace(applies=False)
        values = [check.arguments, check.expect, check.by_hand]
        if not has_jinja(values):
            return written
        arguments, expect, by_hand = template(values)
        return written._replace(arguments=arguments, expect=expect, by_hand=str(by_hand))
    except errors as error:
        return written._replace(problem=" ".join(str(error).split()))
