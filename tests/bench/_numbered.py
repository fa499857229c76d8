# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered messages on their way from a sender's journal into the stores of its collectors."""

from __future__ import annotations

import concurrent.futures
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from _lab import LONGEST, Lab

HERE = Path(__file__).resolve().parent
FOLDER = "/run/order82-bench"
"""On the sender and the collectors, for what a bench puts there; it goes with the bench."""
ENOUGH = f"{FOLDER}/enough"
STOCK = "order82-bench-stock.service"
OURS = "order82@32473 "
"""In each record that a forwarder of ours has sent, and in none of another's."""
_NEWEST = 40000
"""Bytes of a file's end among which its newest numbers are, whatever else is recorded meanwhile."""
Answer = TypeVar("Answer")


class Way:
    """A sender, and the collectors to which its forwarders go."""

    def __init__(self, lab: Lab, sender: str) -> None:
        self.lab = lab
        self.sender = sender
        self.collectors = lab.group("collectors")
        if len(self.collectors) < 2 or sender in self.collectors:
            raise RuntimeError(
                f"a sender that is no collector, and two collectors are needed: {sender}, {self.collectors}"
            )
        self.units = [f"order82-forward@{collector}.service" for collector in self.collectors]
        self.store = lab.variable(sender, "order82_store", "/srv/records")
        for unit in self.units:
            if self.do(f"systemctl is-active {unit}", ok=(0, 3, 4)).strip() != "active":
                raise RuntimeError(f"{sender}: {unit} does not run; './baseline site -i {lab.inventory}' starts it")

    def do(self, command: str, stdin: str = "", ok: tuple[int, ...] = (0,)) -> str:
        """Run a command on the sender."""
        return self.lab.do(self.sender, command, stdin, ok)

    def each(self, ask: Callable[[str], Answer]) -> dict[str, Answer]:
        """Ask about all collectors at the same time."""
        with concurrent.futures.ThreadPoolExecutor(len(self.collectors)) as pool:
            return dict(zip(self.collectors, pool.map(ask, self.collectors), strict=True))

    def announce(self, host: str, unit: str) -> None:
        """Say before that a recorder will stand still, so that no inspection finds it later."""
        self.lab.do(host, f"order82 stops announce --unit '{unit}' --minutes 60 --reason './baseline bench forwarding'")

    def here(self, file: str) -> None:
        """Write into a file where the journal ends now, as imjournal's stateFile has it.

        Who starts at the end without a place (ignorePreviousMessages) misses what is written until it has found it.
        """
        cursor = "journalctl --quiet --lines=1 --show-cursor --output=cat | sed -n 's/^-- cursor: //p'"
        self.do(f"{cursor} | tr -d '\\n' > {file}; test -s {file}; chown order82-forward: {file}")

    def write(self, mark: str, count: int) -> dict[str, Any]:
        """Write so many messages as fast as journald takes them; what _write_numbers.py prints."""
        return json.loads(self.do(f"python3 - {mark} {count} 0 {ENOUGH}", _text("_write_numbers.py")))

    def begin_writing(self, mark: str, rate: int) -> None:
        """Write so many messages a second from now on, until end_writing."""
        self.do(f"rm -f {ENOUGH}; cat > {FOLDER}/write.py", _text("_write_numbers.py"))
        self.do(
            "systemd-run --quiet --collect --unit order82-bench-write --property=StandardOutput=truncate:"
            f"{FOLDER}/written python3 {FOLDER}/write.py {mark} {10**9} {rate} {ENOUGH}"
        )

    def end_writing(self) -> int:
        """How many were written."""
        self.do(f"touch {ENOUGH}; while systemctl -q is-active order82-bench-write; do sleep 0.1; done")
        return json.loads(self.do(f"cat {FOLDER}/written"))["written"]

    def all_came(self, mark: str, count: int, by: str = "") -> None:
        """Wait until the last number is on all collectors; each sender sends in order.

        :param by: what the record has before it; see OURS.
        :raises RuntimeError: it did not come.
        """
        last = f"{by}.* number {count - 1} of {mark},"
        self.each(
            lambda collector: self.lab.do(
                collector,
                f"end=$(($(date +%s) + {LONGEST - 30})); until {self._newest()} | grep -aq '{last}'; "
                f"do [ $(date +%s) -lt $end ] || {{ echo 'not there: {last}'; exit 3; }}; sleep 0.2; done",
            )
        )

    def newest(self, collector: str, mark: str) -> int:
        """The number that came last, -1 where none is among the newest records."""
        found = self.lab.do(collector, f"{self._newest()} | grep -ao 'number [0-9]* of {mark},' | tail -n 1")
        return int(re.findall(r"\d+", found)[0]) if found else -1

    def count(self, mark: str, count: int, by: str = "") -> dict[str, dict[str, Any]]:
        """What each collector has, as _count_numbers.py prints it."""
        files = f"{self.store}/system/*/{self.sender}.log*"

        def ask(collector: str) -> dict[str, Any]:
            program = f"{FOLDER}/count.py"
            self.lab.do(collector, f"mkdir -p {FOLDER} && cat > {program}", _text("_count_numbers.py"))
            said = self.lab.do(
                collector,
                f"zstd -dcfq {files} | LC_ALL=C grep -a '{by}.* of {mark},' | python3 {program} {mark} {count}",
            )
            return json.loads(said)

        return self.each(ask)

    def _newest(self) -> str:
        # The last of its days are the last of the list.
        days = f"ls -d {self.store}/system/*/{self.sender}.log | tail -n 2"
        return f"for file in $({days}); do tail -c {_NEWEST} $file; done"


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="ascii")
