# SPDX-License-Identifier: GPL-3.0-or-later
"""How surely a sender's records reach both collectors: whatever is killed or cut off meanwhile, each number is looked for afterwards.

Numbered messages are written all the time. Meanwhile receivers and fronts of both collectors are killed with -9, a hundred in all, each in
mid-stream; the forwarders are stopped or killed, and started again, twenty times while no collector receives; packets to and from the
collectors are dropped for longer than a connection lives; and the store of one collector lies on a disk that is full. That each of these did what
it should is seen, too: in an outage nothing arrives, and what was held up comes afterwards.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from _lab import LONGEST
from _numbered import FOLDER, Way

KILLS = 100
RESTARTS = 20
PARTITION_SECONDS = 60
"""Longer than omrelp waits for an answer (20 s) and than a connection to a collector outlives (60 s)."""
FULL_SECONDS = 30
DISK = "64M"
_RECEIVER, _FRONT = "order82-collect.service", "order82-front.service"
_CUT = """table inet order82_bench {
  chain out { type filter hook output priority -300; policy accept; tcp dport PORT drop; }
  chain in { type filter hook input priority -300; policy accept; tcp sport PORT drop; }
}
"""


def lose(way: Way, rate: int) -> dict[str, Any]:
    """Write, and do all this meanwhile; what became of the messages.

    :raises RuntimeError: something of it did not do what it should.
    """
    mark = f"{uuid.uuid4().hex[:8]}-loss"
    way.announce(way.sender, "order82-forward@*")
    for collector in way.collectors:
        way.announce(collector, _RECEIVER)
        way.announce(collector, _FRONT)
    way.begin_writing(mark, rate)
    begin, spans = time.monotonic(), {}
    for name, step in (("kills", kills), ("restarts", restarts), ("partition", partition), ("full disk", full_disk)):
        step(way, mark)
        spans[name], begin = round(time.monotonic() - begin), time.monotonic()
    count = way.end_writing()
    way.all_came(mark, count)
    found = way.count(mark, count)
    lost = sum(count - one["distinct"] for one in found.values())
    return {
        "sender": way.sender,
        "messages": count,
        "kills": KILLS // len(way.collectors) * len(way.collectors),
        "restarts": RESTARTS,
        "seconds": spans,
        "lost": lost,
        "missing": {collector: one["missing"] for collector, one in found.items()},
        "twice": {collector: one["lines"] - one["distinct"] for collector, one in found.items()},
        "holds": not lost,
    }


def table(document: dict[str, Any]) -> str:
    """For a person."""
    spans = ", ".join(f"{name} {seconds} s" for name, seconds in document["seconds"].items())
    twice = ", ".join(f"{number} on {collector}" for collector, number in document["twice"].items())
    said = "holds" if document["holds"] else f"DOES NOT HOLD: {document['missing']}"
    return (
        f"{document['messages']} messages of {document['sender']} in {spans}\n"
        f"{document['kills']} receivers killed with -9, {document['restarts']} starts of the forwarders while none received\n"
        f"came twice: {twice}\n{document['lost']} lost; {said}: none lost"
    )


def kills(way: Way, mark: str) -> None:
    """Receiver and front of each collector by turns, each when something has come since the last time."""

    def each(collector: str) -> None:
        more(way, collector, mark, -1)
        for kill in range(KILLS // len(way.collectors)):
            unit = (_RECEIVER, _FRONT)[kill % 2]
            way.lab.do(
                collector,
                f"until pid=$(systemctl show -P MainPID {unit}); [ $pid != 0 ]; do sleep 0.1; done; kill -KILL $pid",
            )
            more(way, collector, mark, way.newest(collector, mark))

    way.each(each)


def restarts(way: Way, mark: str) -> None:
    """The forwarders begin again and again while nobody receives: every other time they are killed."""
    way.each(lambda collector: way.lab.do(collector, f"systemctl stop {_RECEIVER}"))
    before = newest(way, mark)
    for number in range(RESTARTS):
        units = " ".join(way.units)
        way.do(
            f"systemctl kill --signal=KILL {units}; sleep 3" if number % 2 else f"systemctl restart {units}; sleep 1"
        )
    if newest(way, mark) != before:
        raise RuntimeError("something arrived where nobody receives")
    way.each(lambda collector: way.lab.do(collector, f"systemctl start {_RECEIVER}"))
    way.each(lambda collector: more(way, collector, mark, before[collector]))


def partition(way: Way, mark: str) -> None:
    """Nothing of what the sender and the collectors say to each other arrives."""
    way.do("nft --file -", _CUT.replace("PORT", str(way.lab.variable(way.sender, "order82_relp_port", 2514))))
    try:
        time.sleep(2)  # what was received by then is written
        before = newest(way, mark)
        time.sleep(PARTITION_SECONDS)
        if newest(way, mark) != before:
            raise RuntimeError("something arrived over a cut")
    finally:
        way.do("nft delete table inet order82_bench")
    way.each(lambda collector: more(way, collector, mark, before[collector]))


def full_disk(way: Way, mark: str) -> None:
    """The last collector's store lies on a small disk that is full; what came there is put into the store afterwards."""
    collector = way.collectors[-1]

    def do(command: str) -> str:
        return way.lab.do(collector, command)

    # A start joins a run that is under way, which may have looked at the disk before: the second one is a run of its own.
    tend = "systemctl reset-failed order82-records.service; " + "systemctl start order82-records.service; " * 2
    do(
        "systemctl stop order82-records.timer; systemctl stop order82-nat-index.timer 2>/dev/null; "
        f"systemctl start order82-records.service; systemctl stop {_RECEIVER}; mount -t tmpfs -o size={DISK} none {way.store}"
    )
    try:
        do(f"systemctl start order82-records.service {_RECEIVER}")
        before = more(way, collector, mark, -1)
        do(
            f"room=$(df --output=avail -k {way.store} | tail -n 1); "
            f"head -c $((room * 98 / 100))K /dev/zero > {way.store}/ballast; {tend} ! systemctl --quiet is-active {_RECEIVER}"
        )
        before = way.newest(collector, mark)
        time.sleep(FULL_SECONDS)
        if way.newest(collector, mark) != before:
            raise RuntimeError(f"{collector} received on a full disk")
        do(f"rm {way.store}/ballast; {tend} systemctl --quiet is-active {_RECEIVER}")
        before = more(way, collector, mark, before)
    finally:
        do(
            f"systemctl stop {_RECEIVER}; rm -f {way.store}/ballast; mkdir -p {FOLDER}; cp -a {way.store} {FOLDER}/came; "
            f"umount {way.store}; cd {FOLDER}/came; find . -name '*.log' -size +0 | while read -r file; do "
            f"[ -e {way.store}/$file ] || cp -a --parents $(dirname $file) {way.store}; "
            f"cat $file >> {way.store}/$file; done; "
            f"rm -f /run/order82-records/held; systemctl start {_RECEIVER} order82-records.timer; "
            "systemctl is-enabled --quiet order82-nat-index.timer && systemctl start order82-nat-index.timer; true"
        )
    more(way, collector, mark, before)


def newest(way: Way, mark: str) -> dict[str, int]:
    return way.each(lambda collector: way.newest(collector, mark))


def more(way: Way, collector: str, mark: str, before: int) -> int:
    """Wait until a later number has come there than that one; what it is.

    :raises RuntimeError: none came.
    """
    end = time.monotonic() + LONGEST
    while (found := way.newest(collector, mark)) <= before:
        if time.monotonic() > end:
            raise RuntimeError(f"nothing came on {collector} after number {before} of {mark}")
        time.sleep(0.2)
    return found
