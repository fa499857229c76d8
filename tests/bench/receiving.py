#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a collector takes records over TLS and files them: HAProxy before imrelp, beside imrelp's own TLS in the same run.

What receives is what role log_collector lays down: rsyslog with its rules, and HAProxy, which tells by its certificate whose records a
connection brings. Both are in a network namespace into which only the listening socket leads, as on a collector. The other arm is
the same rsyslog, which ends TLS itself and admits by fingerprint. Several senders, each a process with a certificate of its own and a
window as a forwarder has it, send at the same time; a round ends when all of theirs is acknowledged. Then each number is looked for in
the file of its sender. In a last round both daemons are killed in turn while they work, and started again. Senders and receivers share
the processors, so the ratio says more than the rates. The rules that slow down who sends too much are in force, since they cost
something, but with a limit that no sender reaches: it would be what is measured. Needs root, haproxy, nftables and rsyslog-relp; nothing
leaves the machine.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _netns import run

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar

LEAST = 1.0
"""The least part of the other arm's rate that ours must have."""
TEMPLATES = CHECKOUT / "roles" / "log_collector" / "templates"
PORT = 2514
LIMIT = 2_000_000
"""kB/s of one sender (log_collector_rate_kilobytes), many times what comes through."""
WINDOW = 2000
"""As a forwarder's (log_forwarder_window)."""
LONGEST = 300
"""Seconds after which a round does not end any more."""
PROGRAMS = {"ip": "iproute2", "haproxy": "haproxy", "nft": "nftables", "rsyslogd": "rsyslog", "openssl": "openssl"}
ARMS = {"front": "HAProxy before imrelp", "own": "imrelp's own TLS"}
# What a collector was given before: the input of imrelp that ends TLS.
OWN = """input(type="imrelp" port="{port}" ruleset="records" maxDataSize="256k" keepAlive="on" tls="on"
      tls.caCert="{tls}/ca.crt" tls.myCert="{tls}/host.crt" tls.myPrivKey="{tls}/host.key" tls.tlscfgcmd="MinProtocol=TLSv1.2"
      tls.authMode="fingerprint" tls.permittedPeer=[{admitted}])
"""
SEND = r"""
import re, socket, ssl, sys, time
name, folder, port, count, window = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
context = ssl.create_default_context(cafile=folder + "/tls/ca.crt")
context.check_hostname = False
context.load_cert_chain(f"{folder}/senders/{name}.crt", f"{folder}/senders/{name}.key")
offers = b"relp_version=0\nrelp_software=bench\ncommands=syslog"
answer = re.compile(rb"(\d+) rsp \d+ (\d+)[^\n]*\n")
data = '[order82@32473 class="session" boot="8204ab4f25e94ba99b21e0dd8a1ea0cb" uid="0" audit=""]'
messages = [
    f"<38>1 2026-11-24T12:18:52.780375+00:00 {name} sshd 5667 - {data} number {number} of bench, and as many words as one of sshd has".encode()
    for number in range(count)
]
def connect():
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            stream = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=5))
            stream.sendall(b"1 open %d %s\n" % (len(offers), offers))
            if b" 200 " in stream.recv(65536):
                return stream
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit("nobody receives")
def session(acknowledged):
    stream, sent, rest = connect(), acknowledged, b""
    first = acknowledged
    try:
        while acknowledged < count:
            room = min(window - (sent - acknowledged), count - sent, 100)
            if room > 0:
                stream.sendall(b"".join(
                    b"%d syslog %d %s\n" % (2 + number - first, len(messages[number]), messages[number])
                    for number in range(sent, sent + room)
                ))
                sent += room
                if sent - acknowledged < window and sent < count:
                    continue
            got = stream.recv(65536)
            if not got:
                break
            rest += got
            end = rest.rfind(b"\n") + 1
            for number, code in answer.findall(rest[:end]):
                if code == b"200" and int(number) == 2 + acknowledged - first:
                    acknowledged += 1
            rest = rest[end:]
    except OSError:
        pass
    stream.close()
    return acknowledged
connect().close()
print(flush=True)
sys.stdin.readline()
begin, done, sessions = time.monotonic(), 0, 0
while done < count:
    done, sessions = session(done), sessions + 1
print(time.monotonic() - begin, sessions)
"""


