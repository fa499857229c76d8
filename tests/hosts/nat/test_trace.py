# SPDX-License-Identifier: GPL-3.0-or-later
"""The question of the police: each of a thousand flows is named, at its begin, in its middle and at its end."""

from __future__ import annotations

import csv
import datetime
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ..conftest import HANG, READ, Lab, until
from .conftest import Flow, Gateway, Thousands, by_mode, recorded, send, texts

WARRANT = "--case A-1 --basis 'a test' --officer 'Li Wei 1' --officer 'Wang Fang 2'"
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}


def iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="milliseconds")


def index(lab: Lab, collector: str) -> None:
    """Build the index now; a build that is under way may have begun before, and systemd counts starts unless it is told not to."""
    lab.do(collector, "systemctl reset-failed order82-nat-index; " + "systemctl start order82-nat-index; " * 2)


def ask(lab: Lab, collector: str, words: str, ok: tuple[int, ...] = (0,)) -> Any:
    return json.loads(lab.do(collector, f"order82 trace {WARRANT} {words} --json", ok=ok))


def ask_many(lab: Lab, collector: str, tmp_path: Path, rows: list[tuple[str, int, str, str]]) -> list[dict[str, Any]]:
    """Ask by a file, as an officer with a long list does."""
    path = tmp_path / "questions.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["public_address", "public_port", "protocol", "time"])
        writer.writerows(rows)
    subprocess.run(["scp", "-q", "-F", lab.ssh_config, path, f"{collector}:/tmp/questions.csv"], check=True)
    answers = ask(lab, collector, "--csv /tmp/questions.csv --tolerance 0.05", ok=(0, 3, 4, 5))["answers"]
    assert len(answers) == len(rows)
    return answers


def questions(flows: list[Flow]) -> list[tuple[str, int, str, str]]:
    return [
        (flow.public, flow.public_port, PROTOCOLS[flow.protocol], iso(flow.begin + part * (flow.end - flow.begin)))
        for flow in flows
        for part in (0, 0.5, 1)
    ]


@pytest.mark.parametrize("mode", ["deterministic", "sessions"])
def test_every_flow_is_named(lab: Lab, gateway: Gateway, thousands: Thousands, tmp_path: Path, mode: str) -> None:
    flows = thousands[gateway.name, mode]

    def wrong(asked: list[Flow]) -> list[Any]:
        index(lab, "collector1")
        answers = ask_many(lab, "collector1", tmp_path, questions(asked))
        expected = [flow for flow in asked for _part in range(3)]
        return [
            (flow, answer["status"])
            for flow, answer in zip(expected, answers, strict=True)
            if answer["status"] != "one"
            or {one["inside_address"] for one in answer["candidates"]} != {flow.inside}
            or (mode == "sessions" and flow.inside_port not in [one["inside_port"] for one in answer["candidates"]])
        ]

    try:
        # Thousands of answers take seconds: a few come first.
        until(600, lambda: not wrong(flows[::100]) and not wrong(flows), "the right answer to every question")
    except AssertionError as error:
        pytest.fail(f"{error}: {wrong(flows)[:3]}")
    if mode == "sessions":
        nobody_outside_its_interval(lab, gateway, tmp_path, flows)


def nobody_outside_its_interval(lab: Lab, gateway: Gateway, tmp_path: Path, flows: list[Flow]) -> None:
    """Half a second before it was sent and after the end of its translation, a flow is no candidate."""

    def ended() -> list[tuple[Flow, float]]:
        spans = recorded(lab, "collector1", gateway)
        ends = ((flow, spans.get(flow[:5], [(0, None)])[-1][1]) for flow in flows)
        return [(flow, end) for flow, end in ends if end][:100]

    some = until(HANG, ended, "translations that ended")
    index(lab, "collector1")
    asked = [
        (flow.public, flow.public_port, PROTOCOLS[flow.protocol], iso(when))
        for flow, end in some
        for when in (flow.sent - 0.5, end + 0.5)
    ]
    for (flow, _end), *answers in zip(some, *[iter(ask_many(lab, "collector1", tmp_path, asked))] * 2, strict=True):
        for answer in answers:
            found = {(one["inside_address"], one["inside_port"]) for one in answer["candidates"]}
            assert (flow.inside, flow.inside_port) not in found


def test_answer_shows_its_evidence_and_leaves_a_record(lab: Lab, gateways: dict[str, Gateway], mark: str) -> None:
    gateway = gateways["gateway1"]
    flow = send(lab, gateway, mark, 1, by_mode(gateway)["sessions"][:1])[0]
    until(HANG, lambda: flow[:5] in recorded(lab, "collector2", gateway), "the record")
    index(lab, "collector2")
    words = f"--address {flow.public} --port {flow.public_port} --protocol tcp --time {iso(flow.begin)}"
    answer = ask(lab, "collector2", words, ok=(0, 4))
    (one,) = answer["answers"][0]["candidates"]
    assert (one["inside_address"], one["inside_port"]) == (flow.inside, flow.inside_port)
    proof = one["evidence"]
    line = lab.do("collector2", f"{READ} /srv/records/{proof['file']} | sed -n {proof['line']}p | sha256sum")
    assert line.split()[0] == proof["line_sha256"]
    for collector in ("collector1", "collector2"):
        until(
            HANG,
            lambda at=collector: lab.records(at, "disclosure", "collector2", answer["disclosure"]),
            f"the disclosure on {collector}",
        )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "--case A --basis b --officer 'Li 1' --address 203.0.113.20 --time 2026-01-01T00:00:00Z",
            "two different people",
        ),
        (
            "--basis b --officer 'Li 1' --officer 'Wu 2' --address 203.0.113.20 --time 2026-01-01T00:00:00Z",
            "--case is missing",
        ),
        (f"{WARRANT} --address 203.0.113.20 --port 99999 --time 2026-01-01T00:00:00Z", "is no port"),
        (f"{WARRANT} --address 203.0.113.20 --time 2026-01-01T00:00:00", "no offset"),
    ],
)
def test_nothing_is_answered_without_a_warrant_or_a_clear_question(lab: Lab, words: str, sentence: str) -> None:
    done = lab.host("collector1").run(f"order82 trace {words}")
    assert (done.rc, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_nobody_and_unknown_are_different(lab: Lab, gateways: dict[str, Gateway], tmp_path: Path) -> None:
    """A port that no block contains was nobody's; of a year ago there are no records."""

    def second() -> float:
        """A second after the first of two beats of one run: between them all is on record."""
        found = [pairs for pairs, _entries in texts(lab, "collector1", gateways["gateway2"], "beat")][-2:]
        return float(found[0]["at"]) + 1 if len({pairs["run"] for pairs in found}) == 1 < len(found) else 0.0

    beat = until(HANG, second, "two beats of one run")
    index(lab, "collector1")
    nobody, unknown = ask_many(
        lab,
        "collector1",
        tmp_path,
        [("203.0.113.32", 8080, "tcp", iso(beat)), ("203.0.113.32", 2000, "tcp", iso(beat - 31536000))],
    )
    assert (nobody["status"], unknown["status"]) == ("nobody", "unknown")
    assert unknown["gaps"]
