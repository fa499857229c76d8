# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has too much of a collector's store, or sends too fast, is told of and held back; nobody else is."""

from __future__ import annotations

import grp
import json
import os
import pwd
import random
import string
import subprocess

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import (
    claims,
    counting,
    holdings,
    keys,
    shares,
    store,
    tending,
    witness,
)
from ansible_collections.order82.baseline.plugins.module_utils.records import settings as record_settings

# The attributes belong to root (CAP_LINUX_IMMUTABLE), and a day that is closed is known by them.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chattr +a and +i need root")

NOON = 1_795_521_600.0  # 2026-11-24T12:00:00Z
TODAY, DAY = "2026-11-24", 86400
ADDRESSES = {"web": "127.3.2.1", "vault": "127.4.5.6", "mail": "127.7.8.9"}
KILOBYTES = ["".join(random.Random(seed).choices(string.printable[:90], k=1000)) for seed in range(1000)]


class Collector:
    """A store with its clock, and what was asked of systemd."""

    def __init__(self, settings, folder):
        self.settings, self.now, self.asked = settings, NOON, []
        self.held = folder / "held.nft"

    def tend(self, seconds=60, **changes):
        """Some time later: what a run said and did."""
        self.settings = self.settings._replace(**changes)
        self.now += seconds
        self.asked.clear()
        report = tending.Report()
        tending.tend(self.settings, self.now, report)
        return report

    def receive(self, host, kilobytes, day=TODAY, record_class="system"):
        """Records of a host: four fifths as long when they are compressed."""
        with open(os.path.join(self.settings.store, record_class, day, f"{host}.log"), "a", encoding="ascii") as file:
            file.write("".join(KILOBYTES[number % len(KILOBYTES)] for number in range(kilobytes)))

    def share(self, kilobytes):
        """So many kilobytes, in per cent of the disk."""
        space = os.statvfs(self.settings.store)
        return 100 * 1000 * kilobytes / (space.f_blocks * space.f_frsize)


@pytest.fixture
def collector(tmp_path, monkeypatch):
    monkeypatch.setattr(record_settings, "group_of", lambda _class: grp.getgrgid(os.getegid())[0])
    monkeypatch.setattr(claims, "SEEN", str(tmp_path / "claims.json"))
    monkeypatch.setattr(holdings, "SEEN", str(tmp_path / "holds.json"))
    monkeypatch.setattr(witness, "SEEN", str(tmp_path / "seals.json"))
    monkeypatch.setattr(keys, "FOLDER", str(tmp_path / "seal"))
    for name, file in (("SEEN", "shares.json"), ("HELD", "held.nft"), ("SENDERS", "senders.json")):
        monkeypatch.setattr(shares, name, str(tmp_path / file))
    rows = [{"index": address, "value": host} for host, address in ADDRESSES.items()]
    (tmp_path / "senders.json").write_text(json.dumps({"version": 1, "nomatch": "", "type": "string", "table": rows}))
    root = tmp_path / "records"
    root.mkdir()
    owner = pwd.getpwuid(os.geteuid())[0]
    settings = record_settings.Settings(
        str(root), ("session", "system"), tuple(ADDRESSES), owner, 60, 1, 0, 100, 0, host="c1"
    )
    made = Collector(settings, tmp_path)
    monkeypatch.setattr(tending, "_systemctl", lambda *words: made.asked.append(words))
    made.tend()
    yield made
    subprocess.run(["find", root, "-type", "f,d", "-exec", "chattr", "-a", "-i", "{}", "+"], check=True)


RELOAD = ("--no-block", "try-reload-or-restart", "order82-collect.service")


def test_who_has_more_than_his_share_is_held_back_alone_and_it_is_said_each_time(collector):
    collector.receive("web", 200)
    collector.receive("web", 200, record_class="session")
    collector.receive("vault", 100)
    report = collector.tend(share_percent=collector.share(300))
    assert collector.held.read_text() == "add element ip order82_limits held { 127.3.2.1 }\n"
    assert collector.asked == [RELOAD]
    [alarm] = report.alarms
    assert alarm.startswith("web has ")
    assert "it is held back" in alarm
    again = collector.tend()
    assert (again.alarms, again.done) == ([alarm], []), "each run says so, and does nothing new"
    assert collector.asked == [RELOAD], "what failed the last time is made good"
    assert sum(os.path.getsize(path) for path in files(collector)) == 500_000, "no record is deleted for it"


def test_who_has_less_again_is_let_in(collector):
    collector.receive("web", 400)
    collector.tend(share_percent=collector.share(300))
    report = collector.tend(share_percent=collector.share(600))
    assert collector.held.read_text() == ""
    assert collector.asked == [RELOAD]
    assert (report.alarms, report.done) == ([], ["held back now: nobody"])
    assert (collector.tend().done, collector.asked) == ([], [])


