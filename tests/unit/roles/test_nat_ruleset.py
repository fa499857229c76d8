# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gateway's ruleset lets through and what not, with real packets through the kernel.

What must not come is sent before what may, from the same place: when the second is there, the first would be, too.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import os
import socket
import struct
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.order82.baseline.plugins.module_utils.observers import translation
from ansible_collections.order82.baseline.plugins.plugin_utils.checks import ROLES
from ansible_collections.order82.baseline.plugins.plugin_utils.host_values import HostValues
from namespaces import PORT, Network, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

TABLE = "order82_nat"
OUT, OUT6 = "203.0.113.10", "2001:db8::10"
ADMINISTRATOR, ADMINISTRATOR6 = "192.0.2.67", "2001:db8:67::67"
POOLS = [
    {"name": "homes", "mode": "deterministic", "inside": ["100.64.0.0/28"], "public": ["203.0.113.16"], "block_ports": 1000},
    {"name": "offices", "mode": "sessions", "inside": ["100.64.1.0/24"], "public": ["203.0.113.20/31"]},
    # They share an address by ports, one of them named by its network.
    {"name": "shops", "mode": "sessions", "inside": ["100.64.2.0/24"], "public": ["203.0.113.16/31"], "ports": "30000-39999"},
    {"name": "own", "mode": "prefix", "inside": ["198.51.100.0/28"], "public": ["198.51.100.0/28"], "inward": ["tcp/80", "udp/7082"]},
    {"name": "one", "mode": "prefix", "inside": ["10.9.0.0/28"], "public": ["198.18.7.32/28"], "inward": ["udp/7082"]},
    {"name": "six", "mode": "prefix", "inside": ["fd00:82::/64"], "public": ["2001:db8:82::/64"]},
    {"name": "own6", "mode": "prefix", "inside": ["2001:db8:83::/64"], "public": ["2001:db8:83::/64"], "inward": ["udp/7082"]},
]  # fmt: skip
POOLS[0] |= {"ports": "1024-29999"}
HOME, OFFICE, OWN, ONE, SIX, OWN6 = (
    "100.64.0.1",
    "100.64.1.7",
    "198.51.100.5",
    "10.9.0.3",
    "fd00:82::5",
    "2001:db8:83::5",
)
PUBLIC = {
    HOME: "203.0.113.16",
    OFFICE: ("203.0.113.20", "203.0.113.21"),
    OWN: OWN,
    ONE: "198.18.7.35",
    SIX: "2001:db8:82::5",
    OWN6: OWN6,
}
"""By inside address, the public one under which it is seen."""
LIVES = {HOME: "homes", OFFICE: "offices", OWN: "offices", ONE: "homes", SIX: "homes", OWN6: "offices"}


OTHERS = """
table ip others {
	chain input { type filter hook prerouting priority filter; ct state new accept; }
	chain source { type nat hook postrouting priority srcnat; }
}
"""
"""Somebody's own rules, with which the kernel follows connections and could translate them."""


def rules(pools: list[dict]) -> str:
    """The role's ruleset for these pools."""
    hosts = {"gateway": {}, "web": {"ansible_port": 2222}}
    values = {
        "nat_gateway_pools": pools,
        "nat_gateway_outside": "outside",
        "host_firewall_control": [f"{ADMINISTRATOR}/32", "10.0.0.0/8", ADMINISTRATOR6],
        "groups": {"all": list(hosts)},
        "hostvars": hosts,
    }
    engine = HostValues(["nat_gateway"], values, Templar(loader=DataLoader(), variables={})).engine("/nowhere")
    return engine.file(ROLES / "nat_gateway" / "templates" / "nat.nft.j2", {})


@functools.cache
def all_rules() -> str:
    """Those of all pools."""
    return rules(POOLS)


def load(network: Network, folder: Path, text: str) -> None:
    (folder / "nat.nft").write_text(text)
    network.do("gateway", f"nft --file {folder / 'nat.nft'}")


