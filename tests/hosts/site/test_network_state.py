# SPDX-License-Identifier: GPL-3.0-or-later
"""What the network does is on record at both collectors: at an interval, when it changes, and when something is wrong."""

from __future__ import annotations

import datetime
import json

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import line

from ..conftest import HANG, Lab, until
from ..drift import Drift, broken
from .outside import ATTACKER, COLLECTORS


def sampled(lab: Lab, times: int = 1) -> None:
    """Wait until web's recorder has taken so many more samples."""
    cursor = lab.cursor("web")
    until(HANG, lambda: len(lab.journal("web", cursor, "-t order82-network-state -g '^sample '")) >= times, "a sample")


def happened(lab: Lab, text: str) -> None:
    """A change is on record at both collectors, and was within five seconds after it came about.

    Asked right after the command that made it: the record's own time says how long it took.
    """
    now = float(lab.do("web", "date +%s.%N"))
    for rows in lab.arrived("network_state", "web", text).values():
        stored = datetime.datetime.fromisoformat(line.parse(rows[-1]).stored["at"])
        assert stored.timestamp() - now < 5


@pytest.mark.parametrize("host", ["web", "gateway"])
def test_samples_have_every_interface_peer_and_the_fill_of_connection_tracking(lab: Lab, host: str) -> None:
    lab.arrived("network_state", host, "sample {")
    last = lab.records("collector1", "network_state", host, "sample {")[-1]
    sample = json.loads(last[last.index("sample {") + len("sample ") :])
    assert sorted(sample["interfaces"]) == ["inside", "outside"]
    assert sample["interfaces"]["outside"]["rx_packets"] > 0
    assert 0 < sample["conntrack"]["count"] <= sample["conntrack"]["max"]
    if host == "web":
        assert sample["peers"]["outside"]["lost_percent"] == 0


def test_changes_are_recorded_when_they_happen(lab: Lab, mark: str) -> None:
    link = f"t{mark[-8:]}"
    lab.do(
        "web",
        f"ip link add {link} type veth peer name {link}p; ip link set {link}p up; ip link set {link} up; ip address add 192.0.2.77/32 dev {link}",
    )
    happened(lab, f'"name": "{link} 192.0.2.77/32"')
    lab.do("web", f"ip route add 192.0.2.128/25 dev {link}")
    happened(lab, f'"name": "192.0.2.128/25 dev {link}"')
    lab.do("web", f"ip link delete {link}")
    happened(lab, f'"name": "{link}", "now": null')


def test_a_neighbour_with_another_hardware_address_is_recorded(lab: Lab) -> None:
    """As when somebody takes the address of another, which was there when a sample was taken."""
    take = "ip neighbour replace 198.18.0.66 lladdr 02:00:00:00:00:0{} dev outside nud permanent"
    lab.do("web", take.format(1))
    try:
        seen = "grep -q 02:00:00:00:00:01 /var/lib/order82-network/state.json"
        until(HANG, lambda: lab.host("web").run(seen).rc == 0, "the recorder knows the first")
        lab.do("web", take.format(2))
        lab.arrived(
            "network_state",
            "web",
            '"before": "02:00:00:00:00:01", "name": "outside 198.18.0.66", "now": "02:00:00:00:00:02"',
        )
    finally:
        lab.do("web", "ip neighbour delete 198.18.0.66 dev outside")


def test_what_changed_while_nobody_recorded_is_recorded_at_the_start(lab: Lab) -> None:
    with lab.still("web", "order82-network"):
        lab.do("web", "ip address add 192.0.2.99/32 dev outside")
    lab.arrived("network_state", "web", '"name": "outside 192.0.2.99/32"')
    lab.do("web", "ip address delete 192.0.2.99/32 dev outside")


# Frames of a protocol that nobody there speaks count as dropped; that of an interface on which nobody listens. A tunnel
# whose other end can't be reached sends nothing of what it is given.
LOSSY = "ip link add lossy type veth peer name lossy2; ip link set lossy up; ip link set lossy2 up"
FAULTY = (
    "ip route add unreachable 203.0.113.82; "
    "ip link add faulty type vxlan id 82 dstport 4790 remote 203.0.113.82; ip link set faulty up"
)
THROWN_AWAY = {"lossy": ("lossy2", "dropped"), "faulty": ("faulty", "with errors")}
"""By interface: to which frames are given, and how they are counted."""
FRAMES = (
    "import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('{}', 0)); "
    "[s.send(b'\\xff' * 6 + b'\\x02' + b'\\0' * 5 + b'\\x88\\xb5' + b'\\0' * 46) for _ in range(2000)]"
)


