# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import tracer
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import catalogue
from by_hand import NOON, day_of, question

pytest.importorskip("duckdb")


def test_a_day_with_another_catalogue_is_named(store, gateway, built):
    folder = built()
    path = store.parent / "index" / f"{day_of(NOON)}.json"
    path.write_text(path.read_text().replace(f'"format":{catalogue.FORMAT}', '"format":0'))
    with pytest.raises(ValueError, match="another version"):
        tracer.trace(str(store), folder, question())
    assert tracer.trace(str(store), built(), question())["status"] == "unknown"
