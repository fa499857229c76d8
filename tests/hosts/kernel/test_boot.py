# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that boots, with a kernel that has nothing loaded yet: every measure is up again and no record is missing."""

from __future__ import annotations

from ..conftest import READ, Lab, until

NUMBERS = 500


def test_all_measures_are_up_again_after_a_boot(lab: Lab, mark: str) -> None:
    numbers = f"for number in $(seq {NUMBERS}); do echo {mark}-$number; done"
    before = lab.do("server1", f"({numbers}) | systemd-cat -t probe; cat /proc/sys/kernel/random/boot_id")
    lab.do("server1", "systemd-run -q --on-active=1 systemctl reboot")

    def booted() -> bool:
        try:
            said = lab.host("server1").run("cat /proc/sys/kernel/random/boot_id; systemctl is-system-running").stdout
        except RuntimeError:  # nobody to log in at yet
            return False
        return before.strip() not in said and said.split()[1:] == ["running"]

    until(600, booted, "the boot of server1, with no failed unit")

    lab.green(within=600)
    found = lab.do("server1", f"{READ} /srv/records/*/*/server1.log* | grep -aoE '{mark}-[0-9]+' | sort -u").split()
    assert len(found) == NUMBERS
