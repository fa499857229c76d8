# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/threats.md names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "threats.md").read_text(encoding="utf-8"))


def test_it_names_many():
    assert len(NAMED) > 20


@pytest.mark.parametrize(("file", "function"), sorted(set(NAMED)))
def test_a_test_that_shows_a_promise_is_there(file, function):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"^def {function or 'test_'}", text, re.MULTILINE), f"{file} has no {function}"
