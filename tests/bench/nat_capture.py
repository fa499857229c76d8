#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the recorder of translations miss any, and what does it cost? A real kernel, in network namespaces of its own.

Three namespaces stand for inside, gateway and outside. A million UDP flows go through one snat rule, and as many records
must come out as the kernel counted translations. Then the same with the settings that a socket has by default: there
notices must be lost, and the recorder must count every one of them and raise the alarm. ulogd2, alone and writing JSON, is
what the cost is compared with. No packet leaves the namespaces. Needs root, nftables, conntrack and ulogd2-json.

The sender goes before others that want a processor, the recorder does not. The most connections that a kernel takes is
one number for the whole machine: it is raised while this runs. The kernel collects connections that ran out about once a
minute, so each run waits for that.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from _netns import DESTINATION, Namespaces

CHECKOUT = Path(__file__).resolve().parents[2]

RATE = 40_000
"""Flows a second that must be reached, and kept."""
COST_LIMIT = 1.0
"""The most processor time that the recorder may take for one translation, in those of ulogd2 alone."""
BEHIND_LIMIT = 60.0
"""The most seconds that notices may wait in the kernel.

It collects what ran out in bursts, up to a minute apart: the recorder must be through with one before the next.
"""

PLAN = ("shared,bench,100.64.0.0/24,198.51.100.10,1024,65535",)
PUBLIC = "198.51.100.10-198.51.100.41"
PORTS = 50_000  # flows from one source port: so many destination ports, from 10000
END_SECONDS = 120  # the kernel collects what ran out once a minute

SENDER = """
import socket, sys, time
destination, flows, rate, ports = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
begin = time.monotonic()
for first in range(0, flows, ports):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
        source.bind(("", 10000 + first // ports))
        for number in range(min(ports, flows - first)):
            source.sendto(b"", (destination, 10000 + number))
            if number % 64 == 0:
                ahead = begin + (first + number) / rate - time.monotonic()
                if ahead > 0.002:
                    time.sleep(ahead)
print(time.monotonic() - begin)
"""
RECORDER = "import sys; sys.path.insert(0, sys.argv[1]); from order82_baseline.nat.record import recorder; recorder.run(sys.argv[2])"
# A system account with this one right, as in the unit of the role.
AS_SERVICE = (
    *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs"),
    *("--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin", "--bounding-set=-all,+net_admin"),
)
ULOGD = """
[global]
logfile="{folder}/ulogd.log"
plugin="{plugins}/ulogd_inpflow_NFCT.so"
plugin="{plugins}/ulogd_filter_IP2STR.so"
plugin="{plugins}/ulogd_output_JSON.so"
stack=ct1:NFCT,ip2str1:IP2STR,json1:JSON
[ct1]
event_mask=4
hash_enable=0
netlink_socket_buffer_size=67108864
netlink_socket_buffer_maxsize=134217728
reliable=1
[json1]
file="{folder}/ulogd.json"
"""


