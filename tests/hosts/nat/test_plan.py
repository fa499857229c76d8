# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan that changes, or is not possible; rules that somebody else takes away; and the removal."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..conftest import HANG, Lab, until
from ..drift import Drift, broken
from .conftest import Gateway, send, texts
from .test_trace import ask, index, iso

HOLD = (
    "import socket, time\n"
    "one = socket.create_connection(('203.0.113.10', 7082), 5, ('{inside}', 0))\n"
    "for number in range(3000):\n"
    "    one.sendall(b'{word}'); one.recv(100); time.sleep(0.3)\n"
)


def apply(lab: Lab, gateway: Gateway, tmp_path: Path, change: Callable[[list[dict[str, Any]]], None], ok=(0,)) -> str:
    """Apply the site to one gateway with changed pools."""
    pools = copy.deepcopy(gateway.pools)
    change(pools)
    variables = tmp_path / "pools.json"
    variables.write_text(json.dumps({"nat_gateway_pools": pools}))
    return lab.apply("nat_gateway", gateway.name, "-e", f"@{variables}", ok=ok)


def test_a_new_plan_ends_only_what_it_gives_to_others(
    lab: Lab, gateways: dict[str, Gateway], tmp_path: Path, mark: str
) -> None:
    """Two connections are open; the new plan takes the second half of the pool away."""
    gateway = gateways["gateway2"]
    for inside in ("100.64.4.3", "100.64.4.40"):
        script = HOLD.format(inside=inside, word=mark)
        lab.do(gateway.subscribers, f'systemd-run --quiet --unit hold-{inside}-{mark} python3 -c "{script}"')
    (flow,) = send(lab, gateway, f"{mark}-plan", 1, ["100.64.4.40"])
    before = [pairs["plan"] for pairs, _entries in texts(lab, "collector1", gateway, "epoch") if "begin" in pairs][-1]
    try:
        apply(lab, gateway, tmp_path, lambda pools: pools[0].update(inside=["100.64.4.0/27"]))
        after = until(
            HANG,
            lambda: [p["plan"] for p, _e in texts(lab, "collector1", gateway, "epoch") if p["plan"] != before][-1:],
            "the new epoch",
        )[0]
        alive = "systemctl is-active hold-{}-" + mark
        assert lab.do(gateway.subscribers, alive.format("100.64.4.3")).strip() == "active"
        until(
            HANG,
            lambda: lab.host(gateway.subscribers).run(alive.format("100.64.4.40")).stdout.strip() != "active",
            "the end of the connection whose ports are nobody's now",
        )
        for collector in ("collector1", "collector2"):
            found = list(texts(lab, collector, gateway, "epoch"))
            began = [float(pairs["begin"]) for pairs, _entries in found if pairs["plan"] == after and "begin" in pairs]
            ended = [float(pairs["end"]) for pairs, _entries in found if pairs["plan"] == before and "end" in pairs]
            assert 0 <= ended[-1] - began[-1] < 10
            until(
                HANG,
                lambda at=collector: [1 for pairs, _e in texts(lab, at, gateway, "plan") if pairs["id"] == after],
                f"the new plan on {collector}",
            )
        answers = {}
        now = time.time()
        until(
            HANG,
            lambda: any(float(pairs["at"]) > now for pairs, _e in texts(lab, "collector1", gateway, "beat")),
            "a beat after it",
        )
        index(lab, "collector1")
        for when in (flow.begin, now):
            words = f"--address {flow.public} --port {flow.public_port} --protocol tcp --time {iso(when)} --tolerance 0"
            (answers[when],) = ask(lab, "collector1", words, ok=(0, 3, 4))["answers"]
        assert [one["inside_address"] for one in answers[flow.begin]["candidates"]] == ["100.64.4.40"]
        assert [plan["plan"] for plan in answers[flow.begin]["plans"]] == [before]
        assert "100.64.4.40" not in [one["inside_address"] for one in answers[now]["candidates"]]
        assert [plan["plan"] for plan in answers[now]["plans"]] == [after]
    finally:
        lab.do(gateway.subscribers, f"systemctl stop 'hold-*-{mark}*'")
        lab.apply("nat_gateway", gateway.name)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda pools: pools[0].update(public=["203.0.113.200"]), "(203.0.113.200: 1 in all)"),
        (lambda pools: pools[0].update(inside=["100.64.4.0/22"]), "add public addresses"),
        (lambda pools: pools.clear(), "must name at least one pool"),
    ],
)
def test_an_impossible_plan_changes_nothing(
    lab: Lab, gateways: dict[str, Gateway], tmp_path: Path, change: Callable, sentence: str
) -> None:
    gateway = gateways["gateway2"]
    rules = "nft list ruleset | sed -E 's/packets [0-9]+ bytes [0-9]+//' | sha256sum"
    before = lab.do(gateway.name, rules)
    said = " ".join(apply(lab, gateway, tmp_path, change, ok=(2,)).split())
    assert sentence in said
    assert lab.do(gateway.name, rules) == before


