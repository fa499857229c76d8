# SPDX-License-Identifier: GPL-3.0-or-later
"""Two collectors whose clock the test sets, hosts that speak, and receivers that take, refuse or can't be reached."""

from __future__ import annotations

import calendar
import copy
import json
import os
import time
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.alarms import memory, service, telling, ways
from ansible_collections.order82.baseline.plugins.module_utils.alarms.settings import Receiver, Settings
from ansible_collections.order82.baseline.plugins.module_utils.records import zst
from ansible_collections.order82.baseline.plugins.module_utils.records.settings import Settings as Store

NOON = calendar.timegm((2026, 11, 24, 12, 0, 0))
HOSTS = ("collector1", "collector2", "db", "web")
DUTY = Receiver("duty", "mail", "low", {"server": "mail", "to": ["duty@example.net"]})
ROBOT = Receiver("robot", "webhook", "high", {"host": "robot"})
WHOM = Settings("示例", 300, 60, 86400, 20, 31 * 86400, (DUTY, ROBOT))
BY = {"uid": 0, "unit": "order82-network.service", "app": "order82", "claims": ""}


def iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".000000+00:00"


class Collector:
    """One of the two: what it hears is what lies in its store."""

    def __init__(self, site: Site, name: str, folder: Path) -> None:
        self.site, self.name, self.folder = site, name, folder
        self.root = folder / "records"
        (self.root / "measure_state").mkdir(parents=True)
        self.store = Store(
            str(self.root), ("measure_state",), HOSTS, "nobody", 60, 1, 0, host=name, collectors=HOSTS[:2]
        )
        self.memory, self.metrics = folder / "memory.json", folder / "metrics.prom"
        self.sent: list[tuple[str, ways.Message]] = []
        self.whom, self.is_cut, self.service = WHOM, False, None

    def file(self, host: str) -> Path:
        day = time.strftime("%Y-%m-%d", time.gmtime(self.site.now))
        path = self.root / "measure_state" / day / f"{host}.log"
        path.parent.mkdir(exist_ok=True)
        return path

    def begin(self) -> service.Service:
        """As after a start of the service: it knows what is on the disk."""
        self.service = service.Service(
            self.store, self.whom, self.site.now, path=str(self.memory), metrics_path=str(self.metrics), send=self.send
        )
        return self.service

    def send(self, receiver: Receiver, message: ways.Message) -> str:
        answer = self.site.answers.get((self.name, receiver.name)) or self.site.answers.get(receiver.name)
        if callable(answer):
            answer = answer(message)
        if isinstance(answer, Exception):
            raise answer
        self.sent.append((receiver.name, copy.deepcopy(message)))
        return answer or ""

    def told(self, receiver: str = "duty", tests: bool = False) -> list[str]:
        """What a receiver got from here: EVENT HOST: WHAT."""
        return [
            f"{one['event']} {one['host']}: {one['what']}"
            for name, message in self.sent
            for one in message.notices
            if name == receiver and (tests or one["event"] != "test")
        ]

    def known(self) -> dict:
        return json.loads(self.memory.read_text(encoding="utf-8"))


class Site:
    """The clock, and what hosts say to both collectors."""

    def __init__(self, folder: Path) -> None:
        self.now, self.answers = float(NOON), {}
        self.collectors = {name: Collector(self, name, folder / name) for name in HOSTS[:2]}
        self.is_up, self.deaf = set(self.collectors), set()

    def say(self, host: str, text: str, *, at: float | None = None, only: str = "", **by: object) -> None:
        """A record of a host, which comes to both collectors, or to one only."""
        by = {**BY, **by}
        at = self.now if at is None else at
        row = (
            f'<26>1 {iso(at)} {host} {by["app"]} 1 - [order82@32473 class="measure_state" boot="b" uid="{by["uid"]}" audit="" '
            f'claims="{by["claims"]}" login="" unit="{by["unit"]}"]'
            f'[stored@32473 at="{iso(self.now)}" from="10.0.0.1" marks=""] {text}\n'
        )
        for name, one in self.collectors.items():
            if only in ("", name) and name not in self.deaf:
                with open(one.file(host), "a", encoding="utf-8", errors="surrogateescape") as file:
                    file.write(row)
                os.utime(one.file(host), (self.now, self.now))

    def beat(self, *silent: str) -> None:
        """Each host speaks once a minute."""
        for host in HOSTS:
            if host not in silent:
                self.say(host, "omrelp: {}", app="rsyslogd-pstats", unit="order82-forward@a.service")

    def step(self, times: int = 1) -> None:
        """A pass of each collector that is up; what it says comes to both."""
        for _number in range(times):
            for name in sorted(self.is_up):
                one = self.collectors[name]
                (one.service or one.begin()).step(self.now)

    def later(self, seconds: float, *silent: str, every: float = 60) -> None:
        """Time passes, with a heartbeat and a few passes a minute."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + every)
            self.beat(*silent)
            self.step()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """All is well, and each receiver has taken its first test."""
    one = Site(tmp_path)
    speaking = {"of": ""}

    def say(line):
        one.say(speaking["of"], line[3:], unit="order82-alarms.service", uid=990)

    step = service.Service.step

    def stepping(self, now):
        speaking["of"] = self._teller._collector
        return step(self, now)

    monkeypatch.setattr(memory.os, "fsync", lambda _fd: None)  # thousands of passes need not wait for a disk
    monkeypatch.setattr(telling, "_say", say)
    monkeypatch.setattr(service.Service, "step", stepping)
    one.beat()
    one.step()
    assert all(len(collector.sent) == 2 for collector in one.collectors.values())
    return one


@pytest.fixture
def first(site):
    return site.collectors["collector1"]


@pytest.fixture
def second(site):
    return site.collectors["collector2"]


@pytest.fixture
def pack():
    """Compress a file as the sealing of its day does."""

    def packed(path: Path) -> None:
        content = path.read_bytes()
        frame = zst.frame(content)
        path.with_name(path.name + ".zst").write_bytes(frame + zst.table([(len(frame), len(content))]))
        path.unlink()

    return packed
