# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: the guard of the journal, and whom it holds back."""

from __future__ import annotations

from ..crowding import control


def see_crowding():
    try:
        said = control.ask({})
    except OSError as error:
        return {"running": False, "unable": [str(error)], "over": [], "held": []}
    return {"running": True, **{key: said[key] for key in ("unable", "over", "held")}}
