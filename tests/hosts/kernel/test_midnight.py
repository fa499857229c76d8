# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows over midnight (UTC), where one day's records end and the next day's begin: each is named on both sides of it.

The server's clock is its own, so it can be put shortly before midnight. What it shows is asked, since the subscribers'
clocks stay.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ..conftest import HANG, READ, Lab, until
from ..nat.conftest import Flow, Gateway, both_ends, by_mode, send
from ..nat.test_trace import PROTOCOLS, ask_many, index, iso

DAY = 86400
AHEAD = (90, 180, 360, 720)
"""Seconds before midnight at which the clock is put: where all is not under way in time, the next midnight is further off."""
LONG = ["100.64.8.11", "100.64.8.12", "100.64.9.21", "100.64.9.22", "100.64.9.23"]
CONNECTIONS = """
import json, socket, sys, time
path, mark, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
flows = []
for number, address in enumerate(sys.argv[5:]):
    one = socket.create_connection((sys.argv[4], 7082), 10, (address, 0))
    flows.append((one, f"{mark}-{number}", address, one.getsockname()[1]))
for one, word, _address, _port in flows:
    one.sendall(word.encode()); one.recv(100)
time.sleep(seconds)
for one, word, _address, _port in flows:
    one.sendall(word.encode()); one.recv(100)
with open(path, "w") as file:
    for one, word, address, port in flows:
        file.write(json.dumps([word, "tcp", address, port, 0, 0]) + chr(10))
"""


class Sent(NamedTuple):
    """Flows, and when each of them had a translation by the server's clock."""

    flows: list[Flow]
    begin: float
    end: float


def clock(lab: Lab) -> float:
    return float(lab.do("server1", "date +%s.%N"))


def end(lab: Lab, flows: list[Flow]) -> float:
    """End their translations, and tell when that was."""
    for inside in sorted({flow.inside for flow in flows}):
        lab.do("server1", f"conntrack -D -s {inside}", ok=(0, 1))
    return clock(lab)


def short(lab: Lab, gateway: Gateway, mark: str) -> Sent:
    """Flows of several subscribers in both modes, ended at once."""
    addresses = [address for mode in ("deterministic", "sessions") for address in by_mode(gateway)[mode][:5]]
    flows = send(lab, gateway, mark, 60, addresses)
    there = clock(lab)
    return Sent(flows, there, end(lab, flows))


class Night(NamedTuple):
    """A midnight by the server's clock, and the flows that ended before it, went on over it, and began after it."""

    midnight: float
    flows: dict[str, Sent]


