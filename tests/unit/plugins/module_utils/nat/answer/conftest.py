# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import tracer
from by_hand import question


@pytest.fixture
def asked(store, built):
    """Asks and gives the one answer."""

    def one(*arguments, **options):
        return tracer.trace(str(store), built(), question(*arguments, **options))

    return one
