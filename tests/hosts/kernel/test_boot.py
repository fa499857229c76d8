# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that boots, with a kernel that has nothing loaded yet: every measure is up again and no record is missing."""

from __future__ import annotations

from pathlib import Path

from ..conftest import Lab, until

NUMBERS = 500


def test_all_measures_are_up_again_after_a_boot(lab: Lab, mark: str, tmp_path: Path) -> None:
    numbers = f"for number in $(seq {NUMBERS}); do echo {mark}-$number; done"
    before = lab.do("server1", f"({numbers}) | systemd-cat -t probe; cat /proc/sys/kernel/random/boot_id")
    lab.do("server1", "systemd-run -q --on-active=1 systemctl reboot")

    def booted() -> bool:
        try:
            said = lab.host("server1").run("cat /proc/sys/kernel/random/boot_id; systemctl is-system-running").stdout
        except RuntimeError:  # nobody to log in at yet
            return False
        return before.strip() not in said and said.split()[1:] == ["running"]

    until(300, booted, "the boot of server1, with no failed unit")

    def outcomes() -> list[tuple[str, str]]:
        found = lab.inspect(tmp_path)["results"]
        assert found
        return [(one["check"], one["outcome"]) for one in found if one["outcome"] not in ("pass", "not_applicable")]

    # Some checks look at the last minutes: a heartbeat, a beat, a synchronised clock.
    until(240, lambda: outcomes() == [], "an inspection in which every check passes")
    found = lab.do("server1", f"grep -rhaoE '{mark}-[0-9]+' /srv/records/*/*/server1.log | sort -u").split()
    assert len(found) == NUMBERS
