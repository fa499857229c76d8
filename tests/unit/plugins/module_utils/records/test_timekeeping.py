# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that jumps, a chronyd that lies or is silent, and a collector that lies: what is sealed and purged then.

The kernel's counter and chronyd are the test's; the store is real, as is what the other collector sends.
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
from types import SimpleNamespace

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import chrony
from ansible_collections.order82.baseline.plugins.module_utils.observers import record_clock
from ansible_collections.order82.baseline.plugins.module_utils.records import purging, store, tending, timekeeping
from sealed_store import DAY, NOON, Collector, back

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chattr +a and +i need root")

HOUR = 3600
REPORT = "0A520A01,10.82.0.1,3,{:.9f},{:.9f},0.000001,0.000002,1.5,0.001,0.02,0.001,0.002,64.5,{}\n"
LOOK = timekeeping.look  # conftest.py puts another in its place


class Machine:
    """A collector with a clock that can be set, and a counter that can't."""

    def __init__(self, collector: Collector, monkeypatch) -> None:
        self.collector, self.counted, self.wrong, self.boot = collector, 1000.0, 0.0, "first"
        self.measured: float | None = 0.0
        self.says_offset, self.synchronised, self.answers = 0.0, True, True
        monkeypatch.setattr(timekeeping, "MEMORY", str(collector.folder / "clock.json"))
        monkeypatch.setattr(timekeeping, "look", LOOK)
        monkeypatch.setattr(timekeeping, "running", lambda: (self.boot, self.now - self.counted))
        monkeypatch.setattr(timekeeping, "processes", SimpleNamespace(run=self._chronyc))
        self._began = NOON - 1000.0

    @property
    def now(self) -> float:
        """By its clock."""
        return self._began + self.counted + self.wrong

    def _chronyc(self, argv, seconds):
        assert (argv[0], seconds) == ("chronyc", chrony.SECONDS)
        if not self.answers:
            raise FileNotFoundError("chronyc")
        at = self.now - 30 if self.measured is None else self.measured
        leap = "Normal" if self.synchronised else "Not synchronised"
        return subprocess.CompletedProcess(argv, 0, REPORT.format(at, self.says_offset, leap).encode(), b"")

    def passes(self, seconds: float) -> None:
        """So much time passes."""
        self.counted += seconds

    def set_clock(self, by: float) -> None:
        """Somebody does; chronyd has measured before that."""
        self.measured = self.now - 30
        self.wrong += by

    def restarts(self, after: float, clock_by: float = 0) -> None:
        """After so many seconds, with a clock that a battery kept or did not keep."""
        self._began += self.counted + after - 20
        self.boot, self.counted = self.boot + "+", 20.0
        self.wrong += clock_by

    def hears(self, clock: float = 0, late: float = 0, host: str = "collector2") -> None:
        """A record of the other collector's arrives, whose clock differs from the true time."""
        true = self.now - self.wrong
        moment, arrived = (
            datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat()
            for at in (true + clock - late, self.now - 0.2)
        )
        path = self.collector.root / "measure_state" / str(store.today(self.now)) / f"{host}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(
                f'<46>1 {moment} {host} rsyslogd-pstats - - [order82@32473 class="measure_state" boot="b" uid="" audit="" claims="" '
                f'login="" unit=""][stored@32473 at="{arrived}" from="{host}" marks=""] {{ "name": "omrelp" }}\n'
            )

    def tend(self) -> tending.Report:
        report = tending.Report()
        tending.tend(self.collector.settings, self.now, report)
        return report

    def sealed(self) -> list[str]:
        return [str(seal.day) for seal in self.collector.seals() if not seal.purged]

    def days(self) -> list[str]:
        return [str(day) for day in store.days(str(self.collector.root), "session")]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    collector = Collector(tmp_path / "one", monkeypatch)
    found = Machine(collector, monkeypatch)
    found.measured = None
    collector.write(1)
    collector.write(0)
    found.hears()
    found.tend()
    assert found.sealed() == [back(1)]
    yield found
    collector.gone()


def refused(report: tending.Report) -> str:
    [alarm] = [one for one in report.alarms if one.startswith("nothing is sealed")]
    return alarm


@pytest.mark.parametrize("by", [DAY, 365 * DAY, 13 * HOUR])
def test_root_sets_the_clock_ahead_and_today_is_neither_sealed_nor_purged(machine, by):
    machine.passes(60)
    machine.set_clock(by)
    report = machine.tend()
    assert "further than this machine has counted" in refused(report)
    assert f"the clock stepped by {by:+.1f} s" in report.done
    assert (machine.sealed(), back(0) in machine.days()) == ([back(1)], True)
    # What is written meanwhile is written where the clock says, and both are there when it is right again.
    machine.passes(60)
    machine.set_clock(-by)
    machine.hears()
    report = machine.tend()
    assert f"the clock stepped by {-by:+.1f} s" in report.done
    assert not any("sealed" in one for one in report.alarms)
    machine.measured = None
    machine.passes(DAY)
    machine.tend()
    assert machine.sealed() == [back(1), back(0)]


