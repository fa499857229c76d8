# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: the guard of the journal, and whom it holds back."""

from __future__ import annotations

from ..crowding import control
from ._registry import Observer


def _crowding():
    try:
        said = control.ask({})
    except OSError as error:
        return {"running": False, "unable": [str(error)], "over": [], "held": []}
    return {"running": True, **{key: said[key] for key in ("unable", "over", "held")}}


OBSERVERS = {
    "crowding": Observer(
        look=_crowding,
        text="the guard of the journal (order82-journal.service): who wrote more than an account's part today",
        arguments={},
        facts={
            "running": "bool: it answers",
            "unable": "list: what it can't do: read the journal, stop a process",
            "over": "list: accounts that wrote more than their part",
            "held": "list: those of them whose processes are stopped",
        },
    ),
}
