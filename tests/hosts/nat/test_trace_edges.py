# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a wrong person could be named: a port that another has soon after, a gateway that restarts, a prefix of IPv6."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from ..conftest import CHECKOUT, HANG, Lab, until
from .conftest import Flow, Gateway, by_mode, recorded, send
from .test_trace import ask, index, iso


def insides(answer: dict) -> set[str]:
    return {one["inside_address"] for one in answer["candidates"]}


def question(flow: Flow, when: float, tolerance: float = 0.05) -> str:
    words = f"--address {flow.public} --port {flow.public_port} --protocol {flow.protocol}"
    return f"{words} --time {iso(when)} --tolerance {tolerance}"


def answered(lab: Lab, flow: Flow, when: float, tolerance: float = 0.05) -> dict:
    (answer,) = ask(lab, "collector1", question(flow, when, tolerance), ok=(0, 3, 4, 5))["answers"]
    return answer


def test_the_controller_asks_too(lab: Lab, gateways: dict[str, Gateway], mark: str, tmp_path: Path) -> None:
    """`./baseline trace` gives the collector's answer and exit code, and its sentence where it refuses."""
    gateway = gateways["gateway1"]
    (flow,) = send(lab, gateway, mark, 1, by_mode(gateway)["deterministic"][:1])
    csv = tmp_path / "questions.csv"
    csv.write_text(f"public_address,public_port,time\n{flow.public},{flow.public_port},{iso(flow.begin)}\n")

    def trace(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(CHECKOUT / "baseline"), "trace", "-i", str(lab.inventory), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    warrant = ("--case", mark, "--basis", "a test", "--officer", "Li Wei 1", "--officer", "王芳 2")
    until(HANG, lambda: index(lab, "collector1") or trace(*warrant, "--csv", str(csv)).returncode == 0, "one answer")
    done = trace(*warrant, "--csv", str(csv), "--json")
    (answer,) = json.loads(done.stdout)["answers"]
    assert (done.returncode, insides(answer)) == (0, {flow.inside})
    # No tolerance was given: it is what the gateway's clock was uncertain by.
    assert (answer["notes"], 0 < answer["tolerance_seconds"] < 1) == ([], True)
    assert lab.records("collector2", "disclosure", "collector1", "王芳 2")
    refused = trace("--case", mark, "--basis", "a test", "--address", flow.public, "--time", iso(flow.begin))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "two different people" in refused.stderr
    assert lab.do("collector1", "ls /tmp/ansible.*csv 2>/dev/null", ok=(0, 2)) == ""


def test_a_port_that_another_has_soon_after_names_each_for_his_time(
    lab: Lab, gateways: dict[str, Gateway], mark: str
) -> None:
    """Two subscribers have some of the same public ports by chance, one after the other: the kernel forgets the first."""
    gateway = gateways["gateway2"]
    used = []
    for number, address in enumerate(("100.64.5.61", "100.64.5.62")):
        used.append(send(lab, gateway, f"{mark}-{number}", 1500, [address]))
        lab.do(gateway.name, f"sleep 1; conntrack -D -s {address} >/dev/null 2>&1; sleep 2")  # time between the two
    later = {(flow.protocol, *flow[3:5]): flow for flow in used[1]}
    same = [(flow, later[key]) for flow in used[0] if (key := (flow.protocol, *flow[3:5])) in later]
    assert same
    for flow in same[-1]:
        until(HANG, lambda flow=flow: flow[:5] in recorded(lab, "collector1", gateway), "the record")
    index(lab, "collector1")
    for first, second in same[:5]:
        for flow in (first, second):
            assert [insides(answered(lab, flow, when)) for when in (flow.begin, flow.end)] == [{flow.inside}] * 2
        middle = (first.end + second.begin) / 2
        both = answered(lab, first, middle, second.begin - first.end + 1)
        assert (insides(both), both["ambiguous"]) == ({first.inside, second.inside}, True)


def test_a_gateway_that_restarts_in_mid_flow_is_said_to(lab: Lab, gateways: dict[str, Gateway], mark: str) -> None:
    """Its flows are named until then; while it is down nobody claims to know; afterwards new ones are named."""
    gateway = gateways["gateway1"]
    (flow,) = send(lab, gateway, mark, 1, by_mode(gateway)["sessions"][:1])
    down = time.time()
    lab.restart(gateway.name)
    up = time.time()
    for neighbour in ("outside", gateway.subscribers):  # podman has given the gateway other hardware addresses
        lab.do(neighbour, "ip neighbour flush all")
    (again,) = send(lab, gateway, f"{mark}-2", 1, by_mode(gateway)["sessions"][1:2])
    until(HANG, lambda: again[:5] in recorded(lab, "collector1", gateway), "the record of the flow afterwards")
    index(lab, "collector1")
    named, after = answered(lab, flow, flow.begin), answered(lab, again, again.begin)
    assert (insides(named), insides(after)) == ({flow.inside}, {again.inside})
    gap = answered(lab, flow, (down + up) / 2)
    assert (gap["status"], gap["gaps"][0]["gateway"]) == ("unknown", gateway.name)


def test_a_prefix_of_ipv6_is_translated_and_named(lab: Lab, gateways: dict[str, Gateway], mark: str) -> None:
    """A datagram from a private address comes out under the public prefix, and the plan names who sent it."""
    gateway = gateways["gateway2"]
    lab.do(
        gateway.name,
        "ip -6 address replace fd00:82:4::1/64 dev inside nodad; ip -6 address replace 2001:db8:82:f::1/64 dev outside nodad; "
        "sysctl -qw net.ipv6.conf.all.forwarding=1",
    )
    lab.do(
        "outside",
        "ip -6 address replace 2001:db8:82:f::2/64 dev outside nodad; ip -6 route replace default via 2001:db8:82:f::1",
    )
    lab.do(
        gateway.subscribers,
        "ip -6 address replace fd00:82:4::42/64 dev inside nodad; ip -6 route replace default via fd00:82:4::1",
    )
    lab.do(
        "outside",
        'systemd-run --quiet --collect --unit six python3 -c "import socket; s = socket.socket(socket.AF_INET6, '
        f"socket.SOCK_DGRAM); s.bind(('::', 7083)); word, peer = s.recvfrom(99); open('/root/{mark}', 'w').write(peer[0])\"",
    )
    sender = "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('2001:db8:82:f::2', 7083))"
    until(
        HANG,
        lambda: (
            lab.do(gateway.subscribers, f'python3 -c "{sender}"') or lab.host("outside").file(f"/root/{mark}").exists
        ),
        "the datagram",
    )
    when = time.time()
    public = lab.do("outside", f"cat /root/{mark}")
    assert public.startswith("2001:db8:82:4:")
    words = f"--address {public} --time {iso(when)} --protocol udp"

    def named() -> bool:
        index(lab, "collector1")
        (answer,) = ask(lab, "collector1", words, ok=(0, 4))["answers"]
        return answer["status"] == "one" and insides(answer) == {"fd00:82:4::42"}

    until(HANG, named, "the answer of the plan")


def test_what_a_killed_recorder_missed_is_seen_until_somebody_explains_it(
    lab: Lab, gateways: dict[str, Gateway], mark: str
) -> None:
    """And of a pool whose translations are recorded one by one, one that was recorded is asked for and found."""
    gateway = gateways["gateway1"]
    flows = send(lab, gateway, mark, 1, by_mode(gateway)["sessions"][:1])
    lab.do(gateway.name, f"conntrack -D -s {flows[0].inside}", ok=(0, 1))
    until(HANG, lambda: flows[0][:5] in recorded(lab, "collector1", gateway), "the record")
    run = "systemctl show -P NRestarts order82-nat-record"
    before = lab.do(gateway.name, f"{run}; systemctl kill --signal=KILL order82-nat-record").strip()
    until(HANG, lambda: lab.do(gateway.name, run).strip() != before, "systemd's restart of it")

    def seen(check: str, *words: str) -> dict:
        index(lab, "collector1")
        (one,) = (one for one in lab.look(["collector1"], words)["results"] if one["check"] == check)
        return one

    def is_missed() -> bool:
        one = seen("nat_log.gapless", "-e", json.dumps({"nat_log_explained_gaps": []}))
        gaps = [gap for gap in one["observed"]["gaps"] if gap.startswith("gateway1 from ") and "was killed" in gap]
        return one["outcome"] == "fail" and bool(gaps)

    until(HANG, is_missed, "what the recorder missed")
    explained = seen("nat_log.gapless")
    assert explained["outcome"] == "pass"
    assert any("the tests of the lab" in one for one in explained["observed"]["explained"])
    until(
        HANG,
        lambda: "offices of gateway1" in seen("nat_log.finds")["observed"]["asked"],
        "a translation that is asked for",
    )
    assert seen("nat_log.finds")["outcome"] == "pass"
    lab.green("collector1")