def put_clock(lab: Lab, ahead: int) -> float:
    """Put the server's clock so long before the midnight that follows: nothing on it has seen that day yet.

    Nobody knows what happened in hours that never were. The recorder's new run begins after them; what ends before its
    first beat would count as lost.
    """
    lab.elsewhen = True
    lab.do("server1", "systemctl stop chrony")
    at = (int(clock(lab)) // DAY + 1) * DAY
    lab.do("server1", f"date -s @{at - ahead} && systemctl restart order82-nat-record")
    beats = "journalctl -t order82-nat-mapping -o cat -n 50 | grep -oE '^beat run=[0-9]+' | tail -n 1"

    def run_of_last_beat() -> int:
        return int(lab.do("server1", beats).partition("=")[2] or 0)

    until(HANG, lambda: run_of_last_beat() >= (at - ahead) * 1000, "the first beat of the recorder's new run")
    return float(at)


def connect(lab: Lab, gateway: Gateway, name: str, seconds: float) -> float:
    """Begin connections that have a second answer after so many seconds; when all of them were there."""
    lab.do("subscriber1", f"cat > /root/connections.py <<'END'\n{CONNECTIONS}\nEND")
    lab.do(
        "subscriber1",
        f"systemd-run -q --unit connections python3 /root/connections.py /root/{name} {name} {seconds} {gateway.outside} {' '.join(LONG)}",
    )
    came = f"grep -c {name}- /root/seen"
    until(HANG, lambda: lab.host("outside").run(came).stdout.strip() == str(len(LONG)), "all of it")
    return clock(lab)


@pytest.fixture(scope="module")
def night(lab: Lab, gateways: dict[str, Gateway]) -> Night:
    gateway = gateways["server1"]
    for ahead in AHEAD:
        midnight = put_clock(lab, ahead)
        mark = f"midnight-{int(midnight)}"
        before = short(lab, gateway, f"{mark}-before")
        there = connect(lab, gateway, f"{mark}-over", midnight - clock(lab) + 15)
        if before.end < there < midnight - 5:
            break
        lab.do("subscriber1", "systemctl stop connections")
    else:
        pytest.fail(f"not under way {ahead} s after the clock was put")
    until(ahead + HANG, lambda: lab.host("subscriber1").file(f"/root/{mark}-over").exists, "the answers after midnight")
    over = both_ends(lab, gateway, f"{mark}-over")
    over_end = end(lab, over)
    assert over_end > midnight + 10
    after = short(lab, gateway, f"{mark}-after")
    return Night(midnight, {"before": before, "over": Sent(over, there, over_end), "after": after})


@pytest.fixture(scope="module")
def midnight(night: Night) -> float:
    return night.midnight


@pytest.fixture(scope="module")
def flows(night: Night) -> dict[str, Sent]:
    return night.flows


def asked(sent: Sent, when: float) -> list[tuple[str, int, str, str]]:
    return [(flow.public, flow.public_port, PROTOCOLS[flow.protocol], iso(when)) for flow in sent.flows]


def wrong(lab: Lab, tmp_path: Path, moments: list[tuple[Sent, float]]) -> list[Any]:
    """The flows that are not named for their moment, and what is said instead."""
    answers = ask_many(lab, "server1", tmp_path, [row for sent, when in moments for row in asked(sent, when)])
    return [
        (flow, answer)
        for flow, answer in zip([flow for sent, _when in moments for flow in sent.flows], answers, strict=True)
        if answer["status"] != "one" or [one["inside_address"] for one in answer["candidates"]] != [flow.inside]
    ]


def of_sessions(gateway: Gateway, sent: Sent) -> Sent:
    return sent._replace(flows=[flow for flow in sent.flows if gateway.owner(flow.public, flow.public_port) is None])


def test_each_is_named_on_its_side_of_midnight(
    lab: Lab, flows: dict[str, Sent], midnight: float, tmp_path: Path
) -> None:
    moments = [
        (flows["before"], flows["before"].begin),
        (flows["over"], flows["over"].begin),
        (flows["over"], midnight - 1),
        (flows["over"], midnight),
        (flows["over"], midnight + 1),
        (flows["over"], midnight + 10),
        (flows["after"], flows["after"].begin),
    ]

    def all_wrong() -> list[Any]:
        index(lab, "server1")
        return wrong(lab, tmp_path, moments)

    try:
        until(600, lambda: not all_wrong(), "the right answer to every question")
    except AssertionError as error:
        pytest.fail(f"{error}: {all_wrong()[:3]}")


def test_the_evidence_of_both_days_is_shown(lab: Lab, flows: dict[str, Sent], midnight: float, tmp_path: Path) -> None:
    days = {datetime.datetime.fromtimestamp(midnight + add, datetime.UTC).strftime("%Y-%m-%d") for add in (-1, 1)}
    found = set()
    for kind in ("before", "after"):
        for answer in ask_many(lab, "server1", tmp_path, asked(flows[kind], flows[kind].begin)):
            for one in answer["candidates"]:
                proof = one["evidence"]
                found.add(proof["file"].split("/")[1])
                line = lab.do("server1", f"{READ} /srv/records/{proof['file']} | sed -n {proof['line']}p | sha256sum")
                assert line.split()[0] == proof["line_sha256"]
    assert found == days


def test_nobody_is_named_before_its_begin_or_after_its_end(
    lab: Lab, gateways: dict[str, Gateway], flows: dict[str, Sent], midnight: float, tmp_path: Path
) -> None:
    """By recorded translations: a plan's blocks are their subscribers' at any time."""
    for kind, when in (
        ("before", flows["before"].end + 1),
        ("before", midnight + 1),
        ("over", flows["over"].end + 1),
        ("after", midnight - 1),
    ):
        sent = of_sessions(gateways["server1"], flows[kind])
        assert sent.flows
        for flow, answer in zip(sent.flows, ask_many(lab, "server1", tmp_path, asked(sent, when)), strict=True):
            known = {(one["inside_address"], one["inside_port"]) for one in answer["candidates"]}
            assert (flow.inside, flow.inside_port) not in known, (kind, when, answer)
