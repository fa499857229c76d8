#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a plan of 10,000 subscribers loads, and what it costs a new flow, with the ruleset of role nat_gateway.

The ruleset is the role's own template, rendered by Ansible. It is loaded beside the obvious other way, a rule for each
subscriber. Then new UDP flows and TCP connections go through a gateway in a network namespace, in turn with the ruleset
and with one plain snat rule, the leanest there is. After each round with the ruleset the kernel is asked for every
translation, and each must lie in the block of its subscriber.

What is timed is the sender. The kernel forwards a packet on the processor and in the time of who sends it, so the rate
is that of one processor, which sends, forwards, translates and receives. It is judged by the sender's processor time,
since others may want the machine; the rate by the clock stands beside it. UDP packets are made before and given to the
kernel 1,000 at a time, so nearly all of the time is the kernel's. TCP connections are real ones of real sockets, each of
which is reset at once; the listener defers acceptance, so it completes the handshake and needs no processor. No packet
leaves the namespaces. Needs root, nftables and conntrack. Whatever else runs on the machine shows in the spread.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _netns import DESTINATION, Namespaces, run

CHECKOUT = Path(__file__).resolve().parents[2]
ROLE = CHECKOUT / "roles" / "nat_gateway"
sys.path.insert(0, str(CHECKOUT))

from plugins.plugin_utils import nat_plan

LOAD_SECONDS = 0.2
"""The most seconds that `nft --file` may take, for the first load and for one that replaces another."""
UDP_SLOWER = 0.20
"""The part of the rate of new UDP flows that the ruleset may take, of that with one plain rule in the same run."""
TCP_SLOWER = 0.10
"""The same for TCP connections."""

SUBSCRIBERS = 10_000
INSIDE = ("100.65.0.0/19", "100.65.32.0/22", "100.65.36.0/23", "100.65.38.0/24", "100.65.39.0/28")
PUBLIC = "198.18.0.0/23"
PLAIN = "198.18.0.0"
BLOCK_PORTS = 1000
LISTENER = "198.51.100.3"
TABLE = "order82_nat"
TRIES = 5  # a round in which the machine dropped a packet is repeated
PROTOCOLS = {"udp": "UDP flows", "tcp": "TCP connections"}
ARMS = {
    "plan": "the role's ruleset",
    "overflow": "an overflow block each",
    "plain": "one plain snat rule",
    "none": "forwarding alone",
}

UDP = """
import ctypes, json, os, socket, struct, sys, time
class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
class Header(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32), ("pieces", ctypes.c_void_p),
                ("number", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int)]
class Message(ctypes.Structure):
    _fields_ = [("header", Header), ("sent", ctypes.c_uint)]
destination, flows = sys.argv[1], json.load(sys.stdin)
packets = ctypes.create_string_buffer(28 * len(flows))
pieces, messages = (Piece * len(flows))(), (Message * len(flows))()
to = socket.inet_aton(destination)
for number, (address, port, other) in enumerate(flows):
    struct.pack_into("!BBHHHBBH4s4sHHHH", packets, 28 * number, 0x45, 0, 28, 0, 0, 64, 17, 0,
                     socket.inet_aton(address), to, port, other, 8, 0)
    pieces[number].base, pieces[number].length = ctypes.addressof(packets) + 28 * number, 28
    messages[number].header.pieces, messages[number].header.number = ctypes.addressof(pieces[number]), 1
send = ctypes.CDLL(None, use_errno=True).sendmmsg
source = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
source.connect((destination, 0))
number = 0
begin, used = time.monotonic(), time.process_time()
while number < len(flows):
    sent = send(source.fileno(), ctypes.byref(messages[number]), min(1000, len(flows) - number), 0)
    if sent < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    number += sent
print(time.monotonic() - begin, time.process_time() - used)
"""
TCP = """
import gc, json, socket, struct, sys, time
gc.disable()
destination, flows, reset = sys.argv[1], json.load(sys.stdin), struct.pack("ii", 1, 0)
begin, used = time.monotonic(), time.process_time()
for address, port, other in flows:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    one.bind((address, port))
    one.connect((destination, other))
    one.close()
print(time.monotonic() - begin, time.process_time() - used)
"""
LISTEN = """
import socket, sys, time
one = socket.socket()
one.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
one.bind((sys.argv[1], int(sys.argv[2])))
one.listen(4096)
print(flush=True)
time.sleep(100000)
"""
LISTEN_PORT = 7080
_FLOW = re.compile(r"src=(\S+) dst=\S+ sport=\d+ dport=\d+ .*?src=\S+ dst=(\S+) sport=\d+ dport=(\d+)")


