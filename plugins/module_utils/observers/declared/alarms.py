# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer of alarms, and of whom they reach."""

from __future__ import annotations

from .._registry import Argument, Observer, later

OBSERVERS = {
    "alarms": Observer(
        look=later("alarms", "see_alarms"),
        text="a collector's alarms: whether the records are followed, who is to be told, and who takes nothing",
        arguments={
            "late_seconds": Argument(int, "who takes nothing for so many seconds is not reached", 1800),
            "test_days": Argument(float, "within so many days each receiver took something", required=True),
        },
        facts={
            "read_seconds": "int: age of the last record that was read; of decades where none was",
            "receivers": "int: how many are to be told",
            "undelivered": "list: receivers that take nothing, since when and why",
            "untested": "list: receivers that took nothing for longer than that, or never, as they are set now",
            "taken": "dict: receiver to when it took something last",
            "open": "list: host, since when, what, of the incidents that are open, the oldest first; at most 20",
        },
    ),
}
