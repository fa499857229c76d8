# SPDX-License-Identifier: GPL-3.0-or-later
"""What the network does is on record at both collectors: at an interval, when it changes, and when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..conftest import Lab, until
from ..drift import Drift, broken, is_seen
from .outside import ATTACKER, COLLECTORS


def is_recorded(
    lab: Lab, text: str, record_class: str = "network_state", host: str = "web", seconds: float = 10
) -> None:
    """Both collectors have a record with this text."""
    for collector in COLLECTORS:
        until(seconds, lambda at=collector: lab.records(at, record_class, host, text), f"'{text}' at {collector}")


@pytest.mark.parametrize("host", ["web", "gateway"])
def test_samples_have_every_interface_peer_and_the_fill_of_connection_tracking(lab: Lab, host: str) -> None:
    is_recorded(lab, "sample {", host=host)
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
    is_recorded(lab, f'"name": "{link} 192.0.2.77/32"', seconds=5)
    lab.do("web", f"ip route add 192.0.2.128/25 dev {link}")
    is_recorded(lab, f'"name": "192.0.2.128/25 dev {link}"', seconds=5)
    lab.do("web", f"ip link delete {link}")
    is_recorded(lab, f'"name": "{link}", "now": null', seconds=5)


def test_a_neighbour_with_another_hardware_address_is_recorded(lab: Lab) -> None:
    """As when somebody takes the address of another."""
    for number in (1, 2):
        lab.do(
            "web",
            f"ip neighbour replace 198.18.6.66 lladdr 02:00:00:00:00:0{number} dev outside nud permanent; sleep 2",
        )
    lab.do("web", "ip neighbour delete 198.18.6.66 dev outside")
    is_recorded(
        lab, '"before": "02:00:00:00:00:01", "name": "outside 198.18.6.66", "now": "02:00:00:00:00:02"', seconds=5
    )


def test_what_changed_while_nobody_recorded_is_recorded_at_the_start(lab: Lab) -> None:
    lab.do(
        "web",
        "systemctl stop order82-network; ip address add 192.0.2.99/32 dev outside; systemctl start order82-network",
    )
    is_recorded(lab, '"name": "outside 192.0.2.99/32"', seconds=8)
    lab.do("web", "ip address delete 192.0.2.99/32 dev outside")


def test_a_peer_that_is_gone_is_one_alarm_and_so_is_its_return(lab: Lab) -> None:
    deaf = "echo {} >/proc/sys/net/ipv4/icmp_echo_ignore_all"
    begun = lab.do("web", "date +%s").strip()
    lab.do("outside", deaf.format(1))
    try:
        is_recorded(lab, "alarm: the peer outside does not answer", "measure_state", seconds=30)
        lab.do("web", "sleep 11")
    finally:
        lab.do("outside", deaf.format(0))
    is_recorded(lab, "alarm over: the peer outside does not answer", "measure_state", seconds=30)
    said = lab.do("web", f"journalctl -q -o cat -t order82 --since @{begun} -g 'the peer outside'")
    assert len(said.splitlines()) == 2
    assert ATTACKER in lab.do("web", "cat /etc/order82/network.json")


# Frames of a protocol that nobody there speaks count as dropped; that of an interface on which nobody listens. A tunnel
# whose other end can't be reached sends nothing of what it is given.
LOSSY = "ip link add lossy type veth peer name lossy2; ip link set lossy up; ip link set lossy2 up"
FAULTY = (
    "ip route add unreachable 203.0.113.82; "
    "ip link add faulty type vxlan id 82 dstport 4790 remote 203.0.113.82; ip link set faulty up"
)


@pytest.mark.parametrize(
    ("name", "made", "sends", "counted"),
    [("lossy", LOSSY, "lossy2", "dropped"), ("faulty", FAULTY, "faulty", "with errors")],
)
def test_packets_that_are_thrown_away_are_an_alarm(lab: Lab, name: str, made: str, sends: str, counted: str) -> None:
    frames = (
        f"import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('{sends}', 0)); "
        "[s.send(b'\\xff' * 6 + b'\\x02' + b'\\0' * 5 + b'\\x88\\xb5' + b'\\0' * 46) for _ in range(2000)]"
    )
    lab.do("web", made)
    try:
        is_recorded(lab, f'"{name}"', seconds=15)  # from the second sample on there is something to compare with
        lab.do("web", f'sleep 11; python3 -c "{frames}"')
        is_recorded(lab, f"alarm: the interface {name} has", "measure_state", seconds=20)
        for line in lab.records(COLLECTORS[0], "measure_state", "web", f"alarm: the interface {name} has"):
            assert f" packets {counted} a minute" in line
        is_recorded(lab, f"alarm over: the interface {name} has", "measure_state", seconds=20)
    finally:
        lab.do("web", f"ip link delete {name}; ip route delete unreachable 203.0.113.82", ok=(0, 2))


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
        is_recorded(lab, "alarm: connection tracking is full to 1 %", "measure_state", "gateway", seconds=15)
    finally:
        lab.apply("network_state", "gateway")
        lab.do("gateway", f"command -v conntrack >/dev/null && conntrack -D -d {ATTACKER} -p udp >/dev/null", ok=(0, 1))
    is_recorded(lab, "alarm over: connection tracking is full", "measure_state", "gateway", seconds=30)


def test_prometheus_gets_the_same_where_it_is_wanted(lab: Lab) -> None:
    said = lab.do(
        "web",
        "python3 -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:9100/metrics\").read().decode())' | grep order82_",
    )
    assert 'order82_peer_lost_percent{peer="outside"} 0' in said
    assert "order82_network_sample_seconds" in said
    assert lab.host("gateway").run("command -v prometheus-node-exporter").rc != 0


def test_inspection_sees_a_record_that_is_none(lab: Lab, tmp_path: Path) -> None:
    drift = Drift(
        {
            "gateway": "systemctl disable --now --quiet order82-network",
            "web": "systemctl kill --signal=STOP order82-network; ip link add unseen type veth peer name unseen2",
        },
        {
            "gateway": "systemctl enable --now --quiet order82-network; sleep 1",
            "web": "ip link delete unseen; systemctl kill --signal=CONT order82-network",
        },
        {"gateway": {"network_state.running"}, "web": {"network_state.recorded"}},
    )
    with broken(lab, drift):
        is_seen(lab.inspect(tmp_path), drift)


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


def test_removal_leaves_the_records(lab: Lab) -> None:
    lab.apply("network_state", "gateway", "-e", "network_state_state=absent")
    left = "ls -d /var/lib/order82-network /etc/order82/network.json /etc/systemd/system/order82-network.service"
    assert lab.do("gateway", left, ok=(2,)) == ""
    assert "changed=0" in lab.apply("network_state", "gateway", "-e", "network_state_state=absent")
    assert lab.records("collector1", "network_state", "gateway", "sample {")
    lab.apply("network_state", "gateway")
