# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock of a test, which it sets, is right, unless the test is about clocks (test_timekeeping.py)."""

from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import timekeeping


class RightClock:
    """Nobody has anything against it."""

    said = ()

    def against_sealing(self) -> str:
        return ""

    def against_purging(self) -> str:
        return ""


@pytest.fixture(autouse=True, scope="session")
def right_clock():
    """What the housekeeping is told by default."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(timekeeping, "look", lambda *_: RightClock())
        yield
