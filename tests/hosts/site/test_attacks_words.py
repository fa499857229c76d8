# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that somebody chooses, and that would read like a record of something else."""

from __future__ import annotations

import pytest

from ..conftest import Lab

WARRANT = "--case A-1 --basis 'a test' --officer 'Li Wei 1' --officer 'Wang Fang 2'"
CLASSES = ("maintenance", "system", "measure_state")


@pytest.mark.parametrize("sender", ["web", "vault"])
def test_a_file_whose_name_has_line_feeds_forges_no_change_of_another(lab: Lab, sender: str, mark: str) -> None:
    """The line that it would make is in no class on its own, and the change that took place is on record."""
    folder = f"/etc/{mark}\nCLOSE_WRITE,CLOSE "
    lab.do(sender, f"mkdir -p '{folder}/etc'; echo x >'{folder}/etc/shadow-{mark}'; rm -r '{folder}'")
    escaped = f"/etc/{mark}\\nCLOSE_WRITE,CLOSE"  # and a space, which somebody may trim
    lab.arrived("maintenance", sender, f"CREATE,ISDIR {escaped}")
    lab.arrived("maintenance", sender, f"DELETE,ISDIR {escaped}")  # so what came before it has arrived, too
    for collector in lab.collectors():
        found = [line for name in CLASSES for line in lab.records(collector, name, sender, mark)]
        lines = [line for line in found if " order82-config " in line]  # sudo records the command, too
        assert lines
        assert all(escaped in line for line in lines), lines


def test_who_asked_is_who_logged_in(lab: Lab, mark: str) -> None:
    """Sudo leaves a name in the environment, which the asker may change."""
    words = f"{WARRANT.replace('A-1', mark)} --address 198.18.0.32 --port 5000 --time 2026-01-01T00:00:00Z --json"
    lab.do("collector1", f"SUDO_USER=chief LOGNAME=chief order82 trace {words}", ok=(0, 3, 4, 5))
    for lines in lab.arrived("disclosure", "collector1", mark).values():
        assert all('"by": "ops"' in line for line in lines), lines