def main() -> int:
    """Measure and report.

    :return: 0 if all holds, 1 if not, 2 if something did not run.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loads", type=int, default=9, help="how often each is loaded, in turn (default: 9)")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each protocol and ruleset (default: 15)")
    parser.add_argument("--udp-flows", type=int, default=50_000, help="flows of one round (default: 50000)")
    parser.add_argument("--tcp-flows", type=int, default=10_000, help="connections of one round (default: 10000)")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    try:
        with tempfile.TemporaryDirectory(prefix="order82-bench-") as folder, Gateway(Path(folder)) as gateway:
            document = measure(options, gateway)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(document))
    else:
        _print(document)
    return 0 if document["holds"] else 1


def _print(document: dict) -> None:
    for name, what in (
        ("plan", "the role's ruleset"),
        ("overflow", ARMS["overflow"]),
        ("each", "a rule for each, TCP alone"),
    ):
        load = document["load"][name]
        print(
            f"load  {what:28} {load['median']:6.3f} s ({load['least']:.3f} to {load['most']:.3f}), "
            f"the first {load['first']:.3f} s, {load['ratio']:5.2f} of the role's ruleset"
        )
    for protocol in PROTOCOLS:
        for arm, what in ARMS.items():
            rate = document[protocol][arm]
            print(
                f"{protocol}   {what:28} {rate['median']:6.0f}/s ({rate['least']:.0f} to {rate['most']:.0f}), "
                f"{rate['by_clock']:6.0f}/s by the clock, {rate['slower']:+7.1%} slower than the plain rule"
            )
    blocks = document["blocks"]
    print(f"ports {blocks['checked']} flows checked, {blocks['outside']} outside of the block of their subscriber")
    print(
        f"the machine had a load of {document['machine_load'][0]:.1f} at the begin, {document['machine_load'][1]:.1f} at the end"
    )
    for fault in document["faults"]:
        print("MISSED: " + fault)


def measure(options: argparse.Namespace, gateway: Gateway) -> dict:
    """Load, then UDP, then TCP, and compare with the limits."""
    before = os.getloadavg()[0]
    load = gateway.loads(options.loads)
    found = {
        protocol: gateway.rates(protocol, number, options.rounds)
        for protocol, number in (("udp", options.udp_flows), ("tcp", options.tcp_flows))
    }
    limits = {"udp": UDP_SLOWER, "tcp": TCP_SLOWER}
    faults = [
        *(
            f"the plan takes {seconds:.3f} s to load {when}, {LOAD_SECONDS} s is the most"
            for seconds, when in ((load["plan"]["median"], "over another"), (load["plan"]["first"], "first"))
            if seconds >= LOAD_SECONDS
        ),
        *(
            f"new {PROTOCOLS[protocol]} are {found[protocol][arm]['slower']:.1%} slower with {ARMS[arm]}, {limit:.0%} is the most"
            for protocol, limit in limits.items()
            for arm in ("plan", "overflow")
            if found[protocol][arm]["slower"] > limit
        ),
        *([f"{gateway.outside} flows have a port that is not their subscriber's"] if gateway.outside else []),
        *([] if gateway.checked else ["no flow was checked"]),
    ]
    return {
        "load": load,
        **found,
        "blocks": {"checked": gateway.checked, "outside": gateway.outside},
        "subscribers": SUBSCRIBERS,
        "repeated_rounds": gateway.repeated,
        "machine_load": [before, os.getloadavg()[0]],
        "limits": {"load_seconds": LOAD_SECONDS, "udp_slower": UDP_SLOWER, "tcp_slower": TCP_SLOWER},
        "faults": faults,
        "holds": not faults,
    }


class Gateway(Namespaces):
    """Three namespaces, and the rulesets that are compared."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.owners: dict[str, dict[tuple[str, int], str]] = {}  # by plan; of each port that a block has
        self.checked = self.outside = self.repeated = 0
        self.inside_addresses: list[str] = []

    def build(self) -> None:
        """Make them, with an address inside for every subscriber and a listener outside."""
        super().build()
        self.conntrack_settings(timestamp=1, events=1, acct=0, udp_timeout=120, tcp_timeout_close=120)
        for network in INSIDE:
            self.ip("in", "route", "add", "local", network, "dev", "lo")
            self.ip("gw", "route", "add", network, "via", "100.64.0.2")
        self.ip("gw", "route", "add", "local", PUBLIC, "dev", "lo")
        self.ip("out", "address", "add", f"{LISTENER}/24", "dev", "eth0")
        for network in (PUBLIC, *INSIDE):  # inside addresses are seen here where nothing is translated
            self.ip("out", "route", "add", network, "via", "198.51.100.1")
        self.inside("in", "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535")
        (self.folder / "none").write_text(_table(""), encoding="ascii")
        (self.folder / "plain").write_text(_table(_chain(f"snat to {PLAIN}")), encoding="ascii")
        for name, overflow in (("plan", 0), ("overflow", 1)):
            self._plan(name, overflow)

    def _plan(self, name: str, overflow: int) -> None:
        """Render the role's ruleset, and for the first one also a rule for each subscriber."""
        pool = {
            "name": "bench",
            "mode": "deterministic",
            "inside": list(INSIDE),
            "public": [PUBLIC],
            "block_ports": BLOCK_PORTS,
            "overflow_blocks": overflow,
        }
        render({"nat_gateway_pools": [pool], "nat_gateway_outside": "out"}, self.folder / name)
        [computed] = nat_plan.compute([pool])
        blocks = [block for blocks in computed.blocks for block in blocks]
        self.owners[name] = {
            (block.public, port): block.inside for block in blocks for port in range(block.first, block.last + 1)
        }
        if not overflow:
            self.inside_addresses = [block.inside for block in blocks]
            if len(self.inside_addresses) != SUBSCRIBERS:
                raise RuntimeError(f"the plan has {len(self.inside_addresses)} subscribers, not {SUBSCRIBERS}")
            # For TCP alone, which flatters it: with UDP in the same rule each would have an anonymous set.
            rules = (
                f"ip saddr {block.inside} meta l4proto tcp snat to {block.public}:{block.ports}" for block in blocks
            )
            (self.folder / "each").write_text(_table(_chain("\n".join(rules))), encoding="ascii")

    def load(self, name: str) -> float:
        """Replace the table by another; gives back how long that took."""
        begin = time.monotonic()
        self.inside("gw", "nft", "--file", str(self.folder / name))
        return time.monotonic() - begin

    def loads(self, number: int) -> dict:
        """Load each, onto nothing and then so many times onto itself, in turn with the others."""
        names = ("plan", "overflow", "each")
        firsts, times = {}, {name: [] for name in names}
        for name in names:
            self.load("none")
            firsts[name] = self.load(name)
        for _round in range(number):
            for name in names:
                self.load(name)
                times[name].append(self.load(name))
        usual = statistics.median(times["plan"])
        return {
            name: _spread(times[name]) | {"first": firsts[name], "ratio": statistics.median(times[name]) / usual}
            for name in names
        }

    def rates(self, protocol: str, number: int, rounds: int) -> dict:
        """New flows a second with each ruleset, in turn; every other round in the other order."""
        rates = {arm: [] for arm in ARMS}
        with self._listener() if protocol == "tcp" else contextlib.nullcontext():
            for arm in ARMS:
                self._round(protocol, arm, number // 5)  # the first is slower: slabs of the kernel grow
            for turn in range(rounds):
                for arm in list(ARMS)[:: -1 if turn % 2 else 1]:
                    rates[arm].append(self._round(protocol, arm, number))
        usual = statistics.median(used for used, _wall in rates["plain"])
        return {
            arm: _spread([used for used, _wall in found])
            | {
                "by_clock": statistics.median(wall for _used, wall in found),
                "slower": 1 - statistics.median(used for used, _wall in found) / usual,
            }
            for arm, found in rates.items()
        }

    def _round(self, protocol: str, arm: str, number: int) -> tuple[float, float]:
        """One round, which counts only if each flow got through: the rate by processor time, and by the clock."""
        destination, script = (DESTINATION, UDP) if protocol == "udp" else (LISTENER, TCP)
        flows = json.dumps(self._flows(protocol, number))
        self.load(arm)
        for _try in range(TRIES):
            self.inside("gw", "conntrack", "-F")
            time.sleep(0.1)  # the kernel frees what was flushed
            words = ("nice", "-n", "-10", sys.executable, "-c", script, destination)
            wall, used = map(float, self.inside("in", *words, input=flows).stdout.split())
            if arm == "none" or self.connections() == number:
                if arm in self.owners:
                    self._check(protocol, arm, number)
                return number / used, number / wall
            self.repeated += 1
        raise RuntimeError(f"{TRIES} times in turn not all of {number} {PROTOCOLS[protocol]} got through the gateway")

    def _flows(self, protocol: str, number: int) -> list[tuple[str, int, int]]:
        """So many flows, from one subscriber after another: the address, its port and the other port.

        No two have both ports alike, so that one public address serves for all without a search for a free port.
        """
        addresses = random.sample(self.inside_addresses, SUBSCRIBERS)
        if protocol == "tcp":
            return [(addresses[one % SUBSCRIBERS], 10_000 + one, LISTEN_PORT) for one in range(number)]
        return [
            (addresses[one % SUBSCRIBERS], 20_000 + one // SUBSCRIBERS, 1024 + one % SUBSCRIBERS)
            for one in range(number)
        ]

    def _check(self, protocol: str, arm: str, number: int) -> None:
        """Ask the kernel for all translations, and look up who owns the port of each."""
        owners = self.owners[arm]
        found = _FLOW.findall(self.inside("gw", "conntrack", "-L", "-p", protocol).stdout)
        if len(found) != number:
            raise RuntimeError(f"conntrack lists {len(found)} flows, not {number}")
        self.checked += number
        self.outside += sum(owners.get((public, int(port))) != inside for inside, public, port in found)

    @contextlib.contextmanager
    def _listener(self):
        words = ("ip", "netns", "exec", self.names["out"], sys.executable, "-c", LISTEN, LISTENER, str(LISTEN_PORT))
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            try:
                if not process.stdout.readline():
                    raise RuntimeError("the listener does not start")
                yield
            finally:
                process.kill()


def render(variables: dict, path: Path) -> None:
    """Have Ansible write the role's ruleset, with the role's own variables."""
    collection = path.parent / "ansible_collections" / "order82" / "baseline"
    if not collection.exists():
        collection.parent.mkdir(parents=True)
        collection.symlink_to(CHECKOUT)
    words = f"src={ROLE / 'templates' / 'nat.nft.j2'} dest={path}"
    run(
        *(str(Path(sys.executable).with_name("ansible")), "localhost", "--inventory", "localhost,"),
        *("--connection", "local", "--module-name", "ansible.builtin.template", "--args", words),
        *("--extra-vars", f"@{ROLE / 'vars' / 'main.yml'}", "--extra-vars", json.dumps(variables)),
        env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(path.parent), "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
    )


def _table(content: str) -> str:
    """A ruleset that replaces the role's table, or only takes it away."""
    table = f"table ip {TABLE}"
    return f"{table}\ndelete {table}\n" + (f"{table} {{\n{content}\n}}\n" if content else "")


def _chain(rules: str) -> str:
    begin = "type nat hook postrouting priority srcnat;"
    return f'chain source {{\n{begin}\noifname != "out" accept\n{rules}\n}}'


def _spread(values: list[float]) -> dict:
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "all": values}


if __name__ == "__main__":
    sys.exit(main())