def main() -> int:
    """Measure and report.

    :return: 0 if all holds, 1 if not, 2 if something did not run.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flows", type=int, default=1_000_000, help="flows of the main run (default: 1000000)")
    parser.add_argument("--rate", type=int, default=RATE + 5_000, help="flows a second to send (default: %(default)s)")
    parser.add_argument("--other-flows", type=int, default=250_000, help="flows of the other two runs")
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
    good, default, peer = document["recorder"], document["default_settings"], document["ulogd2"]
    for name, run in (("recorder", good), ("default settings", default)):
        print(
            f"{name:17} {run['kernel']} translations at {run['rate']:.0f}/s: {run['recorded']} recorded, "
            f"{run['lost']} said to be lost, alarm: {'yes' if run['alarm'] else 'no'}\n"
            f"{'':17} {run['cpu_seconds']:.1f} s CPU ({run['cpu_microseconds_each']:.1f} us each), "
            f"{run['memory_mb']:.0f} MB, "
            f"{run['behind_seconds']:.1f} s behind at the most, {run['waiting_mb']:.1f} MB waited in the kernel"
        )
    print(
        f"ulogd2 alone      {peer['kernel']} translations at {peer['rate']:.0f}/s: {peer['recorded']} lines, "
        f"{peer['cpu_seconds']:.1f} s CPU ({peer['cpu_microseconds_each']:.1f} us each), {peer['memory_mb']:.0f} MB\n"
        f"cost              {document['cost_ratio']:.2f} of ulogd2 alone (at most {COST_LIMIT})"
    )
    for fault in document["faults"]:
        print("MISSED: " + fault)


def measure(options: argparse.Namespace, gateway: Gateway) -> dict:
    """Run all three, and compare with the limits."""
    good = gateway.record(options.flows, options.rate)
    default = gateway.record(options.other_flows, options.rate, buffer_bytes=0, reliable=False)
    peer = gateway.ulogd(options.other_flows, options.rate)
    ratio = good["cpu_microseconds_each"] / peer["cpu_microseconds_each"]
    faults = [
        fault
        for fault, missed in (
            (f"the flows came at {good['rate']:.0f} a second, {RATE} are asked", good["rate"] < RATE),
            ("kernel count and record count differ", not good["kernel"] == good["recorded"] == good["said_ended"]),
            ("not every flow that was sent was translated", good["kernel"] != options.flows),
            ("the recorder speaks of loss where there is none", good["lost"] or good["alarm"]),
            (f"the recorder was more than {BEHIND_LIMIT} s behind", good["behind_seconds"] > BEHIND_LIMIT),
            ("the default settings lost nothing, so this proves nothing", default["recorded"] == default["kernel"]),
            ("the loss is not counted right", default["recorded"] + default["lost"] != default["kernel"]),
            ("the loss raised no alarm", not default["alarm"]),
            (f"it costs {ratio:.2f} of ulogd2, {COST_LIMIT} is the most", ratio > COST_LIMIT),
        )
        if missed
    ]
    return {
        "recorder": good,
        "default_settings": default,
        "ulogd2": peer,
        "cost_ratio": ratio,
        "limits": {"rate": RATE, "cost_ratio": COST_LIMIT, "behind_seconds": BEHIND_LIMIT},
        "faults": faults,
        "holds": not faults,
    }


class Gateway(Namespaces):
    """Three namespaces, and what runs in them; all of it is gone afterwards."""

    programs = (*Namespaces.programs, "ulogd", "setpriv")

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.zipapp, plan, self.record_text = _host_code(folder)
        self.plan = plan.plan_id(PLAN)

    def build(self) -> None:
        """Make them, so that connections run out soon."""
        super().build()
        self.conntrack_settings(timestamp=1, events=1, acct=0, udp_timeout=1)

    def load(self) -> None:
        """The ruleset, with its counter at 0."""
        table = "table ip order82_nat"
        chain = (
            f'type nat hook postrouting priority srcnat; oifname "out" counter name "plan_{self.plan}" '
            f"snat to {PUBLIC} fully-random;"
        )
        content = f"counter plan_{self.plan} {{\n}}\nchain post {{\n{chain}\n}}"
        rules = f"{table}\ndelete {table}\n{table} {{\n{content}\n}}\n"
        self.inside("gw", "nft", "-f", "-", input=rules)

    def record(self, flows: int, rate: int, **others: object) -> dict:
        """One run of the recorder.

        :param others: settings of the recorder.
        """
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        shutil.chown(folder, "nobody")
        settings = folder / "nat.json"
        settings.write_text(
            json.dumps(
                {
                    "plan": PLAN,
                    "capture": True,
                    "public": ["198.51.100.0/24"],
                    "state": str(folder / "state"),
                    "log_destinations": True,  # so that every record is another
                    **others,
                }
            ),
            encoding="utf-8",
        )
        self.load()
        command = [*AS_SERVICE, "/usr/bin/python3", "-I", "-c", RECORDER, str(self.zipapp), str(settings)]
        with self._running(command, folder) as process:
            _wait_for(lambda: "\nbeat " in (folder / "out").read_text(encoding="ascii"), 20, "the recorder", folder)
            with Watch(process.pid) as watch:
                seconds = self._send(flows, rate)
            forgotten = time.time()
            time.sleep(2)
            usage = _end(process)
        found = self._read(folder / "out", forgotten)
        counted = self._counted()
        return {
            "kernel": counted,
            "rate": flows / seconds,
            **found,
            "waiting_mb": watch.most / 1e6,
            "behind_seconds": max(found["behind_seconds"], watch.longest),
            "alarm": "<2>alarm: " in (folder / "err").read_text(encoding="utf-8"),
            **_cost(usage, counted),
        }

    def ulogd(self, flows: int, rate: int) -> dict:
        """One run of ulogd2 with good settings, writing JSON to a file."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        plugins = next(iter(Path("/usr/lib").glob("*/ulogd/ulogd_output_JSON.so")), None)
        if plugins is None:
            raise RuntimeError("the package ulogd2-json is not installed")
        (folder / "ulogd.conf").write_text(ULOGD.format(folder=folder, plugins=plugins.parent), encoding="utf-8")
        self.load()
        with self._running(["ulogd", "-c", str(folder / "ulogd.conf")], folder) as process:
            log = folder / "ulogd.log"
            _wait_for(lambda: log.exists() and "event mode" in log.read_text(encoding="utf-8"), 20, "ulogd2", folder)
            seconds = self._send(flows, rate)
            time.sleep(2)
            usage = _end(process)
        with (folder / "ulogd.json").open("rb") as file:
            recorded = sum(1 for _line in file)
        counted = self._counted()
        return {"kernel": counted, "rate": flows / seconds, "recorded": recorded, **_cost(usage, counted)}

    @contextlib.contextmanager
    def _running(self, command: list[str], folder: Path):
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.names["gw"], *command], stdout=out, stderr=err, stdin=subprocess.DEVNULL
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()

    def _send(self, flows: int, rate: int) -> float:
        """Send, and wait until the last flow is forgotten; gives back how long the sending took."""
        words = ("nice", "-n", "-10", sys.executable, "-c", SENDER, DESTINATION, str(flows), str(rate), str(PORTS))
        seconds = float(self.inside("in", *words).stdout)
        _wait_for(
            lambda: self.connections() == 0,
            END_SECONDS,
            "the end of all flows",
            None,
        )
        return seconds

    def _counted(self) -> int:
        text = self.inside("gw", "nft", "list", "counter", "ip", "order82_nat", f"plan_{self.plan}").stdout
        return int(re.search(r"packets (\d+)", text)[1])

    def _read(self, path: Path, forgotten: float) -> dict:
        """What the texts say, after a look at whether they are whole.

        :param forgotten: when the kernel had no connection left.
        """
        ended, last, beat = set(), 0.0, {}
        with path.open(encoding="ascii") as file:
            for number, line in enumerate(file, 1):
                kind, pairs, entries = self.record_text.parse(line.rstrip("\n"))
                if int(pairs["seq"]) != number:
                    raise RuntimeError(f"text {number} has the number {pairs['seq']}")
                if kind == "beat":
                    beat = pairs
                if kind == "flows":
                    ended.update(entry for entry in entries if ",," not in entry)
                    last = float(pairs["at"])
        if kind != "stop":
            raise RuntimeError(f"the last text is no stop, but '{line[:100]}'")
        return {
            "recorded": len(ended),
            "said_ended": int(beat["ended"]),
            "lost": int(beat["lost"]),
            "behind_seconds": last - forgotten,
        }