def test_a_year_later_everything_would_be_past_its_time(machine):
    machine.set_clock(365 * DAY)
    done, alarms = purging.purge(machine.collector.settings, machine.now)
    assert done == []
    assert any(one.startswith("nothing is purged: the clock is") for one in alarms)
    assert machine.days() == [back(1), back(0)]


def test_chronyd_that_measured_before_the_step_and_does_not_know_of_it_yet_is_no_witness(machine):
    machine.passes(60)
    machine.set_clock(40 * 60)
    machine.hears(clock=40 * 60)  # and the other one was set as well
    found = timekeeping.look(machine.collector.settings, machine.now)
    assert not found.against_sealing(), "the other one said so"
    machine.set_clock(40 * 60)
    assert "has not measured since" in timekeeping.look(machine.collector.settings, machine.now).against_sealing()


def test_a_false_time_server_steps_the_clock_and_the_other_collector_knows_better(machine):
    machine.passes(60)
    machine.set_clock(DAY)
    machine.measured = None
    assert "chronyd has not measured since" in refused(machine.tend())
    machine.passes(301)
    machine.hears()
    alarm = refused(machine.tend())
    assert "chronyd says that it is right" in alarm
    assert f"collector2 sends records whose time is {DAY} s behind this clock" in alarm
    assert machine.sealed() == [back(1)]


def test_a_machine_that_was_away_for_days_seals_when_somebody_knows_the_time(machine):
    machine.passes(60)
    machine.tend()
    machine.restarts(after=3 * DAY)
    machine.synchronised = False
    assert "chronyd is not synchronised" in refused(machine.tend())
    machine.passes(120)
    machine.synchronised = True
    report = machine.tend()
    assert any(one.endswith("is right by chronyd") for one in report.done)
    assert machine.sealed() == [back(1), back(0)]


def test_a_clock_whose_battery_is_dead_comes_up_years_ahead(machine):
    machine.restarts(after=60, clock_by=500 * DAY)
    machine.synchronised = False
    assert "further than this machine has counted" in refused(machine.tend())
    # Once more does not make it true.
    machine.restarts(after=60)
    assert "further than this machine has counted" in refused(machine.tend())
    machine.passes(300)
    machine.set_clock(-500 * DAY)
    machine.synchronised, machine.measured = True, None
    assert machine.tend().alarms == []
    assert machine.sealed() == [back(1)]


def test_steps_that_are_small_each_add_up(machine):
    for _ in range(13 * 20):
        machine.passes(60)
        machine.set_clock(180)
        machine.hears()
        machine.tend()
    assert store.today(machine.now) > store.today(NOON)
    assert "further than this machine has counted" in refused(machine.tend())


def test_there_and_back_again_is_no_jump(machine):
    machine.passes(60)
    machine.set_clock(-2 * DAY)
    machine.tend()
    machine.passes(60)
    machine.set_clock(2 * DAY)
    report = machine.tend()
    assert any("is right by collector2" in one for one in report.done)
    assert report.alarms == []


def test_where_nobody_knows_the_time_it_is_believed_after_a_day_but_nothing_is_purged(machine):
    machine.answers = False
    machine.set_clock(100 * DAY)
    refused(machine.tend())
    machine.passes(DAY - 120)
    refused(machine.tend())
    machine.passes(240)
    report = machine.tend()
    assert any("taken as it is after a day" in one for one in report.done)
    assert back(0) in machine.sealed()
    assert any(one.startswith("nothing is purged: not everybody says") for one in report.alarms)
    assert back(1) in machine.days()


def test_chronyd_that_says_that_the_clock_is_wrong_is_believed_for_as_long_as_it_says_so(machine):
    machine.set_clock(DAY)
    for _ in range(40):
        machine.passes(HOUR)
        machine.measured, machine.says_offset = None, -float(DAY)
        assert f"chronyd says that it is wrong by {DAY} s" in refused(machine.tend())


