#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a sender's records reach both collectors, beside stock rsyslog with a window of 10,000 on the same host in the same run.

On hosts of a lab that is up, with the forwarders and the collectors that the site laid down. Numbered messages are written into the
sender's journal as fast as journald takes them; a round ends when the last number is on both collectors, and by the records' own times
of arrival. Then each number is looked for in both stores. The other arm is one rsyslog as Debian has it (imjournal, its default main
queue in memory, omrelp with TLS and windowSize=10000 to both), with the same certificate, while ours are stopped; ours send these messages
too when they start again, so what was waited for in an outage is measured by the way, and nothing of the journal is left out. The hosts share
the processors, so the ratio says more than the rates. With --loss: see _forwarding_loss.py.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import signal
import statistics
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _forwarding_loss
from _lab import CHECKOUT, Lab
from _numbered import FOLDER, OURS, STOCK, Way

LEAST = 0.8
"""The least part of the other arm's rate that ours must have."""
ARMS = {"ours": "our forwarders", "stock": "stock rsyslog, windowSize=10000"}
_ACTION = re.compile(r'action\(type="omrelp" target="([^"]+)" port="([^"]+)"')


def main() -> int:
    """Measure and report.

    :return: 0 if all holds, 1 if not, 2 if something did not run.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-i", "--inventory", type=Path, default=CHECKOUT / "inventories" / "lab")
    parser.add_argument("--host", default="web", help="the sender (default: web)")
    parser.add_argument("--messages", type=int, default=100_000, help="of a round (default: 100000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each arm, in turn (default: 5)")
    parser.add_argument(
        "--loss", action="store_true", help="not how fast, but how surely: kills, restarts, a partition, a full disk"
    )
    parser.add_argument("--rate", type=int, default=1000, help="messages a second with --loss (default: 1000)")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    options = parser.parse_args()
    if min(options.messages, options.rounds, options.rate) < 1:
        parser.error("--messages, --rounds and --rate must be 1 at least")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    try:
        with Lab(options.inventory) as lab, left_as_found(Way(lab, options.host)) as way:
            document = _forwarding_loss.lose(way, options.rate) if options.loss else measure(way, options)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
        return 2
    said = _forwarding_loss.table if options.loss else table
    print(json.dumps(document, indent=2) if options.json else said(document))
    return 0 if document["holds"] else 1


@contextlib.contextmanager
def left_as_found(way: Way) -> Iterator[Way]:
    """Whatever happens in between, the forwarders run afterwards, and nothing of the bench is left but its records."""
    # The receiver of stock rsyslog's messages is no other than ours; it runs with the rights of a forwarder.
    way.do(f"rm -rf {FOLDER} && install -d -o order82-forward -g order82-forward -m 0700 {FOLDER}")
    try:
        yield way
    finally:
        way.do(
            f"systemctl stop {STOCK} order82-bench-write.service 2>/dev/null; systemctl start {' '.join(way.units)}; "
            f"rm -rf {FOLDER}"
        )
        way.each(lambda collector: way.lab.do(collector, f"rm -rf {FOLDER}"))


def measure(way: Way, options: argparse.Namespace) -> dict[str, Any]:
    """Both arms by turns."""
    run, count = uuid.uuid4().hex[:8], options.messages
    way.announce(way.sender, "order82-forward@*")
    alone = journald_alone(way, f"{run}-alone", count)
    rounds: dict[str, list[dict[str, Any]]] = {arm: [] for arm in (*ARMS, "waited")}
    for number in range(options.rounds):
        for arm in sorted(ARMS, reverse=bool(number % 2)):
            mark = f"{run}-{arm}-{number}"
            if arm == "ours":
                rounds[arm].append(one_round(way, arm, mark, count))
                continue
            with stock(way, mark):
                rounds[arm].append(one_round(way, arm, mark, count))
            rounds["waited"].append(after_outage(way, mark, count))
    return summary(rounds, alone) | {"sender": way.sender, "messages": count, "rounds": options.rounds}


def journald_alone(way: Way, mark: str, count: int) -> float:
    """Messages a second that journald takes while nobody sends; they are sent afterwards."""
    way.do(f"systemctl stop {' '.join(way.units)}")
    wrote = way.write(mark, count)
    way.do(f"systemctl start {' '.join(way.units)}")
    way.all_came(mark, count)
    return count / (wrote["end"] - wrote["begin"])


def one_round(way: Way, arm: str, mark: str, count: int) -> dict[str, Any]:
    """Write, wait, count. Rates in messages a second, CPU in microseconds a message of all processes of a kind together."""
    way.write(f"{mark}-ready", 1)  # the connections are there
    way.all_came(f"{mark}-ready", 1)
    before = cpu(way, arm)
    wrote = way.write(mark, count)
    way.all_came(mark, count)
    spent = {part: (after - before[part]) / 1000 / count for part, after in cpu(way, arm).items()}
    found = way.count(mark, count)
    return judged(found, count, wrote["begin"]) | {"journald": count / (wrote["end"] - wrote["begin"]), "cpu": spent}


def judged(found: dict[str, dict[str, Any]], count: int, begin: float) -> dict[str, Any]:
    """What became of a round's messages: the rate is the slowest collector's."""
    return {
        "rate": count / max(one["last"] - begin for one in found.values())
        if all(one["last"] for one in found.values())
        else 0.0,
        "lost": sum(count - one["distinct"] for one in found.values()),
        "twice": sum(one["lines"] - one["distinct"] for one in found.values()),
    }


def after_outage(way: Way, mark: str, count: int) -> dict[str, Any]:
    """Ours send what stock rsyslog has sent already: from the first to the last that came a second time."""
    way.all_came(mark, count, OURS)
    found = way.count(mark, count, OURS)
    return judged(found, count, min(one["first"] or 0.0 for one in found.values()))


@contextlib.contextmanager
def stock(way: Way, mark: str) -> Iterator[None]:
    """Stock rsyslog sends, and ours do not."""
    texts = {collector: way.do(f"cat /etc/order82/forward/{collector}.conf") for collector in way.collectors}
    way.do(f"cat > {FOLDER}/stock.conf", stock_configuration(texts))
    way.do(f"systemctl stop {' '.join(way.units)}")
    try:
        way.here(f"{FOLDER}/cursor")
        way.do(
            f"systemd-run --quiet --collect --unit {STOCK} --property=User=order82-forward --property=Group=order82-forward "
            "--property='SupplementaryGroups=systemd-journal order82-tls' --property=TimeoutStopSec=15 "
            f"/usr/sbin/rsyslogd -n -i NONE -f {FOLDER}/stock.conf"
        )
        yield
        way.do(f"systemctl stop {STOCK}")
    finally:
        way.do(f"systemctl stop {STOCK} 2>/dev/null; systemctl start {' '.join(way.units)}")


def stock_configuration(forwarders: dict[str, str]) -> str:
    """What a person writes who sends to both collectors with rsyslog as it comes; where they are, ours say.

    :param forwarders: the configuration of our forwarder, by collector.
    :raises RuntimeError: it has no such action.
    """
    lines = [
        f'global(workDirectory="{FOLDER}" maxMessageSize="256k")',
        'module(load="imjournal" stateFile="cursor" persistStateInterval="100" ratelimit.interval="0")',
        'module(load="omrelp" tls.tlslib="openssl")',
    ]
    for collector, text in forwarders.items():
        found = _ACTION.search(text)
        if not found:
            raise RuntimeError(
                f"roles/log_forwarder/templates/forward.conf.j2 has another action than the one to {collector}"
            )
        lines.append(
            f'action(type="omrelp" target="{found[1]}" port="{found[2]}" template="RSYSLOG_SyslogProtocol23Format" windowSize="10000" '
            'timeout="20" tls="on" tls.caCert="/etc/order82/tls/ca.crt" tls.myCert="/etc/order82/tls/host.crt" '
            f'tls.myPrivKey="/etc/order82/tls/host.key" tls.authMode="name" tls.permittedPeer=["{collector}"] '
            'action.resumeRetryCount="-1")'
        )
    return "\n".join(lines) + "\n"


def cpu(way: Way, arm: str) -> dict[str, int]:
    """Nanoseconds that the processes on the way have taken, by what they do."""
    at = {
        "journald": {way.sender: ["systemd-journald.service"]},
        "senders": {way.sender: way.units if arm == "ours" else [STOCK]},
        "fronts": {collector: ["order82-front.service"] for collector in way.collectors},
        "receivers": {collector: ["order82-collect.service"] for collector in way.collectors},
    }
    return {
        part: sum(
            int(one)
            for host, units in hosts.items()
            for one in way.lab.do(host, f"systemctl show -P CPUUsageNSec {' '.join(units)}").split()
        )
        for part, hosts in at.items()
    }


def summary(rounds: dict[str, list[dict[str, Any]]], alone: float) -> dict[str, Any]:
    """Medians of the rounds, and whether they hold."""
    usual = {arm: statistics.median(one["rate"] for one in found) for arm, found in rounds.items()}
    lost = {arm: sum(one["lost"] for one in found) for arm, found in rounds.items()}
    ratio = usual["ours"] / usual["stock"] if usual["stock"] else 0.0
    return {
        "rates": {
            arm: {
                "median": round(usual[arm]),
                "least": round(min(one["rate"] for one in found)),
                "most": round(max(one["rate"] for one in found)),
                "lost": lost[arm],
                "twice": sum(one["twice"] for one in found),
            }
            for arm, found in rounds.items()
        },
        "cpu": {
            arm: {
                part: round(statistics.median(one["cpu"][part] for one in rounds[arm]), 1)
                for part in rounds[arm][0]["cpu"]
            }
            for arm in ARMS
        },
        "journald": {"alone": round(alone)}
        | {arm: round(statistics.median(one["journald"] for one in rounds[arm])) for arm in ARMS},
        "ratio": round(ratio, 2),
        "holds": ratio >= LEAST and not lost["ours"] and not lost["waited"],
    }


def table(document: dict[str, Any]) -> str:
    """For a person."""
    lines = [
        f"{document['messages']} messages of {document['sender']}, {document['rounds']} rounds of each",
        f"{'':36}{'messages/s':>12}{'least':>9}{'most':>9}{'lost':>7}{'twice':>8}",
    ]
    for arm, label in (ARMS | {"waited": "ours, what waited in the journal"}).items():
        rate = document["rates"][arm]
        lines.append(
            f"{label:36}{rate['median']:>12}{rate['least']:>9}{rate['most']:>9}{rate['lost']:>7}{rate['twice']:>8}"
        )
    took = document["journald"]
    lines.append(
        f"journald took {took['alone']} messages/s alone, {took['ours']} while ours sent, {took['stock']} while stock did"
    )
    for arm, label in ARMS.items():
        parts = ", ".join(f"{part} {spent}" for part, spent in document["cpu"][arm].items())
        lines.append(f"{label}: microseconds of CPU a message: {parts}")
    said = "holds" if document["holds"] else "DOES NOT HOLD"
    return "\n".join([*lines, f"ratio {document['ratio']}; {said}: at least {LEAST}, none lost"])


if __name__ == "__main__":
    sys.exit(main())
