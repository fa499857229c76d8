# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import build
from by_hand import Gateway


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def gateway(store):
    one = Gateway(store)
    one.begin()
    return one


@pytest.fixture
def built(store, tmp_path):
    """Builds the index of all days of the store; gives its folder."""

    def build_all(**options):
        folder = tmp_path / "index"
        for day in build.stale(str(store), str(folder)):
            build.build(str(store), str(folder), day, threads=1, memory="256MB", **options)
        return str(folder)

    return build_all