@pytest.fixture(scope="module")
def wires():
    """The gateway and its subscribers."""
    with Network() as made:
        for pool in POOLS:
            part = {inside: LIVES[one] for one in LIVES for inside in pool["inside"] if within(one, inside)}
            for inside, where in part.items():
                made.lives_in(where, inside)
        made.do("gateway", "ip route add local 203.0.113.16/28 dev lo")
        yield made


@pytest.fixture
def network(wires, tmp_path):
    """The same with the rules."""
    load(wires, tmp_path, all_rules())
    yield wires
    wires.clear()


def within(address: str, network: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(network)


class Server:
    """Somebody to whom datagrams are sent."""

    def __init__(self, network: Network, part: str, address: str) -> None:
        self.socket = network.socket(part, address, PORT)

    def until(self, word: bytes) -> list[tuple[bytes, str, int]]:
        """All that came up to this word: what it says, and who seems to have sent it."""
        came = []
        while not came or came[-1][0] != word:
            said, peer = self.socket.recvfrom(2000)
            came.append((said, *peer[:2]))
        return came


def outside_for(network: Network, source: str) -> tuple[Server, str]:
    address = OUT6 if ":" in source else OUT
    return Server(network, "outside", address), address


def send(network: Network, part: str, source: str, to: str, word: bytes) -> socket.socket:
    one = network.socket(part, source)
    one.sendto(word, (to, PORT))
    return one


def dropped(network: Network, source: str) -> dict[str, int]:
    """What the ruleset dropped, by the counter's name, where it is not nothing."""
    found = network.counters("ip6" if ":" in source else "ip", TABLE)
    return {name: count for name, count in found.items() if count and name not in ("recorded",) and name[:5] != "plan_"}


@pytest.mark.parametrize("source", LIVES)
def test_who_is_in_a_pool_is_answered_under_his_public_address(network, source):
    server, address = outside_for(network, source)
    one = send(network, LIVES[source], source, address, b"asked")
    [(_word, seen, port)] = server.until(b"asked")
    assert seen in PUBLIC[source]
    server.socket.sendto(b"answer", (seen, port))
    assert one.recvfrom(100)[0] == b"answer"
    assert dropped(network, source) == {}


@pytest.mark.parametrize(
    ("part", "source", "counter", "honest"),
    [
        ("homes", "192.0.2.66", "foreign", HOME),  # nobody's
        ("homes", "100.64.0.16", "foreign", HOME),  # just beside the pool
        ("homes", "10.0.1.2", "foreign", HOME),  # its own, which is in no pool
        ("homes", OFFICE, "forged", HOME),  # somebody else's, who lives at another interface
        ("homes", OWN, "forged", HOME),
        ("offices", HOME, "forged", OFFICE),
        ("homes", "2001:db8:ffff::1", "foreign", SIX),
        ("homes", "fd00:82:0:1::5", "foreign", SIX),
        ("homes", OWN6, "forged", SIX),
        ("offices", SIX, "forged", OWN6),
    ],
)
def test_a_source_that_the_plan_does_not_have_there_does_not_go_out(network, part, source, counter, honest):
    server, address = outside_for(network, source)
    send(network, part, source, address, b"forged")
    send(network, part, honest, address, b"honest")
    assert [word for word, _peer, _port in server.until(b"honest")] == [b"honest"]
    assert dropped(network, source) == {counter: 1}


def test_nobody_goes_on_with_the_connection_of_somebody_who_lives_elsewhere(network):
    server, address = outside_for(network, HOME)
    one = send(network, "homes", HOME, address, b"asked")
    [(_word, seen, port)] = server.until(b"asked")
    server.socket.sendto(b"answer", (seen, port))
    assert one.recvfrom(100)[0] == b"answer"
    network.socket("offices", HOME, one.getsockname()[1]).sendto(b"forged", (address, PORT))
    one.sendto(b"honest", (address, PORT))
    assert [word for word, _peer, _port in server.until(b"honest")] == [b"honest"]
    assert dropped(network, HOME) == {"forged": 1}


@pytest.mark.parametrize("inside", [HOME, OFFICE, ONE, SIX])
@pytest.mark.parametrize("port", [22, PORT])
def test_an_inside_host_is_not_reached_from_outside_under_its_own_address(network, inside, port):
    """The Internet's side knows the way, and no translation stands between."""
    network.do(
        "outside",
        f"ip {'-6' if ':' in inside else '-4'} route replace {inside} via {'2001:db8::1' if ':' in inside else '203.0.113.1'}",
    )
    refused(network, "outside", OUT6 if ":" in inside else OUT, inside, port)
    assert set(dropped(network, inside)) == {"uninvited"}


@pytest.mark.parametrize(
    ("called", "port", "inside"),
    [
        ("198.18.7.35", 22, ONE),  # one to one
        ("2001:db8:82::5", 22, SIX),
        (OWN, 22, OWN),  # only routed
        (OWN6, 22, OWN6),
        ("198.18.7.35", 80, ONE),  # a port of another pool
    ],
)
def test_only_ports_that_the_plan_names_are_reached_from_outside(network, called, port, inside):
    refused(network, "outside", OUT6 if ":" in called else OUT, called, port)
    assert set(dropped(network, called)) <= {"uninvited", "foreign"}


def refused(network: Network, part: str, source: str, to: str, port: int) -> None:
    """A connection is not even answered: whether it was is seen when the gateway has counted a packet.

    How many it has counted nobody knows: one that is not answered within a second is sent again (tcp(7)).
    """
    one = network.socket(part, source, kind=socket.SOCK_STREAM)
    listener = network.socket(LIVES.get(to, "homes"), to, port, socket.SOCK_STREAM) if to in LIVES else None
    if listener:
        listener.listen()
    one.setblocking(False)
    before = dropped(network, to)
    one.connect_ex((to, port))
    until(lambda: dropped(network, to) != before, "the gateway has dropped it")
    assert one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    with pytest.raises(OSError):
        one.getpeername()


@pytest.mark.parametrize(("called", "inside"), [("198.18.7.35", ONE), (OWN, OWN), (OWN6, OWN6)])
def test_ports_that_the_plan_names_are_reached_from_outside(network, called, inside):
    server = Server(network, LIVES[inside], inside)
    one = send(network, "outside", OUT6 if ":" in called else OUT, called, b"called")
    [(_word, peer, port)] = server.until(b"called")
    assert peer in (OUT, OUT6)
    server.socket.sendto(b"answer", (peer, port))
    said, seen = one.recvfrom(100)
    assert (said, seen[0]) == (b"answer", called)
    assert dropped(network, called) == {}


def test_a_translated_host_is_reached_under_its_public_address_only(network):
    network.do("outside", f"ip route replace {ONE} via 203.0.113.1")
    server = Server(network, LIVES[ONE], ONE)
    send(network, "outside", OUT, ONE, b"past the translation")
    send(network, "outside", OUT, "198.18.7.35", b"called")
    assert [word for word, _peer, _port in server.until(b"called")] == [b"called"]
    assert dropped(network, ONE) == {"uninvited": 1}


@pytest.mark.parametrize("port", [22, 2222])
@pytest.mark.parametrize(
    ("source", "inside", "part"),
    [
        (ADMINISTRATOR, HOME, "homes"),
        (ADMINISTRATOR, OWN, "offices"),
        (ADMINISTRATOR, "10.0.1.2", "homes"),  # in no pool
        (ADMINISTRATOR6, SIX, "homes"),
        (ADMINISTRATOR6, "fd00:1::2", "homes"),
    ],
)
def test_an_administrator_outside_reaches_the_ssh_of_an_inside_host(network, source, inside, part, port):
    network.lives_in("outside", f"{source}/{128 if ':' in source else 32}")
    listener = network.socket(part, inside, port, socket.SOCK_STREAM)
    listener.listen()
    one = network.socket("outside", source, kind=socket.SOCK_STREAM)
    one.connect((inside, port))
    other, peer = listener.accept()
    other.close()
    assert (peer[0], one.recv(1)) == (source, b"")
    assert dropped(network, inside) == {}


def test_an_administrator_outside_reaches_nothing_else_and_nobody_in_his_name_from_inside(network):
    refused(network, "outside", ADMINISTRATOR, HOME, 80)
    assert set(dropped(network, HOME)) == {"uninvited"}
    refused(network, "outside", "10.0.2.2", HOME, 22)  # of host_firewall_control, and the way back is another
    assert set(dropped(network, HOME)) == {"uninvited"}


@pytest.mark.parametrize(
    ("source", "called", "inside"),
    [
        (HOME, OWN, OWN),
        ("203.0.113.17", OWN, OWN),  # a public one of the plan
        (SIX, OWN6, OWN6),
        ("2001:db8:82::9", OWN6, OWN6),
    ],
)
def test_nobody_outside_seems_to_come_from_inside(network, source, called, inside):
    server = Server(network, LIVES[inside], inside)
    send(network, "outside", source, called, b"forged")
    send(network, "outside", OUT6 if ":" in called else OUT, called, b"honest")
    assert [word for word, _peer, _port in server.until(b"honest")] == [b"honest"]
    # The kernel itself drops addresses of its own.
    assert dropped(network, source) == ({} if source == "203.0.113.17" else {"forged": 1})


def test_what_came_in_before_the_rules_were_loaded_is_no_answer(network, tmp_path):
    """A connection that somebody outside opened to an inside host goes on no longer."""
    network.clear()
    load(network, tmp_path, OTHERS)
    network.do("outside", f"ip route replace {HOME} via 203.0.113.1")
    server = Server(network, "homes", HOME)
    one = send(network, "outside", OUT, HOME, b"before")
    [(_word, peer, port)] = server.until(b"before")
    server.socket.sendto(b"answer", (peer, port))
    assert one.recvfrom(100)[0] == b"answer"
    load(network, tmp_path, all_rules())
    one.sendto(b"after", (HOME, PORT))
    until(lambda: dropped(network, HOME) == {"uninvited": 1}, "it was dropped")


@pytest.mark.parametrize("inside", [HOME, SIX])
def test_what_is_not_translated_does_not_go_out_as_it_is(network, inside):
    """Connection tracking does not follow a packet that is of no connection: here a TCP segment with impossible flags."""
    version = "ip6" if ":" in inside else "ip"
    server, address = outside_for(network, inside)
    network.do("gateway", f"nft add table {version} other")
    network.do("gateway", f"nft add chain {version} other raw {{ type filter hook prerouting priority raw; }}")
    network.do("gateway", f"nft add rule {version} other raw {version} saddr {inside} udp sport 5 notrack")
    one = network.socket(LIVES[inside], inside, 5)
    one.sendto(b"as it is", (address, PORT))
    send(network, LIVES[inside], inside, address, b"honest")
    assert [word for word, _peer, _port in server.until(b"honest")] == [b"honest"]
    assert dropped(network, inside) == {"untranslated": 1}


def test_what_began_untranslated_does_not_go_on_so(network, tmp_path):
    """A translation is chosen with the first packet: a connection that is older than the rules never gets one."""
    network.clear()
    load(network, tmp_path, OTHERS)
    network.do("outside", f"ip route replace {HOME} via 203.0.113.1")
    server, address = outside_for(network, HOME)
    one = send(network, "homes", HOME, address, b"before")
    [(_word, seen, port)] = server.until(b"before")
    assert seen == HOME
    server.socket.sendto(b"answer", (seen, port))
    assert one.recvfrom(100)[0] == b"answer"
    load(network, tmp_path, all_rules())
    one.sendto(b"after", (address, PORT))
    send(network, "homes", HOME, address, b"another")
    assert [(word, peer) for word, peer, _port in server.until(b"another")] == [(b"another", PUBLIC[HOME])]
    assert dropped(network, HOME) == {"untranslated": 1}


def test_what_the_other_gateway_knew_goes_on(network):
    """conntrackd puts the connections of the gateway that died into the kernel of the one that takes over (role standby)."""
    server, address = outside_for(network, HOME)
    network.do(
        "gateway",
        f"conntrack -I -p udp -s {HOME} --sport 4000 -d {OUT} --dport {PORT} --src-nat 203.0.113.16:1024 -u SEEN_REPLY,ASSURED -t 60",
    )
    inside = network.socket("homes", HOME, 4000)
    server.socket.sendto(b"first word after it", ("203.0.113.16", 1024))
    assert inside.recvfrom(100)[0] == b"first word after it"
    inside.sendto(b"answer", (address, PORT))
    assert server.until(b"answer") == [(b"answer", "203.0.113.16", 1024)]
    assert dropped(network, HOME) == {}


def too_large(network: Network, part: str, router: str, inside: tuple[str, int], peer: str) -> None:
    """A router says that a datagram from that peer to an inside host can't go on: it is too large."""
    ports = struct.pack("!HHHH", PORT, inside[1], 1480, 0)
    if ":" in router:
        packet = struct.pack("!IHBB16s16s", 6 << 28, 1480, 17, 64, *(packed(one) for one in (peer, inside[0]))) + ports
        said, protocol = struct.pack("!BBHI", 2, 0, 0, 1280) + packet, socket.IPPROTO_ICMPV6  # the kernel sums it up
    else:
        packet = struct.pack("!BBHIBBH4s4s", 0x45, 0, 1500, 0, 64, 17, 0, packed(peer), packed(inside[0])) + ports
        said, protocol = struct.pack("!BBHHH", 3, 4, 0, 0, 1280) + packet, socket.IPPROTO_ICMP
        said = said[:2] + struct.pack("!H", checksum(said)) + said[4:]
    one = network.socket(part, router, kind=socket.SOCK_RAW, protocol=protocol)
    one.sendto(said, (peer, 0))


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


@pytest.mark.parametrize(
    ("source", "router", "seen_as"),
    [(HOME, "10.0.1.2", PUBLIC[HOME]), (SIX, "fd00:1::2", PUBLIC[SIX]), (OWN6, "fd00:2::2", "fd00:2::2")],
)
def test_a_router_on_the_way_inside_may_say_that_a_packet_is_too_large(network, source, router, seen_as):
    """It is in no pool itself; without its word a path whose packets are too large is silent for ever."""
    server, address = outside_for(network, source)
    protocol, kind = (socket.IPPROTO_ICMPV6, 2) if ":" in source else (socket.IPPROTO_ICMP, 3)
    hears = network.socket("outside", address, kind=socket.SOCK_RAW, protocol=protocol)
    one = send(network, LIVES[source], source, address, b"asked")
    server.until(b"asked")
    inside = (source, one.getsockname()[1])
    too_large(network, LIVES[source], "2001:db8:ffff::1" if ":" in source else "192.0.2.66", inside, address)
    too_large(network, LIVES[source], router, inside, address)
    heard = []
    while not heard or heard[-1][0] != kind:
        said, peer = hears.recvfrom(2000)
        heard.append((said[0 if ":" in source else 20], peer[0]))
    assert [peer for one, peer in heard if one == kind] == [seen_as]
    assert dropped(network, source) == {"foreign": 1}  # what no router said that is there


def test_a_version_of_ip_of_which_the_plan_has_no_pool_is_not_forwarded(network, tmp_path):
    load(network, tmp_path, rules([pool for pool in POOLS if ":" not in pool["inside"][0]]))
    refused(network, "homes", SIX, OUT6, PORT)
    assert set(dropped(network, SIX)) == {"foreign"}
    refused(network, "outside", OUT6, OWN6, 80)
    assert set(dropped(network, SIX)) == {"foreign", "uninvited"}


def test_who_stays_inside_is_nobodys_business(network):
    server = Server(network, "offices", "10.0.2.2")
    send(network, "homes", "10.0.1.2", "10.0.2.2", b"neighbour")
    assert server.until(b"neighbour")[0][1] == "10.0.1.2"
    assert dropped(network, HOME) == {}


def test_the_rules_in_the_kernel_are_counted_as_those_of_the_file(network, tmp_path):
    text = all_rules()
    wanted = translation.rules_by_chain(text)
    listed = [json.loads(network.do("gateway", f"nft --json list table {family} {TABLE}")) for family in ("ip", "ip6")]
    assert translation.changed_chains(wanted, listed) == []
    network.do("gateway", f"nft flush chain ip {TABLE} inward")
    listed[0] = json.loads(network.do("gateway", f"nft --json list table ip {TABLE}"))
    assert len(translation.changed_chains(wanted, listed)) == 1