class Watch(threading.Thread):
    """Looks how much waits in the kernel for the recorder, ten times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self.path = Path(f"/proc/{pid}/net/netlink")
        self.most = 0  # bytes
        self.longest = 0.0  # seconds without a moment at which nothing waited
        self._over = threading.Event()

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        """Look until it is over."""
        empty = time.monotonic()
        while not self._over.wait(0.1):
            rows = [row.split() for row in self.path.read_text(encoding="ascii").splitlines()]
            waits = sum(int(row[4]) for row in rows if row[1] == "12" and row[3] == "00000004")
            if waits < 2_000_000:  # what came in since the last look, a moment ago
                empty = time.monotonic()
            self.most = max(self.most, waits)
            self.longest = max(self.longest, time.monotonic() - empty)


def _host_code(folder: Path) -> tuple[Path, object, object]:
    """The zipapp as it would be on a host, and the modules in it that know plans and read texts."""
    sys.path.insert(0, str(CHECKOUT / ".cache" / "collections"))
    module = importlib.import_module("ansible_collections.order82.baseline.plugins.plugin_utils.host_zipapp")
    path = folder / "order82"
    path.write_bytes(module.zipapp())
    path.chmod(0o755)
    folder.chmod(0o755)
    sys.path.insert(0, str(path))
    modules = (importlib.import_module(f"{module.PACKAGE}.nat.{name}") for name in ("plan", "record.record_text"))
    return path, *modules


def _wait_for(holds, seconds: float, what: str, folder: Path | None) -> None:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            said = (folder / "err").read_text(encoding="utf-8") if folder else ""
            raise RuntimeError(f"waited {seconds:.0f} s for {what} {said}")
        time.sleep(0.2)


def _end(process: subprocess.Popen) -> tuple[float, float]:
    """Stop it in order, and give back its seconds of processor and its megabytes of memory."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    memory = int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) / 1024
    process.send_signal(signal.SIGTERM)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        pid, code, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(code)
            if process.returncode not in {0, -signal.SIGTERM}:
                raise RuntimeError(f"{process.args} ended with {process.returncode}")
            return usage.ru_utime + usage.ru_stime, memory
        time.sleep(0.05)
    raise RuntimeError(f"{process.args} does not end")


def _cost(usage: tuple[float, float], number: int) -> dict:
    seconds, memory = usage
    return {"cpu_seconds": seconds, "cpu_microseconds_each": seconds / max(1, number) * 1e6, "memory_mb": memory}


if __name__ == "__main__":
    sys.exit(main())