@pytest.fixture(scope="module")
def trouble(lab: Lab) -> str:
    """A peer does not answer and two interfaces throw packets away, in the same samples, until it is over.

    :return: where web's journal was before.
    """
    deaf = "echo {} >/proc/sys/net/ipv4/icmp_echo_ignore_all"
    troubles = ("the peer outside does not answer", *(f"the interface {name} has" for name in THROWN_AWAY))
    cursor = lab.cursor("web")
    lab.do("web", f"{LOSSY}; {FAULTY}")
    try:
        sampled(lab, 2)  # from the second sample on there is something to compare with
        lab.do("outside", deaf.format(1))
        try:
            for sends, _counted in THROWN_AWAY.values():
                lab.do("web", f'python3 -c "{FRAMES.format(sends)}"')
            for one in troubles:
                lab.arrived("measure_state", "web", f"alarm: {one}")
            sampled(lab, 2)
        finally:
            lab.do("outside", deaf.format(0))
        for one in troubles:
            lab.arrived("measure_state", "web", f"alarm over: {one}")
    finally:
        for name in THROWN_AWAY:
            lab.do("web", f"ip link delete {name}", ok=(0, 1))
        lab.do("web", "ip route delete unreachable 203.0.113.82", ok=(0, 2))
    return cursor


def test_a_peer_that_is_gone_is_one_alarm_and_so_is_its_return(lab: Lab, trouble: str) -> None:
    assert len(lab.journal("web", trouble, "-t order82 -g 'the peer outside'")) == 2
    assert ATTACKER in lab.do("web", "cat /etc/order82/network.json")


@pytest.mark.parametrize("name", THROWN_AWAY)
def test_packets_that_are_thrown_away_are_an_alarm(lab: Lab, trouble: str, name: str) -> None:
    _sends, counted = THROWN_AWAY[name]
    said = lab.records(COLLECTORS[0], "measure_state", "web", f"alarm: the interface {name} has")
    assert said
    assert all(f" packets {counted} a minute" in one for one in said)


def test_connection_tracking_that_fills_up_is_an_alarm(lab: Lab) -> None:
    lab.apply("network_state", "gateway", "-e", "network_state_max_conntrack_percent=1")
    try:
        flows = int(lab.do("gateway", "cat /proc/sys/net/netfilter/nf_conntrack_max")) // 100 + 100
        send = f"s.sendto(b'x', ('{ATTACKER}', 1024 + n % 60000))"
        lab.do(
            "gateway",
            'python3 -c "import socket; '
            f"socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range({flows} // 60000 + 1)]; "
            f'[{send} for n in range({flows}) for s in [socks[n // 60000]]]"',
        )
        lab.arrived("measure_state", "gateway", "alarm: connection tracking is full to 1 %")
    finally:
        lab.apply("network_state", "gateway")
        lab.do("gateway", f"command -v conntrack >/dev/null && conntrack -D -d {ATTACKER} -p udp >/dev/null", ok=(0, 1))
    lab.arrived("measure_state", "gateway", "alarm over: connection tracking is full")


def test_prometheus_gets_the_same_where_it_is_wanted(lab: Lab) -> None:
    said = lab.do(
        "web",
        "python3 -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:9100/metrics\").read().decode())' | grep order82_",
    )
    assert 'order82_peer_lost_percent{peer="outside"} 0' in said
    assert "order82_network_sample_seconds" in said
    assert lab.host("gateway").run("command -v prometheus-node-exporter").rc != 0


def test_inspection_sees_a_record_that_is_none(lab: Lab) -> None:
    drift = Drift(
        {
            "gateway": "systemctl disable --now --quiet order82-network",
            "web": "systemctl kill --signal=STOP order82-network; ip link add unseen type veth peer name unseen2",
        },
        {
            "gateway": "systemctl enable --now --quiet order82-network",
            "web": "ip link delete unseen; systemctl kill --signal=CONT order82-network",
        },
        {"gateway": {"network_state.running", "network_state.as_laid_down"}, "web": {"network_state.recorded"}},
    )
    with broken(lab, drift):
        lab.sees(drift)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ("{network_state_interval_seconds: 1}", "must be 10 to 3600"),
        (
            "{network_state_peers: {upstream: 192.0.2.0/24}}",
            "is no name (letters, digits, dots and dashes) with an address",
        ),
    ],
)
def test_what_cant_be_is_refused_in_one_sentence(lab: Lab, variables: str, sentence: str) -> None:
    said = " ".join(lab.apply("network_state", "gateway", "-e", variables, ok=(2,)).split())
    assert sentence in said
    assert "changed=0" in said
