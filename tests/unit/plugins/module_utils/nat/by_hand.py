# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a small store of NAT records by hand."""

from __future__ import annotations

import datetime
import hashlib

from ansible_collections.order82.baseline.plugins.module_utils.nat.answer.request import request
from ansible_collections.order82.baseline.plugins.module_utils.nat.plan import plan_id
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import flow_entry, record_text
from ansible_collections.order82.baseline.plugins.module_utils.records import zst

DAY = 86400000
NOON = 1790035200000 + DAY // 2  # 2026-09-22T12:00Z
SHARED = ["shared,homes,100.64.0.0/10,203.0.113.1,1024,65535"]


def at(milliseconds):
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return moment.isoformat(timespec="microseconds")


def day_of(milliseconds):
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC).date()


def flow(inside, public, begin, end, *, protocol=6, destination=None):
    return flow_entry.write((protocol, *inside, *public), begin, end, destination)


class Gateway:
    """Writes the records of one recorder as a collector files them."""

    def __init__(self, store, plan=SHARED, name="gateway", run=NOON - 3600000, clock=None):
        self.store = store
        self.name = name
        self.plan = plan
        self.lost = 0
        self.clock = clock
        self.stream = record_text.Stream(run)
        self.at = run

    def file(self, when):
        folder = self.store / "nat_mapping" / day_of(when).isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.name}.log"

    def line(self, text, when, uid=997, program="order82-nat-mapping", unit="order82-nat-record.service"):
        """:param str unit: None as the versions wrote that had none."""
        more = "" if unit is None else f' claims="" login="" unit="{unit}"'
        return (
            f'<30>1 {at(when)} {self.name} {program} 812 - [order82@32473 class="nat_mapping" boot="82" uid="{uid}" audit=""{more}]'
            f'[stored@32473 at="{at(when + 1)}" from="10.82.1.1" marks=""] {text}\n'
        ).encode()

    def write(self, text, when, **envelope):
        with self.file(when).open("ab") as file:
            file.write(self.line(text, when, **envelope))

    def plan_texts(self, when):
        for text in self.stream.plan(self.plan):
            self.write(text, when)

    def epoch(self, when, bound="begin", plan=None):
        self.write(record_text.epoch(plan_id(plan or self.plan), bound, when), when)

    def beat(self, when, plan=""):
        counts = {"open": 0, "begun": 0, "ended": 0, "lost": self.lost}
        plan = plan_id(self.plan) if plan == "" else plan
        self.write(self.stream.beat(when, plan, counts, self.clock), when)
        self.at = when

    def beats_until(self, when):
        while self.at + 60000 <= when:
            self.beat(self.at + 60000)

    def flows(self, when, *entries):
        self.beats_until(when)
        self.write(self.stream.flows(when, list(entries)), when)

    def close(self, when):
        """As the collector does with a day that is over; gives the sum of the file."""
        digest = hashlib.sha256(self.file(when).read_bytes()).hexdigest()
        self.file(when).with_name("SHA256SUMS").write_text(f"{digest}  {self.name}.log\n")
        return digest

    def seal(self, when):
        """As the collector does by now: compressed, and signed."""
        path, frames = self.file(when), []
        size = path.stat().st_size
        with open(path, "rb") as file:
            while block := file.read(300):
                frames.append((zst.frame(block), len(block)))
        packed = path.with_name(f"{self.name}.log.zst")
        packed.write_bytes(
            b"".join(frame for frame, _size in frames) + zst.table([(len(one), of) for one, of in frames])
        )
        path.unlink()
        digest = hashlib.sha256(packed.read_bytes()).hexdigest()
        about = f"# first\n# nat_mapping {day_of(when)} of c1: 1 files, 1 records, {size} bytes\n"
        packed.with_name("SHA256SUMS").write_text(f"{about}{digest}  {packed.name}\n")
        packed.with_name("SHA256SUMS.sig").write_text("signed")
        return digest

    def stop(self, when):
        self.beats_until(when)
        self.write(self.stream.stop(when), when)

    def begin(self):
        """As a recorder does: the plan, and a first beat."""
        self.epoch(self.at)
        self.plan_texts(self.at)
        self.beat(self.at)


def session(program, text, when=NOON, uid=105, unit=None):
    """A record of class session, of whoever gives out inside addresses; without a unit as earlier versions wrote it."""
    more = "" if unit is None else f' claims="" login="" unit="{unit}"'
    return (
        f'<30>1 {at(when)} access {program} 7 - [order82@32473 class="session" boot="82" uid="{uid}" audit=""{more}]'
        f'[stored@32473 at="{at(when + 1)}" from="10.82.1.9" marks=""] {text}'
    )


def question(address="203.0.113.1", port=4000, when=NOON, tolerance=0, **more):
    return request(address, port=port, time=None if when is None else at(when), tolerance_seconds=tolerance, **more)
