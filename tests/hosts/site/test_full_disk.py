# SPDX-License-Identifier: GPL-3.0-or-later
"""A collector whose disk is full takes nothing, and says so; nothing is lost by it."""

from __future__ import annotations

from ..conftest import HANG, Lab, until


def test_full_disk_holds_the_senders_up_and_loses_nothing(lab: Lab, mark: str) -> None:
    """collector2's store lies on a small disk that is full: it stops receiving until there is room, and then has all."""
    # A start joins a run that is under way, which may have looked at the disk before: the second one is a run of its own.
    # systemd counts starts, and refuses more than five in ten seconds; it is told to begin to count anew.
    tend = "systemctl reset-failed order82-records.service; " + "systemctl start order82-records.service; " * 2
    full = "receiving is stopped"
    # Without its timer only these runs raise the alarm: what arrives is theirs, and no later one's.
    with lab.still("collector2", "order82-records.timer", "order82-nat-index.timer"):
        cursor = lab.cursor("collector2")
        lab.do("collector2", "systemctl stop order82-collect; mount -t tmpfs -o size=16M none /srv/records")
        try:
            lab.do("collector2", "systemctl start order82-records.service order82-collect")
            lab.do("collector2", "head -c 15950K /dev/zero > /srv/records/ballast || true; " + tend)
            assert len(lab.journal("collector2", cursor, f"-u order82-records.service -g '{full}'")) == 2
            assert lab.host("collector2").run("systemctl is-active order82-collect").stdout.strip() == "inactive"
            lab.do("web", f"seq -f 'number %.0f of {mark}' 2000 | systemd-cat -t full")
            until(HANG, lambda: lab.numbers("collector1", "web", mark) == 2000, "all numbers on the other collector")
            assert lab.numbers("collector2", "web", mark) == 0
            until(HANG, lambda: lab.records("collector1", "measure_state", "collector2", full), "the alarm")
            lab.do("collector2", "rm /srv/records/ballast; " + tend)
            until(HANG, lambda: lab.numbers("collector2", "web", mark) == 2000, "all numbers once there is room")
        finally:
            lab.do(
                "collector2",
                "systemctl stop order82-collect; rm -f /run/order82-records/held; umount /srv/records; "
                "systemctl start order82-collect",
            )
