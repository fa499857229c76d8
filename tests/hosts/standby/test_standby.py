# SPDX-License-Identifier: GPL-3.0-or-later
"""One of two gateways dies: what was open goes on through the other, and who had which address stays known."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ..conftest import CHECKOUT, HANG, Lab, until
from ..drift import Drift, broken
from ..nat.test_trace import ask_many, index, iso
from .conftest import COUNT, HOLD, PAIR, active, standing

SERVER = "198.18.8.10"
OWN = {"gateway1": "10.82.8.1", "gateway2": "10.82.8.2"}


class Held(NamedTuple):
    """Connections that stay open, and how to speak on them."""

    mark: str

    def answers(self, lab: Lab, part: str) -> int:
        """Say something on each, and count the answers."""
        before = self.said(lab)
        lab.do("subscriber1", f"echo {part} >>/root/{self.mark}.say")
        return until(HANG, lambda: self.said(lab)[len(before) :], "an end of the answers")[0]

    def said(self, lab: Lab) -> list[int]:
        """How many answered, each time."""
        path = f"/root/{self.mark}.held"
        return [json.loads(line) for line in lab.do("subscriber1", f"cat {path}", ok=(0, 1)).splitlines()]

    def seen(self, lab: Lab, part: str) -> dict[str, tuple[str, int, float]]:
        """Public address, public port and time of each word, as the machine outside saw it, by the word's number."""
        rows = map(json.loads, lab.do("outside", f"grep -F {self.mark}- /root/seen").splitlines())
        return {
            word.removesuffix(part): (public, port, at)
            for word, public, port, at in rows
            if (word.endswith(part) if part else word.count("-") == self.mark.count("-") + 1)
        }


@pytest.fixture
def held(lab: Lab, mark: str) -> Iterator[Held]:
    """A thousand connections of twenty subscribers, each of which had one answer."""
    active(lab)
    lab.do("subscriber1", f"cat >/root/hold.py <<'END'\n{HOLD}\nEND\n: >/root/{mark}.say")
    lab.do(
        "subscriber1",
        f"systemd-run -q --collect --property=LimitNOFILE=4096 --unit hold bash -c 'tail -n +1 -f /root/{mark}.say | "
        f"python3 /root/hold.py /root/{mark}.held {mark} {COUNT} {SERVER}'",
    )
    one = Held(mark)
    assert until(HANG, lambda: one.said(lab), "the first answers") == [COUNT]
    yield one
    lab.do("subscriber1", "systemctl stop hold")


def podman(lab: Lab, word: str, host: str) -> None:
    container = f"order82-{lab.ssh_config.parent.name}-{host}"
    subprocess.run(
        [str(CHECKOUT / "baseline"), "lab", "podman", "--", *word.split(), container], check=True, capture_output=True
    )


def owner(word: str) -> str:
    number = int(word.rpartition("-")[2])
    return f"100.64.{12 + number % 2}.{1 + number // 2 % 10}"


def wrong(
    lab: Lab, collector: str, tmp_path: Path, moments: dict[str, tuple[str, int, float]], gap_of: str = ""
) -> list[Any]:
    """What is asked of a collector and not answered with the subscriber's address.

    :param gap_of: a gateway that was dead then: what it did, nobody knows, and the answer has to say so.
    """
    index(lab, collector)
    rows = [(public, port, "tcp", iso(at)) for public, port, at in moments.values()]
    answers = ask_many(lab, collector, tmp_path, rows)
    expected = ("unknown", [gap_of]) if gap_of else ("one", [])
    return [
        (word, answer)
        for word, answer in zip(moments, answers, strict=True)
        if (answer["status"], [gap["gateway"] for gap in answer["gaps"]]) != expected
        or {one["inside_address"] for one in answer["candidates"]} != {owner(word)}
    ]


