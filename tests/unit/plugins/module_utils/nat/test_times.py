# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat import times


def test_times_have_three_decimals():
    assert times.seconds(1790000060005) == "1790000060.005"
    assert times.milliseconds("1790000060.005") == 1790000060005
    with pytest.raises(ValueError, match="three decimals"):
        times.milliseconds("1790000060.05")
