# SPDX-License-Identifier: GPL-3.0-or-later
"""One of a pair: what it says of itself, by keepalived's last word and the addresses that are there."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import standby, standby_guard

SETTINGS = {
    "pair": "edge",
    "peer": "gateway2",
    "shares": False,
    "public": ["192.0.2.0/31", "192.0.2.1", "192.0.2.8/29"],
    "addresses": [
        {"interface": "inside", "address": "10.0.0.1/24"},
        {"interface": "outside", "address": "2001:db8::1/64"},
    ],
}
# conntrackd 1.4.7 -s
STATISTICS = """\
cache internal:
current active connections:\t          12
connections created:\t\t          12\tfailed:\t           0

cache external:
current active connections:\t        1000
connections created:\t\t        1000\tfailed:\t           0

UDP traffic (active device=inside):
                 112 Bytes sent                  {} Bytes recv
                   7 Pckts sent                    7 Pckts recv
"""


def done(text: str, code: int = 0) -> subprocess.CompletedProcess[bytes]:
    return subprocess.CompletedProcess([], code, text.encode(), b"")


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Say what keepalived last said, and which addresses are there; gives the status."""

    def given(state: str | None, *addresses: str) -> dict:
        path = tmp_path / "state.json"
        if state:
            path.write_text(json.dumps({"state": state, "at": 1.0}))
        monkeypatch.setattr(standby, "STATE", str(path))
        links = [{"ifname": "x", "addr_info": [{"local": one} for one in addresses]}]
        monkeypatch.setattr(standby.processes, "run", lambda _argv, **_more: done(json.dumps(links)))
        return standby.status(SETTINGS)

    return given


@pytest.mark.parametrize(
    ("state", "addresses", "wrong"),
    [
        ("active", ["10.0.0.1", "2001:db8::1"], []),
        ("waiting", ["10.0.0.7"], []),
        ("active", ["10.0.0.1"], ["it is active, and has not 2001:db8::1"]),
        ("waiting", ["10.0.0.1"], ["it waits, and has 10.0.0.1"]),
        ("fault", [], ["keepalived's state is fault: this host takes nothing over"]),
        (None, [], ["keepalived's state is unknown: this host takes nothing over"]),
    ],
)
def test_a_host_says_how_it_stands(stand, state: str | None, addresses: list[str], wrong: list[str]) -> None:
    assert stand(state, *addresses)["wrong"] == wrong


def test_what_is_shared_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = iter([STATISTICS.format(112), STATISTICS.format(160)])
    monkeypatch.setattr(standby.processes, "run", lambda _argv, **_more: done(next(texts)))
    assert standby.sharing(seconds=0) == {"internal": 12, "external": 1000, "heard": 48}


