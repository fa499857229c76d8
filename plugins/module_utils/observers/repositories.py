# SPDX-License-Identifier: GPL-3.0-or-later
"""How a repository is looked at, on the host that has it."""

from __future__ import annotations

import time

from ..backup import repository


def repository_look():
    state = repository.state_of()
    if state is None:
        return {"age_hours": -1, "wrong": [], "free_percent": -1}
    return {
        "age_hours": round((time.time() - state["at"]) / 3600, 1),
        "wrong": ["%s: %s" % (host, one["wrong"]) for host, one in sorted(state["hosts"].items()) if one["wrong"]],
        "free_percent": state["free_percent"],
    }