def test_a_lying_collector_stops_no_seal_and_only_delays_a_purge(machine):
    for hours in range(0, 62 * 24, 24):
        machine.passes(24 * HOUR if hours else 0)
        machine.hears(clock=-5000 * DAY)
        report = machine.tend()
        assert not any(one.startswith("nothing is sealed") for one in report.alarms)
    assert len(machine.sealed()) == 62
    [alarm] = [one for one in report.alarms if one.startswith("nothing is purged")]
    assert "collector2 sends records whose time is 432000000 s behind this clock" in alarm
    assert back(1) in machine.days()
    assert record_clock.clock(machine.collector.settings, machine.now)["contradicted_by"]
    # It is brought to reason.
    machine.passes(301)
    machine.hears()
    assert any(f"purged session {back(1)}" in one for one in machine.tend().done)


@pytest.mark.parametrize("clock", [HOUR, -HOUR])
def test_a_lying_collector_holds_up_seals_after_a_true_jump_for_a_day_at_the_most(machine, clock):
    machine.restarts(after=2 * DAY)
    machine.hears(clock=clock)
    refused(machine.tend())
    machine.passes(DAY + 120)
    machine.hears(clock=clock)
    machine.tend()
    assert back(0) in machine.sealed()


def test_a_purge_wants_the_word_of_both(machine):
    machine.passes(62 * DAY)
    assert any("no other collector says" in one for one in machine.tend().alarms)
    machine.hears()
    machine.synchronised = False
    assert any("chronyd is not synchronised" in one for one in machine.tend().alarms)
    assert back(1) in machine.days()
    machine.synchronised = True
    assert any(f"purged session {back(1)}" in one for one in machine.tend().done)


def test_one_collector_alone_asks_chronyd(machine):
    machine.collector.settings = machine.collector.settings._replace(collectors=("collector1",))
    machine.passes(62 * DAY)
    assert any(f"purged session {back(1)}" in one for one in machine.tend().done)


def test_what_comes_late_from_the_other_one_is_no_word_for_it(machine):
    machine.passes(62 * DAY)
    machine.hears(late=2 * HOUR)
    assert any("7200 s behind" in one for one in machine.tend().alarms)
    machine.hears()
    assert any(f"purged session {back(1)}" in one for one in machine.tend().done)


def test_what_stands_in_another_hosts_file_is_nobodys_word(machine):
    machine.passes(62 * DAY)
    machine.hears(host="web")
    assert any("collector2 was not heard for 300 s" in one for one in machine.tend().alarms)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"store": 1}', '{"store": "STORE", "boot": "first", "trusted": "x"}', "null"]
)
def test_a_memory_that_cannot_be_read_is_none(machine, content):
    with open(timekeeping.MEMORY, "w") as file:
        file.write(content.replace("STORE", str(machine.collector.root)))
    machine.passes(60)
    assert machine.tend().alarms == []
    # Without one the store itself says which days it has seen.
    os.unlink(timekeeping.MEMORY)
    machine.set_clock(5 * DAY)
    assert "further than" in refused(machine.tend())


def test_a_memory_of_another_store_is_none(machine):
    document = json.load(open(timekeeping.MEMORY))
    json.dump({**document, "store": "/elsewhere", "real": 1.0}, open(timekeeping.MEMORY, "w"))
    machine.restarts(after=60)
    assert machine.tend().alarms == []


def test_where_nothing_can_be_remembered_nothing_is_sealed_and_all_else_goes_on(machine, monkeypatch):
    monkeypatch.setattr(timekeeping, "MEMORY", "/nowhere/clock.json")
    machine.passes(DAY)
    report = machine.tend()
    assert any(one.startswith("nothing is sealed or purged: the clock can't be looked at") for one in report.alarms)
    assert back(-1) in machine.days()
    assert machine.sealed() == [back(1)]


def test_who_seals_by_hand_is_told_the_same(machine, monkeypatch):
    machine.set_clock(DAY)
    monkeypatch.setattr(tending.time, "time", lambda: machine.now)
    document, text, code = tending.seal_command(None)
    assert (code, document["alarms"][0].startswith("nothing is sealed: the clock is")) == (1, True)
    assert "alarm: nothing is sealed" in text


def test_what_an_inspection_sees(machine):
    seen = record_clock.clock(machine.collector.settings, machine.now)
    assert seen == {"doubt": "", "confirmed_by": ["chronyd", "collector2"], "confirmations": 2, "contradicted_by": []}
    before = open(timekeeping.MEMORY).read()
    machine.set_clock(DAY)
    seen = record_clock.clock(machine.collector.settings, machine.now)
    assert seen["doubt"].startswith(f"the clock is {DAY} s further than this machine has counted")
    assert (seen["confirmations"], open(timekeeping.MEMORY).read()) == (0, before)


def test_the_kernels_own_counter():
    boot, offset = timekeeping.running()
    assert len(boot) == 36
    assert abs(timekeeping.running()[1] - offset) < 0.5