RELOAD = "systemctl reload order82-nat"
BEAT = "systemctl restart order82-nat-record"  # else its next word comes up to 30 s later


def test_rules_of_others_stay(lab: Lab, gateways: dict[str, Gateway]) -> None:
    """Another table is there before and after the rules are loaded anew."""
    lab.do("gateway1", "nft add table inet other; systemctl reload order82-nat")
    assert "table inet other" in lab.do("gateway1", "nft list tables; nft delete table inet other")


def test_rules_come_back_after_others_flushed_all(lab: Lab, gateways: dict[str, Gateway], mark: str) -> None:
    """Debian's nftables.service, which loads an administrator's own rules, first takes away whatever there is."""
    gateway = gateways["gateway2"]
    try:
        for number, words in enumerate(("start", "restart", "reload", "stop nftables; systemctl start")):
            lab.do(gateway.name, f"systemctl reset-failed nftables; systemctl {words} nftables")
            until(
                HANG, lambda: lab.host(gateway.name).run("nft list table ip order82_nat").rc == 0, f"it after {words}"
            )
            flows = send(lab, gateway, f"{mark}-{number}", 30, ["100.64.4.1", "100.64.4.2"])
            assert [flow for flow in flows if gateway.owner(flow.public, flow.public_port) != flow.inside] == []
    finally:
        lab.do(gateway.name, f"systemctl stop nftables; systemctl start order82-nat; {BEAT}")


DRIFTS = {
    "rules taken away": Drift(
        {"gateway1": f"nft delete table ip order82_nat; {BEAT}"},
        {"gateway1": f"{RELOAD}; {BEAT}"},
        {"gateway1": {"nat_gateway.plan", "nat_gateway.recording"}},
    ),
    "a block given to somebody else": Drift(
        {
            "gateway2": "nft delete element ip order82_nat flats.0 { 100.64.4.7 : 203.0.113.32 . 4608-5119 }; "
            "nft add element ip order82_nat flats.0 { 100.64.4.7 : 203.0.113.33 . 60000-60511 }"
        },
        {"gateway2": RELOAD},
        {"gateway2": {"nat_gateway.plan"}},
    ),
    "recorder stopped": Drift(
        {"gateway1": "systemctl stop order82-nat-record"},
        {"gateway1": "systemctl start order82-nat-record"},
        {"gateway1": {"nat_gateway.running", "nat_gateway.as_laid_down"}},
    ),
    "index not built any more": Drift(
        {},
        {},
        {"collector1": {"nat_log.indexing", "nat_log.as_laid_down"}},
        still={"collector1": ("order82-nat-index.timer",)},
    ),
    "index of a day lost": Drift(
        {"collector2": "rm /var/lib/order82-index/nat_mapping/*.json"},
        {"collector2": "systemctl start order82-nat-index"},
        {"collector2": {"nat_log.indexing", "nat_log.answer", "nat_log.as_laid_down"}},
        still={"collector2": ("order82-nat-index.timer",)},  # it would build it anew within a minute
    ),
    "translations ended while nobody recorded": Drift(
        {
            "subscriber2": "python3 /root/flows.py send 203.0.113.10 /root/unseen unseen 30 100.64.5.77",
            # The recorder is killed, and the kernel's table emptied of them before it is there again.
            "gateway2": "systemctl kill --signal=KILL order82-nat-record; systemctl stop order82-nat-record; "
            "conntrack -D -s 100.64.5.77 2>/dev/null; systemctl start order82-nat-record",
        },
        {"gateway2": "systemctl restart order82-nat-record"},
        {"gateway2": {"nat_gateway.recording"}},
    ),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_drift_is_seen(lab: Lab, name: str) -> None:
    with broken(lab, DRIFTS[name]):
        lab.sees(DRIFTS[name])