def main() -> int:
    """Measure and report.

    :return: 0 if all holds, 1 if not, 2 if something did not run.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000, help="of all senders in a round (default: 100000)")
    parser.add_argument("--senders", type=int, default=2, help="that send at the same time (default: 2)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each arm, in turn (default: 5)")
    parser.add_argument("--kills", type=int, default=6, help="in the last round (default: 6)")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    try:
        with (
            tempfile.TemporaryDirectory(prefix="order82-bench-") as folder,
            Collector(Path(folder), options) as collector,
        ):
            document = measure(options, collector)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(document, indent=2) if options.json else table(document))
    return 0 if document["holds"] else 1


def measure(options: argparse.Namespace, collector: Collector) -> dict:
    """Both arms by turns, and the round with the kills."""
    rates: dict[str, list[float]] = {arm: [] for arm in ARMS}
    lost = dict.fromkeys(ARMS, 0)
    for number in range(options.rounds + 1):
        for arm in sorted(ARMS, reverse=bool(number % 2)):
            found = collector.round(arm)
            lost[arm] += found["lost"]
            if number:  # the first warms up
                rates[arm].append(found["rate"])
    killed = collector.round("front", options.kills)
    usual = {arm: statistics.median(found) for arm, found in rates.items()}
    ratio = usual["front"] / usual["own"]
    return {
        "messages": options.messages,
        "senders": options.senders,
        "rates": {
            arm: {"median": round(usual[arm]), "least": round(min(found)), "most": round(max(found))}
            for arm, found in rates.items()
        },
        "ratio": round(ratio, 2),
        "lost": lost,
        "killed": {"kills": options.kills} | {key: killed[key] for key in ("lost", "twice", "sessions")},
        "holds": ratio >= LEAST and not any(lost.values()) and not killed["lost"],
    }


def table(document: dict) -> str:
    """For a person."""
    lines = [
        f"{document['messages']} messages of {document['senders']} senders",
        f"{'':24}{'messages/s':>12}{'least':>9}{'most':>9}{'lost':>7}",
    ]
    for arm, label in ARMS.items():
        rate = document["rates"][arm]
        lines.append(f"{label:24}{rate['median']:>12}{rate['least']:>9}{rate['most']:>9}{document['lost'][arm]:>7}")
    killed = document["killed"]
    lines.append(
        f"killed {killed['kills']} times: {killed['lost']} lost, {killed['twice']} twice, {killed['sessions']} sessions"
    )
    said = "holds" if document["holds"] else "DOES NOT HOLD"
    return "\n".join([*lines, f"ratio {document['ratio']}; {said}: at least {LEAST}, none lost"])


class Collector:
    """A collector of bench's own, in two network namespaces: one for the senders, and one for what receives."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder = folder
        self.options = options
        self.names = [f"sender{number}" for number in range(options.senders)]
        self.spaces = {part: f"order82-{os.getpid()}-{part}" for part in ("open", "apart")}
        self.stack = contextlib.ExitStack()
        self.daemons: dict[str, subprocess.Popen] = {}
        self.words: dict[str, list[str]] = {}
        self.listening: socket.socket | None = None

    def __enter__(self) -> Collector:
        if os.geteuid():
            raise RuntimeError("root is needed, for network namespaces")
        for program, package in PROGRAMS.items():
            if not shutil.which(program):
                raise RuntimeError(f"the package {package} is not installed: '{program}' is not there")
        try:
            for name in self.spaces.values():
                run("ip", "netns", "add", name)
                self.stack.callback(run, "ip", "netns", "del", name)
                run("ip", "-n", name, "link", "set", "lo", "up")
            self.stack.callback(self.stop)
            self._lay_down()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stack.close()

    def _lay_down(self) -> None:
        """Certificates, and what the role says of rsyslog and HAProxy, at paths of the bench's own."""
        init_plugin_loader()
        from ansible_collections.order82.baseline.plugins.plugin_utils import (
            authority,
            host_values,
        )

        for name in ("tls", "senders", "work"):
            (self.folder / name).mkdir()
        pki = self.folder / "pki"
        for name in ("collector", *self.names):
            key = self.folder / "senders" / f"{name}.key"
            made = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key))
            request = run("openssl", "req", "-new", *made, "-subj", f"/CN={name}").stdout
            authority.sign(pki, authority.Says(name, (f"DNS:{name}",), ("clientAuth", "serverAuth")), request, 2)
            shutil.copy(pki / "hosts" / f"{name}.crt", key.with_suffix(".crt"))
        shutil.copy(pki / "ca.crt", self.folder / "tls")
        for kind in ("crt", "key"):
            shutil.copy(self.folder / "senders" / f"collector.{kind}", self.folder / "tls" / f"host.{kind}")
        host = {
            "inventory_hostname": "collector",
            "inventory_dir": str(self.folder),
            "ansible_host": "127.0.0.1",
            "group_names": ["collectors"],
            "groups": {"all": ["collector", *self.names], "collectors": ["collector"]},
            "hostvars": {},
            "order82_pki_dir": str(pki),
            "order82_store": str(self.folder / "store"),
            "log_collector_rate_kilobytes": LIMIT,
        }
        values = host_values.HostValues(["order82", "log_collector"], host, Templar(loader=DataLoader(), variables={}))
        engine = values.engine("/nowhere")
        texts = {
            name: engine.file(TEMPLATES / f"{name}.j2", {})
            for name in ("senders.json", "collect.conf", "front.cfg", "limits.nft")
        }
        texts["admitted.map"] = str(engine.template("{{ _order82_list_text }}", {}))
        texts = {name: self._moved(text) for name, text in texts.items()}
        rules, _input, behind = texts["collect.conf"].partition('input(type="imrelp"')
        if behind.count("\n") != 1:
            raise RuntimeError(
                "roles/log_collector/templates/collect.conf.j2 ends with another text than the receiver's input"
            )
        admitted = ", ".join(f'"{self._sha1(name)}"' for name in self.names)
        texts["own.conf"] = rules.replace("imrelp", 'imrelp" tls.tlslib="openssl') + OWN.format(
            port=PORT, tls=self.folder / "tls", admitted=admitted
        )
        for name, text in texts.items():
            (self.folder / name).write_text(text, encoding="ascii")
        run("ip", "netns", "exec", self.spaces["apart"], "nft", "--file", str(self.folder / "limits.nft"))

    def _sha1(self, name: str) -> str:
        """A sender's certificate, as imrelp knows it."""
        place = self.folder / "senders" / f"{name}.crt"
        shown = run("openssl", "x509", "-noout", "-fingerprint", "-sha1", "-in", str(place)).stdout
        return "SHA1:" + shown.strip().partition("=")[2]

    def _moved(self, text: str) -> str:
        """The same at paths of the bench's own, and without the groups of readers."""
        moved = {
            "/etc/order82/tls": "tls",
            "/etc/order82": "",
            "/var/lib/order82-collect": "work",
            "/run/order82-records": "run",
        }
        for theirs, ours in moved.items():
            text = text.replace(theirs, str(self.folder / ours))
        return re.sub(r'(dir|file)Group="[^"]*"', "", text)

    def round(self, arm: str, kills: int = 0) -> dict:
        """All senders at once; what came of it."""
        shutil.rmtree(self.folder / "store", ignore_errors=True)
        self.start(arm)
        each = self.options.messages // len(self.names)
        words = (sys.executable, "-c", SEND)
        senders = [
            subprocess.Popen(
                (
                    "ip",
                    "netns",
                    "exec",
                    self.spaces["open"],
                    *words,
                    name,
                    self.folder,
                    str(PORT),
                    str(each),
                    str(WINDOW),
                ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in self.names
        ]
        try:
            for sender in senders:
                sender.stdout.readline()  # it has all of its messages, and was let in
            begin = time.monotonic()
            for sender in senders:
                sender.stdin.write("\n")
                sender.stdin.flush()
            for kill in range(kills):
                self._until(lambda kill=kill: self._filed() >= self.options.messages * (kill + 1) // (kills + 2))
                self.again(sorted(self.daemons)[kill % len(self.daemons)])
            said = [sender.communicate(timeout=LONGEST)[0].split() for sender in senders]
            took = time.monotonic() - begin
        finally:
            for sender in senders:
                sender.kill()
                sender.wait()
            self.stop()
        lines = {name: self._numbers(name) for name in self.names}
        return {
            "rate": each * len(self.names) / took,
            "lost": sum(len(set(range(each)) - set(found)) for found in lines.values()),
            "twice": sum(sum(found.values()) - len(found) for found in lines.values()),
            "sessions": sum(int(one[1]) for one in said),
        }

    def start(self, arm: str) -> None:
        """Start what receives: apart from all else, but for the socket, or as it was before."""
        apart = ("ip", "netns", "exec", self.spaces["apart" if arm == "front" else "open"])
        rsyslog = ("rsyslogd", "-n", "-i", "NONE", "-f")
        if arm == "own":
            self.words = {"rsyslogd": [*apart, *rsyslog, str(self.folder / "own.conf")]}
        else:
            self.words = {
                "rsyslogd": [*apart, *rsyslog, str(self.folder / "collect.conf")],
                "haproxy": [*apart, "haproxy", "-db", "-f", str(self.folder / "front.cfg")],
            }
            listen = (
                "import os, socket, sys; one = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=4096); "
                "socket.socket(fileno=0).sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, one.fileno().to_bytes(4, 'little'))])"
            )
            ours, theirs = socket.socketpair()
            with ours, theirs:
                run(
                    "ip",
                    "netns",
                    "exec",
                    self.spaces["open"],
                    sys.executable,
                    "-c",
                    listen,
                    str(PORT),
                    stdin=theirs.fileno(),
                )
                _text, [number], *_rest = socket.recv_fds(ours, 1, 1)
            self.listening = socket.socket(fileno=number)
        for name in self.words:
            self._start(name)

    def _start(self, name: str) -> None:
        given: dict = {}
        if name == "haproxy":
            number = self.listening.fileno()
            given = {"pass_fds": [number], "env": os.environ | {"ORDER82_FRONT": f"fd@{number}"}}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.daemons[name] = subprocess.Popen(self.words[name], stdout=log, stderr=log, **given)

    def again(self, name: str) -> None:
        """Kill a daemon, and start it as systemd would."""
        self.daemons[name].kill()
        self.daemons[name].wait()
        self._start(name)

    def stop(self) -> None:
        """End what was started, and wait for it."""
        for daemon in self.daemons.values():
            daemon.terminate()
        for daemon in self.daemons.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(30)
            daemon.kill()
            daemon.wait()
        self.daemons.clear()
        if self.listening:
            self.listening.close()
            self.listening = None

    def _files(self, name: str) -> list[Path]:
        """Where a sender's messages are to be: imrelp by itself knows one address of them all."""
        return list((self.folder / "store" / "session").glob(f"*/{name if 'haproxy' in self.words else '*'}.log"))

    def _filed(self) -> int:
        return sum(file.read_bytes().count(b"\n") for name in self.names for file in self._files(name))

    def _numbers(self, name: str) -> collections.Counter:
        """How often each number of a sender is in the files where it is to be."""
        mine = re.compile(rf"<38>1 \S+ {name} sshd .* number (\d+) of bench".encode())
        return collections.Counter(
            int(found[1])
            for file in self._files(name)
            for line in file.read_bytes().splitlines()
            if (found := mine.match(line))
        )

    def _until(self, holds) -> None:
        end = time.monotonic() + LONGEST
        while not holds():
            if time.monotonic() > end:
                raise RuntimeError(f"the round did not end within {LONGEST} s")
            time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