def test_another_version_of_conntrackd_is_an_error_and_no_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby.processes, "run", lambda _argv, **_more: done("statistics"))
    with pytest.raises(standby.StandbyError, match="this version of it is not known"):
        standby.sharing(seconds=0)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What was done, and no commit of connections succeeds."""
    found = []

    def run(argv: list[str], **_more: object) -> subprocess.CompletedProcess[bytes]:
        word = {standby_guard.LIFT: "lift"}.get(argv[1], "shut" if "chain guard" in argv[1] else argv[1])
        found.append(word)
        return done("no commit", 1 if word == "-c" else 0)

    monkeypatch.setattr(standby.processes, "run", run)
    monkeypatch.setattr(standby.journal, "write", lambda _name, text: found.append(text))
    monkeypatch.setattr(standby, "STATE", str(tmp_path / "state.json"))
    return found


@pytest.mark.parametrize(
    ("state", "words"),
    [
        # Connections come before packets, and what fails keeps nobody from the network.
        ("active", ["-c", "lift", "-f", "-R", "-B"]),
        ("waiting", ["shut", "-t", "-n"]),
        ("fault", ["shut", "-t"]),
        ("stopped", ["lift", "-t"]),
    ],
)
def test_each_step_is_done_in_its_order_and_what_fails_is_on_record(
    steps: list[str], tmp_path: Path, state: str, words: list[str]
) -> None:
    failed = standby.become(SETTINGS | {"shares": True}, state)
    assert steps[:-1] == words
    assert failed == ["'conntrackd -c' failed: no commit"] * words.count("-c")
    record = json.loads(steps[-1].removeprefix("standby "))
    assert (record["state"], record["failed"]) == (state, failed)
    assert json.loads((tmp_path / "state.json").read_text())["state"] == state


def test_a_decision_that_was_overtaken_undoes_nothing(steps: list[str], tmp_path: Path) -> None:
    """keepalived became active and waiting within a fifth of a second, and what it started for the latter was there first."""
    shared = SETTINGS | {"shares": True}
    standby.become(shared, "waiting", [9016, 4179])
    del steps[:]
    assert standby.become(shared, "active", [9015, 4178]) == []
    [said] = steps
    assert json.loads(said.removeprefix("standby "))["overtaken"] == "active"
    assert json.loads((tmp_path / "state.json").read_text())["state"] == "waiting"
    standby.become(shared, "fault", [9016, 4180])
    assert json.loads((tmp_path / "state.json").read_text())["state"] == "fault"


def test_of_two_decisions_each_ends_before_the_next_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two processes at a time: the later one always works, the earlier one wholly before it or not at all."""
    said, state = tmp_path / "said", tmp_path / "state.json"

    def become(decided: str) -> None:
        def run(_argv: list[str], **_more: object) -> subprocess.CompletedProcess[bytes]:
            with said.open("a") as file:
                print(decided, file=file)
            time.sleep(0.02)
            return done("")

        monkeypatch.setattr(standby, "STATE", str(state))
        monkeypatch.setattr(standby.processes, "run", run)
        monkeypatch.setattr(standby.journal, "write", lambda *_words: None)
        standby.become(SETTINGS | {"shares": True}, decided)

    forking = multiprocessing.get_context("fork")
    both = [forking.Process(target=become, args=(decided,)) for decided in ("active", "waiting")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [one.exitcode for one in both] == [0, 0]
    assert said.read_text().split() in (["active"] * 5 + ["waiting"] * 3, ["waiting"] * 3)
    assert json.loads(state.read_text())["state"] == "waiting"


@pytest.mark.parametrize(
    ("state", "shut", "wrong"),
    [
        ("active", True, "it is active, and its guard forwards nothing"),
        ("waiting", False, "it waits without its guard"),
        ("active", False, None),
        ("waiting", True, None),
    ],
)
def test_a_guard_that_is_not_as_it_should_be_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: str, shut: bool, wrong: str | None
) -> None:
    held = ["10.0.0.1", "2001:db8::1"] if state == "active" else []
    links = json.dumps([{"addr_info": [{"local": one} for one in held]}])
    monkeypatch.setattr(standby.processes, "run", lambda argv, **_more: done(links, argv[0] == "nft" and not shut))
    monkeypatch.setattr(standby, "STATE", str(tmp_path / "state.json"))
    (tmp_path / "state.json").write_text(json.dumps({"state": state, "at": 1.0}))
    found = standby.status(SETTINGS | {"shares": True})["wrong"]
    assert [one.partition(",")[0] for one in found] == ([wrong.partition(",")[0]] if wrong else [])


def test_the_guard_names_each_address_once() -> None:
    text = standby_guard.text(["b", "a", "a"], SETTINGS["public"] + ["2001:db8::1"])
    assert 'iifname { "a", "b" } ip daddr { 192.0.2.0/31, 192.0.2.8/29 } drop' in text
    assert 'iifname { "a", "b" } ip6 daddr { 2001:db8::1/128 } drop' in text
    assert text.startswith(standby_guard.LIFT)