def test_a_purge_lets_a_host_in_again(collector, monkeypatch):
    collector.receive("web", 400)
    assert collector.tend(59 * DAY, share_percent=collector.share(300)).alarms
    report = collector.tend(2 * DAY)
    assert any("purged system 2026-11-24" in sentence for sentence in report.done)
    assert (report.alarms, collector.held.read_text()) == ([], "")


def test_who_comes_near_to_his_share_is_told_of_and_goes_on(collector):
    collector.receive("web", 90)
    collector.receive("vault", 70)
    [alarm] = collector.tend(share_percent=collector.share(100)).alarms
    assert alarm.startswith("web has ")
    assert "with more than" in alarm
    assert not collector.held.exists()
    assert collector.asked == []


@pytest.mark.parametrize("hosts", [("web",), tuple(ADDRESSES)])
def test_nobody_is_held_back_who_takes_nothing_from_others(collector, hosts):
    """A host that is the only one, or where everybody may have all."""
    collector.receive("web", 400)
    percent = collector.share(100) if len(hosts) == 1 else 100
    assert collector.tend(hosts=hosts, share_percent=percent).alarms == []
    assert not collector.held.exists()


def test_who_sends_too_fast_is_told_of(collector):
    collector.tend(rate_kilobytes=10)
    collector.receive("web", 500)
    collector.receive("web", 200, record_class="session")
    collector.receive("vault", 500)
    assert collector.tend().alarms == [
        "web sends 11 kB/s, which is more than 10 kB/s: see what it sends; at twice as much it is slowed down"
    ]
    assert collector.tend().alarms == []


def test_a_burst_is_no_rate(collector):
    """Somebody runs it by hand in the middle of one: the mean is that of a minute all the same."""
    collector.tend(rate_kilobytes=10)
    collector.receive("web", 500)
    assert collector.tend(5).alarms == []
    assert collector.tend(55).alarms == []
    collector.receive("web", 700)
    assert collector.tend(20).alarms == []
    [alarm] = collector.tend(40).alarms
    assert alarm.startswith("web sends 11 kB/s")


def test_a_rate_goes_over_midnight_and_a_clock_that_is_set_back_makes_none(collector):
    collector.tend(DAY // 2 - 120, rate_kilobytes=10)
    collector.receive("web", 400)
    collector.receive("web", 300, "2026-11-25")
    [alarm] = collector.tend().alarms
    assert alarm.startswith("web sends 11 kB/s")
    collector.receive("web", 5000, "2026-11-25")
    assert collector.tend(-3600).alarms == []


def test_a_closed_day_is_read_once_and_is_counted_with_the_others(collector):
    collector.receive("web", 400)
    collector.tend(DAY)
    seen = json.load(open(shares.SEEN, encoding="utf-8"))
    size = seen["closed"]["system/2026-11-24"]["web"]
    assert 300_000 < size < 400_000
    collector.receive("web", 200, "2026-11-25")
    assert shares.stored(collector.settings).stored == {"web": size + 200_000}
    # What an earlier look remembers is what counts.
    seen["closed"]["system/2026-11-24"] = {"web": 1}
    json.dump(seen, open(shares.SEEN, "w", encoding="utf-8"))
    assert shares.look(collector.settings, collector.now + 60, shares.SEEN).stored == {"web": 200_001}


def test_what_is_remembered_of_another_store_counts_for_nothing(collector, tmp_path):
    collector.receive("web", 400)
    collector.tend()
    other = tmp_path / "other"
    other.mkdir()
    assert shares.look(collector.settings._replace(store=str(other)), collector.now + 60, shares.SEEN).stored == {}
    (tmp_path / "shares.json").write_text("{")
    assert shares.look(collector.settings, collector.now + 60, shares.SEEN).stored == {"web": 400_000}


def test_a_settings_file_of_an_earlier_version_limits_nobody(tmp_path):
    path = tmp_path / "records.json"
    known = {"store": "/x", "classes": ["system"], "hosts": ["web", "vault"], "owner": "root"}
    path.write_text(json.dumps({**known, "retention_days": 60, "free_percent_alarm": 15, "reserve_percent": 5}))
    settings = record_settings.load(str(path))
    seen = shares.Seen({"web": 99}, {"web": 10**12}, 100)
    assert shares.sentences(settings, seen) == []


def files(collector):
    return [
        path
        for record_class in collector.settings.classes
        for path in counting.select(collector.settings, record_class)
        if store.flags(path)
    ]
