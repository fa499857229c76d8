# SPDX-License-Identifier: GPL-3.0-or-later
"""100,000 numbered messages, one collector killed again and again, the other out of reach: every number arrives."""

from __future__ import annotations

import time

import pytest

from ..conftest import HANG, Lab, until

COUNT = 100_000
KILLS = 6
OUTAGE_SECONDS = 120
LONGEST = 900
"""Seconds in which so many messages arrive on the slowest machine."""
KILL = "systemctl kill --signal=KILL order82-collect.service"


def numbers(lab: Lab, collector: str, mark: str) -> int:
    """How many distinct numbers of web's a collector has, of all days."""
    files = "/srv/records/system/*/web.log"
    return int(lab.do(collector, f"LC_ALL=C grep -haos 'number [0-9]* of {mark}' {files} | LC_ALL=C sort -u | wc -l"))


def test_nothing_is_lost(lab: Lab, mark: str) -> None:
    """Kill collector1's receiver with -9 in mid-stream, cut collector2 off for two minutes, kill the forwarders too.

    The outage of one does not hold up the other: all is on collector1 while collector2 is still out of reach.
    """
    lab.baseline("cut", "collector2", "inside")
    cut = time.monotonic()
    try:
        lab.do(
            "web",
            f"systemd-run --quiet --collect --unit loss-{mark} "
            f"sh -c 'seq -f \"number %.0f of {mark}\" {COUNT} | systemd-cat -t loss'",
        )
        there = 0
        for kill in range(KILLS):
            # In mid-stream: some came since the last one, and not all.
            there = until(LONGEST, lambda before=there: more(lab, mark, before), f"what comes after kill {kill}")
            lab.do("collector1", KILL)
        lab.do("web", "systemctl kill --signal=KILL 'order82-forward@*'")
        complete(lab, "collector1", mark)
        time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - cut)))  # longer than a connection outlives
    finally:
        lab.baseline("mend", "collector2", "inside")
    complete(lab, "collector2", mark)


def more(lab: Lab, mark: str, before: int) -> int:
    """How many numbers collector1 has, or 0 if it has no more than before."""
    found = numbers(lab, "collector1", mark)
    return found if found > before or found == COUNT else 0


def complete(lab: Lab, collector: str, mark: str) -> None:
    """Wait until every number is there, and see that duplicates are counted once."""
    try:
        until(LONGEST, lambda: numbers(lab, collector, mark) >= COUNT, f"{COUNT} numbers on {collector}")
    except AssertionError as error:
        way = lab.do(
            "web",
            "ss -tino dport = :2514; ls -l --time-style=full-iso /var/lib/order82-forward; "
            f"journalctl --no-pager -n 30 -u order82-forward@{collector}",
        )
        pytest.fail(f"{error}; there are {numbers(lab, collector, mark)}\n{way}")
    tally = lab.order82(collector, "records", "count", "system", "--host", "web", "--matching", mark)["web"]
    print(f"{collector}: {tally['records']} records in {tally['lines']} lines")
    assert tally["records"] == COUNT
    assert tally["lines"] >= COUNT


@pytest.mark.parametrize("sender", ["web", "vault"])
def test_forwarders_take_up_where_they_stopped(lab: Lab, sender: str, mark: str) -> None:
    """A message written while no forwarder runs arrives when one does."""
    with lab.still(sender, "order82-forward@collector1", "order82-forward@collector2"):
        lab.do(sender, f"logger -t probe {mark}")
    lab.arrived("system", sender, mark)


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
            until(HANG, lambda: numbers(lab, "collector1", mark) == 2000, "all numbers on the other collector")
            assert numbers(lab, "collector2", mark) == 0
            until(HANG, lambda: lab.records("collector1", "measure_state", "collector2", full), "the alarm")
            lab.do("collector2", "rm /srv/records/ballast; " + tend)
            until(HANG, lambda: numbers(lab, "collector2", mark) == 2000, "all numbers once there is room")
        finally:
            lab.do(
                "collector2",
                "systemctl stop order82-collect; rm -f /run/order82-records/held; umount /srv/records; "
                "systemctl start order82-collect",
            )