def all_right(
    lab: Lab, collector: str, tmp_path: Path, moments: dict[str, tuple[str, int, float]], gap_of: str = ""
) -> bool:
    """Whether it answers all rightly: it is asked of a few until those are, since a thousand answers take it seconds."""
    few = dict(list(moments.items())[:: len(moments) // 10])
    return not wrong(lab, collector, tmp_path, few, gap_of) and not wrong(lab, collector, tmp_path, moments, gap_of)


def test_the_active_gateway_is_killed_and_a_thousand_connections_live(lab: Lab, held: Held, tmp_path: Path) -> None:
    first = active(lab)
    [second] = set(PAIR) - {first}
    before = held.seen(lab, "")
    assert len(before) == COUNT
    # What is younger than a look of the recorder dies with its gateway.
    until(HANG, lambda: all_right(lab, second, tmp_path, before), "a record of each before the end")
    podman(lab, "kill --signal=KILL", first)
    try:
        assert held.answers(lab, "-after") == COUNT
        after = held.seen(lab, "-after")
        assert {word: place[:2] for word, place in after.items()} == {word: place[:2] for word, place in before.items()}
        assert standing(lab, second)["state"] == "active"
        until(HANG, lambda: all_right(lab, second, tmp_path, after, gap_of=first), "the right answer to each, after")
        assert not wrong(lab, second, tmp_path, before)
    finally:
        podman(lab, "start", first)
    until(HANG, lambda: active(lab) == second, "the one that came back waits")
    assert held.answers(lab, "-later") == COUNT
    later = held.seen(lab, "-later")
    for collector in PAIR:
        until(HANG, lambda at=collector: all_right(lab, at, tmp_path, later), f"the answers of {collector}, later")
    # What the one that was away did not hear came from the senders' journals.
    assert not wrong(lab, first, tmp_path, before)
    assert not wrong(lab, first, tmp_path, after, gap_of=first)


def test_a_gateway_that_is_taken_down_in_order_hands_over_all(lab: Lab, held: Held) -> None:
    first = active(lab)
    lab.do(first, "systemctl stop keepalived")
    try:
        assert held.answers(lab, "-after") == COUNT
    finally:
        lab.do(first, "systemctl start keepalived")
    assert active(lab) != first
    # The one that handed over keeps nothing that the other may give to somebody else.
    until(
        HANG,
        lambda: lab.do(first, f"conntrack -L -p tcp -d {SERVER} 2>/dev/null | wc -l").strip() == "0",
        "the end of its own states",
    )
    assert held.answers(lab, "-later") == COUNT


def test_without_its_translation_a_gateway_hands_over(lab: Lab, tmp_path: Path) -> None:
    first = active(lab)
    lab.do(first, "systemctl stop order82-nat")
    try:
        until(HANG, lambda: standing(lab, first)["state"] == "fault", "it is not fit")
        [second] = set(PAIR) - {first}
        until(HANG, lambda: standing(lab, second)["state"] == "active", "the other is active")
    finally:
        lab.do(first, "systemctl start order82-nat order82-nat-record")
    assert active(lab) == second


def test_who_waits_forwards_nothing(lab: Lab) -> None:
    [waiting] = set(PAIR) - {active(lab)}
    ask = f"nc -z -w 2 -s 100.64.12.1 {SERVER} 7082"
    lab.do("subscriber1", ask)
    lab.do("subscriber1", f"ip route replace {SERVER} via {OWN[waiting]}")
    try:
        assert lab.host("subscriber1").run(ask).rc == 1
    finally:
        lab.do("subscriber1", f"ip route delete {SERVER}")
    lab.do("subscriber1", ask)


DRIFTS = {
    "the guard": (
        lambda waiting, other: {waiting: {"standby.ready"}},
        "nft delete table inet order82_standby",
        "order82 standby become waiting",
    ),
    "keepalived": (
        lambda waiting, other: {waiting: {"standby.running", "standby.ready", "standby.as_laid_down"}},
        "systemctl stop keepalived",
        "systemctl start keepalived",
    ),
    "conntrackd": (
        lambda waiting, other: {
            waiting: {"standby.running", "standby.shares", "standby.as_laid_down"},
            other: {"standby.shares"},
        },
        "systemctl stop conntrackd",
        "systemctl start conntrackd",
    ),
}


@pytest.mark.parametrize("what", DRIFTS)
def test_inspection_sees_a_host_that_could_not_take_over(lab: Lab, what: str) -> None:
    other = active(lab)
    [waiting] = set(PAIR) - {other}
    red, breaks, mends = DRIFTS[what]
    drift = Drift({waiting: breaks}, {waiting: mends}, red(waiting, other))
    with broken(lab, drift):
        lab.sees(drift)


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        ("standby_pair=The-Edge", "give exactly two hosts the same name"),
        ("standby_interface=nowhere", "has no interface 'nowhere'"),
        ("standby_router_id=300", "a number from 1 to 255"),
        (
            '{"standby_addresses": [{"interface": "inside", "address": "10.82.8.254"}]}',
            "with the length of its network",
        ),
    ],
)
def test_what_is_no_pair_is_refused(lab: Lab, variable: str, sentence: str) -> None:
    assert sentence in lab.apply("standby", ":".join(PAIR), "-e", variable, ok=(2,))
