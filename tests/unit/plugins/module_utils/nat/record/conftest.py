# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from recording import Texts


@pytest.fixture(name="texts")
def _texts() -> Texts:
    return Texts()
