# SPDX-License-Identifier: GPL-3.0-or-later
"""100,000 numbered messages, one collector killed again and again, the other out of reach: every number arrives."""

from __future__ import annotations

import time

import pytest

from ..conftest import Lab, until

COUNT = 100_000
OUTAGE_SECONDS = 120
KILL = "systemctl kill --signal=KILL order82-collect.service"


def test_nothing_is_lost(lab: Lab, mark: str) -> None:
    """Kill collector1's receiver with -9 in mid-stream, cut collector2 off for two minutes, kill the forwarders too."""
    lab.baseline("cut", "collector2", "inside")
    started = time.monotonic()
    try:
        lab.do(
            "web",
            f"systemd-run --quiet --collect --unit loss-{mark} "
            f"sh -c 'seq -f \"number %.0f of {mark}\" {COUNT} | systemd-cat -t loss'",
        )
        for _ in range(6):
            time.sleep(2)
            lab.do("collector1", KILL)
        lab.do("web", "systemctl kill --signal=KILL 'order82-forward@*'")
        complete(lab, "collector1", mark)
        # The outage of one did not hold up the other: collector2 is still out of reach.
        assert time.monotonic() - started < OUTAGE_SECONDS
        time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - started)))
    finally:
        lab.baseline("mend", "collector2", "inside")
    complete(lab, "collector2", mark)


def complete(lab: Lab, collector: str, mark: str) -> None:
    """Wait until every number is there, and see that duplicates are counted once."""
    path = "/srv/records/system/$(date -u +%F)/web.log"
    numbers = f"grep -ao 'number [0-9]* of {mark}' {path} | sort -u | wc -l"
    try:
        until(90, lambda: int(lab.do(collector, numbers)) >= COUNT, f"{COUNT} numbers on {collector}")
    except AssertionError as error:
        way = lab.do(
            "web",
            "ss -tino dport = :2514; ls -l --time-style=full-iso /var/lib/order82-forward; "
            f"journalctl --no-pager -n 30 -u order82-forward@{collector}",
        )
        pytest.fail(f"{error}; there are {lab.do(collector, numbers).strip()}\n{way}")
    # Without --day the count goes over midnight too.
    tally = lab.order82(collector, "records", "count", "system", "--host", "web", "--matching", mark)["web"]
    print(f"{collector}: {tally['records']} records in {tally['lines']} lines")
    assert tally["records"] == COUNT
    assert tally["lines"] >= COUNT


def test_forwarders_take_up_where_they_stopped(lab: Lab, mark: str) -> None:
    """A message written while no forwarder runs arrives when one does."""
    lab.do("app", "systemctl stop 'order82-forward@*'")
    try:
        lab.do("app", f"logger -t probe {mark}")
    finally:
        lab.do("app", "systemctl start order82-forward@collector1 order82-forward@collector2")
    for collector in ("collector1", "collector2"):
        until(20, lambda at=collector: lab.records(at, "system", "app", mark), f"{mark} on {collector}")


def test_full_disk_holds_the_senders_up_and_loses_nothing(lab: Lab, mark: str) -> None:
    """collector2's store lies on a small disk that is full: it stops receiving until there is room, and then has all."""
    # A start joins a run that is under way, which may have looked at the disk before: the second one is a run of its own.
    # systemd counts starts, and refuses more than five in ten seconds; it is told to begin to count anew.
    tend = "systemctl reset-failed order82-records.service; " + "systemctl start order82-records.service; " * 2
    count = f"grep -ao 'number [0-9]* of {mark}' /srv/records/system/$(date -u +%F)/web.log | sort -u | wc -l"
    cursor = lab.do("collector2", "journalctl -n 0 --show-cursor").rpartition("cursor: ")[2].strip()
    # Without its timer only these runs raise the alarm: what arrives is theirs, and no later one's.
    lab.do(
        "collector2",
        "systemctl stop order82-records.timer order82-collect; mount -t tmpfs -o size=16M none /srv/records",
    )
    try:
        lab.do("collector2", "systemctl start order82-records.service order82-collect")
        lab.do("collector2", "head -c 15950K /dev/zero > /srv/records/ballast; " + tend)
        alarm = (
            f"journalctl -u order82-records.service --after-cursor '{cursor}' -o cat | grep -c 'receiving is stopped'"
        )
        assert int(lab.do("collector2", alarm)) == 2
        assert lab.host("collector2").run("systemctl is-active order82-collect").stdout.strip() == "inactive"
        lab.do("web", f"seq -f 'number %.0f of {mark}' 2000 | systemd-cat -t full")
        until(30, lambda: int(lab.do("collector1", count)) == 2000, "all numbers on the other collector")
        assert lab.do("collector2", count).strip() == "0"
        until(60, lambda: lab.records("collector1", "measure_state", "collector2", "receiving is stopped"), "the alarm")
        lab.do("collector2", "rm /srv/records/ballast; " + tend)
        until(60, lambda: int(lab.do("collector2", count)) == 2000, "all numbers once there is room")
    finally:
        lab.do(
            "collector2",
            "systemctl stop order82-collect; rm -f /run/order82-records/held; umount /srv/records; "
            "systemctl start order82-collect order82-records.timer",
        )
