# SPDX-License-Identifier: GPL-3.0-or-later
"""From a check as it is written to a check for one host: every Jinja value in it gets its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

    def differences(self, check: Check) -> dict[str, object]:
        """What is not as the check was written, beside the id: most checks travel as their id alone."""
        written = as_written(check)._asdict()
        return {"id": self.id, **{key: value for key, value in self._asdict().items() if value != written[key]}}


def as_written(check: Check) -> Resolved:
    """A check that needs no values and applies everywhere."""
    return Resolved(check.id, True, None, check.arguments, check.expect, check.by_hand)


def resolve(
    check: Check,
    template: Callable[[str], object],
    condition: Callable[[str], bool],
    errors: type[Exception] | tuple[type[Exception], ...],
) -> Resolved:
    """Give a check its values for one host.

    :param template: takes a text with Jinja in it, gives back its value, which keeps its type.
    :param condition: takes a bare Jinja condition, says whether it holds.
    :param errors: what these two raise where a variable is missing or an expression is wrong.
    """
    written = as_written(check)
    try:
        if check.when is not None and not condition(check.when):
            return written._replace(applies=False)
        return written._replace(
            arguments=_filled(check.arguments, template),
            expect=_filled(check.expect, template),
            by_hand=str(_filled(check.by_hand, template)),
        )
    except errors as error:
        return written._replace(problem=" ".join(str(error).split()))


def _filled(value: object, template: Callable[[str], object]) -> object:
    if isinstance(value, str):
        return template(value) if has_jinja(value) else value
    if isinstance(value, Mapping):
        return {key: _filled(one, template) for key, one in value.items()}
    return [_filled(one, template) for one in value] if isinstance(value, list) else value
