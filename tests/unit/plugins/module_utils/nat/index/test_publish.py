# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime

from ansible_collections.order82.baseline.plugins.module_utils.nat.index import publish


def test_files_that_were_replaced_stay_a_while_and_young_days_stay_for_ever():
    def file(minute):
        return {"ModTime": f"2026-11-24T12:{minute:02}:00.123456789Z"}

    files = {
        "2026-11-24.json": file(30),
        "2026-11-24.00000001/a": file(1),
        "2026-11-24.00000002/a": file(10),
        "2026-11-24.00000003/a": file(20),
        "2026-11-24.00000004/a": file(30),
        "2026-11-23.00000005/a": file(1),
        "2026-11-23.json": file(1),
        "2026-11-22.json": file(1),
        "2026-11-22.00000006/a": file(1),
        "another file": file(1),
    }
    now = datetime.datetime(2026, 11, 24, 12, 31, tzinfo=datetime.UTC).timestamp()
    since = datetime.date(2026, 11, 23)
    wanted = {"2026-11-24": "2026-11-24.00000004"}
    gone = publish._superfluous(files, wanted, set(), since, now)
    assert gone == ["2026-11-22.json", "2026-11-22.00000006", "2026-11-24.00000001", "2026-11-24.00000002"]
    assert publish._superfluous(files, wanted, {"2026-11-24"}, since, now) == gone[:2]
