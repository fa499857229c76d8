# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand real flows through each gateway: the plan or the records name the right one of them all."""

from __future__ import annotations

from ..conftest import HANG, Lab, until
from .conftest import Flow, Gateway, Thousands, by_mode, recorded, send

CLOCKS = 0.05  # seconds by which two hosts of a lab may differ


def missing(lab: Lab, collector: str, gateway: Gateway, flows: list[Flow]) -> list[Flow]:
    """The flows that a collector has not, from their begin to their end."""
    known = recorded(lab, collector, gateway)
    return [
        flow
        for flow in flows
        if not any(
            begin <= flow.begin + CLOCKS and (end is None or end >= flow.end - CLOCKS)
            for begin, end in known.get(flow[:5], ())
        )
    ]


def test_each_port_of_a_block_belongs_to_who_used_it(gateway: Gateway, thousands: Thousands) -> None:
    flows = thousands[gateway.name, "deterministic"]
    assert {flow.protocol for flow in flows} == {1, 6, 17}
    assert [flow for flow in flows if gateway.owner(flow.public, flow.public_port) != flow.inside] == []


def test_each_translation_is_on_both_collectors(lab: Lab, gateway: Gateway, thousands: Thousands) -> None:
    """A translation that goes on is recorded after a look of the recorder; ended ones when the kernel has collected them."""
    flows = thousands[gateway.name, "sessions"]
    assert len({flow.inside for flow in flows}) == 10
    for collector in ("collector1", "collector2"):
        until(
            HANG,
            lambda at=collector: not missing(lab, at, gateway, flows),
            f"every translation on {collector}",
        )


def test_translations_outlive_the_recorder(lab: Lab, gateways: dict[str, Gateway], mark: str) -> None:
    """The recorder is killed, and restarted in order, in mid-flow: what goes on is on record.

    What it had read and not yet written when it was killed is lost, and the next run says so; the one after it no more.
    """
    gateway = gateways["gateway1"]
    flows = send(lab, gateway, mark, 30, by_mode(gateway)["sessions"])
    run = "systemctl show -P NRestarts order82-nat-record"
    before = lab.do(gateway.name, f"{run}; systemctl kill --signal=KILL order82-nat-record").strip()
    until(HANG, lambda: lab.do(gateway.name, run).strip() != before, "systemd's restart of it")
    is_active = "until systemctl --quiet is-active order82-nat-record; do sleep 0.1; done"
    lab.do(gateway.name, f"{is_active}; systemctl restart order82-nat-record")
    for collector in ("collector1", "collector2"):
        until(HANG, lambda at=collector: not missing(lab, at, gateway, flows), f"every translation on {collector}")


def test_translations_that_end_while_the_recorder_restarts_are_recorded(
    lab: Lab, gateways: dict[str, Gateway], mark: str
) -> None:
    """The kernel tells of them once; what it says waits for the recorder's next run."""
    gateway = gateways["gateway2"]
    addresses = by_mode(gateway)["sessions"][:3]
    flows = send(lab, gateway, mark, 30, addresses)
    lab.do(gateway.name, "systemctl restart order82-nat-record")  # its beat says nothing of losses before
    ends = "; ".join(f"conntrack -D -s {address} >/dev/null" for address in addresses)
    lab.do(
        gateway.name,
        f"systemctl kill --signal=KILL order82-nat-record; {ends}; "
        "until systemctl --quiet is-active order82-nat-record; do sleep 0.1; done",
    )

    def ended(collector: str) -> bool:
        known = recorded(lab, collector, gateway)
        return all(any(end is not None for _begin, end in known.get(flow[:5], ())) for flow in flows)

    for collector in ("collector1", "collector2"):
        until(HANG, lambda at=collector: ended(at), f"the end of every translation on {collector}")
    beat = lab.do(gateway.name, "journalctl -t order82-nat-mapping -o cat -n 1 -g '^beat'")
    assert " lost=0 " in beat


def test_an_exhausted_block_takes_nobody_elses_ports(lab: Lab, gateways: dict[str, Gateway], mark: str) -> None:
    """A datagram from each of more ports than are its own: 512, or two blocks of 1,000.

    The kernel tries 128 ports for a new connection, so it may leave the last few of a block free.
    """
    for gateway, own in ((gateways["gateway2"], 512), (gateways["gateway1"], 2000)):
        inside = by_mode(gateway)["deterministic"][5]
        lab.do(gateway.name, f"conntrack -D -s {inside} 2>/dev/null; true")
        script = (
            "import socket, time\n"
            f"for number in range({own + own // 10}):\n"
            "    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            f"    one.bind(('{inside}', 20000 + number)); one.sendto(b'{mark}-%d' % number, ('{gateway.outside}', 7082))\n"
        )
        lab.do(gateway.subscribers, f'python3 -c "{script}"')
        said = lab.do(gateway.name, f"conntrack -L -p udp -s {inside} 2>/dev/null")
        ports = {
            (line.split("dst=")[2].split()[0], int(line.rsplit("dport=", 1)[1].split()[0]))
            for line in said.splitlines()
        }
        assert 0.98 * own < len(ports) <= own
        assert {gateway.owner(public, port) for public, port in ports} == {inside}
