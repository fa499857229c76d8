# SPDX-License-Identifier: GPL-3.0-or-later
"""100,000 numbered messages, one collector killed again and again, the other out of reach: every number arrives."""

from __future__ import annotations

import time

import pytest

from ..conftest import Lab, until

COUNT = 100_000
KILLS = 6
OUTAGE_SECONDS = 120
LONGEST = 900
"""Seconds in which so many messages arrive on the slowest machine."""
SENDER = "gateway2"
KILL = "systemctl kill --signal=KILL order82-collect.service"


def test_nothing_is_lost(lab: Lab, mark: str) -> None:
    """Kill collector1's receiver with -9 in mid-stream, cut collector2 off for two minutes, kill the forwarders too.

    The outage of one does not hold up the other: all is on collector1 while collector2 is still out of reach.
    """
    lab.baseline("cut", "collector2", "inside")
    cut = time.monotonic()
    try:
        lab.do(
            SENDER,
            f"systemd-run --quiet --collect --unit loss-{mark} "
            f"sh -c 'seq -f \"number %.0f of {mark}\" {COUNT} | systemd-cat -t loss'",
        )
        there = 0
        for kill in range(KILLS):
            # In mid-stream: some came since the last one, and not all.
            there = until(LONGEST, lambda before=there: more(lab, mark, before), f"what comes after kill {kill}")
            lab.do("collector1", KILL)
        lab.do(SENDER, "systemctl kill --signal=KILL 'order82-forward@*'")
        complete(lab, "collector1", mark)
        time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - cut)))  # longer than a connection outlives
    finally:
        lab.baseline("mend", "collector2", "inside")
    complete(lab, "collector2", mark)


def more(lab: Lab, mark: str, before: int) -> int:
    """How many numbers collector1 has, or 0 if it has no more than before."""
    found = lab.numbers("collector1", SENDER, mark)
    return found if found > before or found == COUNT else 0


def complete(lab: Lab, collector: str, mark: str, sender: str = SENDER, count: int = COUNT) -> None:
    """Wait until every number is there, and see that duplicates are counted once."""
    try:
        until(LONGEST, lambda: lab.numbers(collector, sender, mark) >= count, f"{count} numbers on {collector}")
    except AssertionError as error:
        way = lab.do(
            sender,
            "ss -tino dport = :2514; ls -l --time-style=full-iso /var/lib/order82-forward; "
            f"journalctl --no-pager -n 30 -u order82-forward@{collector}",
        )
        pytest.fail(f"{error}; there are {lab.numbers(collector, sender, mark)}\n{way}")
    tally = lab.order82(collector, "records", "count", "system", "--host", sender, "--matching", f"'of {mark}'")[sender]
    print(f"{collector}: {tally['records']} records in {tally['lines']} lines")
    assert tally["records"] == count
    assert tally["lines"] >= count


def test_a_forwarder_that_is_behind_misses_nothing_where_the_journal_begins_a_new_file(lab: Lab, mark: str) -> None:
    """It stands still in mid-stream while a file of the journal is filled, and an account speaks afterwards: all comes.

    An account that had a file of its own led the forwarder past what was in the new file of all. On Debian 13: Debian 12 begins
    all files anew at once.
    """
    sender = "gateway1"
    files = "ls /var/log/journal/*/system@*.journal 2>/dev/null | wc -l"
    stop, go = (f"systemctl kill --signal={name} 'order82-forward@*'" for name in ("STOP", "CONT"))
    count = 0

    def write(number: int) -> None:
        nonlocal count
        numbers = f"seq -f 'number %.0f of {mark}' {count + 1} {count + number}"
        lab.do(sender, f"{numbers} | systemd-cat -t loss; journalctl --sync")
        count += number

    lab.do(sender, f"runuser -u ops -- logger -t probe before {mark}")
    lab.arrived("system", sender, f"before {mark}")
    lab.do(sender, stop)
    try:
        write(60000)
        while not lab.numbers("collector1", sender, mark):  # it has begun, and is not at the end
            lab.do(sender, f"{go}; sleep 0.3; {stop}")
        assert lab.numbers("collector1", sender, mark) < count
        before, filled = int(lab.do(sender, files)), False
        while not filled:  # and then some more, which are in the new file
            filled = int(lab.do(sender, files)) > before
            write(30000)
        lab.do(sender, f"runuser -u ops -- logger -t probe after {mark}")
    finally:
        lab.do(sender, go)
    for collector in lab.collectors():
        complete(lab, collector, mark, sender, count)


@pytest.mark.parametrize("sender", ["gateway1", "gateway2"])
def test_forwarders_take_up_where_they_stopped(lab: Lab, sender: str, mark: str) -> None:
    """A message written while no forwarder runs arrives when one does."""
    with lab.still(sender, "order82-forward@collector1", "order82-forward@collector2"):
        lab.do(sender, f"logger -t probe {mark}")
    lab.arrived("system", sender, mark)
