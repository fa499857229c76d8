# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import tracer
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import catalogue, duckdb_engine
from by_hand import NOON, flow, question

pytest.importorskip("duckdb")
A = ("100.64.0.7", 50000)
PUBLIC = ("203.0.113.1", 4000)


def test_without_duckdb_one_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(duckdb_engine.MissingError, match=f"pip install duckdb=={duckdb_engine.VERSION}"):
        duckdb_engine.connect()


def test_an_index_file_that_is_broken_is_told_in_one_sentence(store, gateway, built):
    gateway.flows(NOON + 2000, flow(A, PUBLIC, NOON - 5000, NOON + 1000))
    folder = built()
    [day] = catalogue.load(folder)
    path = next(name for name in os.listdir(day.folder) if name.startswith("flows-"))
    with open(os.path.join(day.folder, path), "r+b") as file:
        file.truncate(100)
    with pytest.raises(OSError, match=r"can't be read: .*systemctl start order82-nat-index"):
        tracer.trace_many(str(store), folder, [question()])
