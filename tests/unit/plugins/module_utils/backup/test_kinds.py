# SPDX-License-Identifier: GPL-3.0-or-later
"""What is counted in a copy of a database."""

from __future__ import annotations

import contextlib
import sqlite3

from ansible_collections.order82.baseline.plugins.module_utils.backup import kinds


def test_a_sqlite_table_of_a_module_that_is_the_applications_own_is_counted_by_what_it_keeps(tmp_path):
    """Full text by a tokenizer that only the application has: its content lies in ordinary tables."""
    with contextlib.closing(sqlite3.connect(tmp_path / "app.db")) as database:
        database.execute("CREATE TABLE t (a)")
        database.execute("CREATE VIRTUAL TABLE pages USING fts5(body, tokenize = 'unicode61')")
        database.execute("INSERT INTO t VALUES (1), (2)")
        database.execute("INSERT INTO pages VALUES ('x')")
        database.execute("PRAGMA writable_schema = ON")
        database.execute("UPDATE sqlite_master SET sql = replace(sql, 'unicode61', 'jieba') WHERE name = 'pages'")
        database.commit()
    counted = kinds.counted("sqlite", "", str(tmp_path))
    assert counted["/app.db/t"] == [2, ""]
    assert counted["/app.db/pages_content"] == [1, ""]
    assert "/app.db/pages" not in counted
