# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a state can't be brought about."""

from __future__ import annotations


class StateError(Exception):
    """One sentence for the person who applies the measure: what, where, how to mend it."""
