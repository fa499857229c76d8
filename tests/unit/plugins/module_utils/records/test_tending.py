# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector's housekeeping on a real file system, with chattr's real attributes and a clock that the test sets."""

from __future__ import annotations

import calendar
import datetime
import grp
import os
import pwd
import subprocess
import time

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import record_store as seen_store
from ansible_collections.order82.baseline.plugins.module_utils.observers import seals as seen_seals
from ansible_collections.order82.baseline.plugins.module_utils.records import (
    claims,
    holdings,
    keys,
    line,
    shares,
    store,
    tending,
    witness,
)
from ansible_collections.order82.baseline.plugins.module_utils.records import settings as record_settings

# The attributes belong to root (CAP_LINUX_IMMUTABLE); the scenarios on real hosts show the same from outside.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chattr +a and +i need root")

NOON = calendar.timegm((2026, 11, 24, 12, 0, 0))
DAY = 86400


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(record_settings, "group_of", lambda _class: grp.getgrgid(os.getegid())[0])
    monkeypatch.setattr(claims, "SEEN", str(tmp_path / "claims.json"))
    monkeypatch.setattr(holdings, "SEEN", str(tmp_path / "holds.json"))
    monkeypatch.setattr(witness, "SEEN", str(tmp_path / "seals.json"))
    monkeypatch.setattr(keys, "FOLDER", str(tmp_path / "seal"))
    monkeypatch.setattr(shares, "SEEN", str(tmp_path / "shares.json"))
    monkeypatch.setattr(shares, "HELD", str(tmp_path / "held.nft"))
    root = tmp_path / "records"
    root.mkdir()
    owner = pwd.getpwuid(os.geteuid())[0]
    yield record_settings.Settings(str(root), ("session",), ("web", "gateway"), owner, 60, 1, 0, host="collector1")
    free(root)


def free(folder):
    """Take the attributes from what has them: neither a symlink nor a pipe can."""
    subprocess.run(["find", folder, "-type", "f,d", "-exec", "chattr", "-a", "-i", "{}", "+"], check=True)


def tend(settings, now):
    report = tending.Report()
    tending.tend(settings, now, report)
    return report


def path(settings, day, name="web.log"):
    return os.path.join(settings.store, "session", day, name)


def append(name, text):
    with open(name, "a", encoding="utf-8") as file:
        file.write(text)


def test_today_can_only_grow(settings):
    tend(settings, NOON)
    name = path(settings, "2026-11-24")
    append(name, "one\n")
    for damage in (
        lambda: open(name, "w").close(),
        lambda: os.truncate(name, 0),
        lambda: os.unlink(name),
        lambda: os.rename(name, name + "x"),
        lambda: os.rename(os.path.dirname(name), os.path.dirname(name) + "x"),
        lambda: os.chmod(name, 0o666),
    ):
        with pytest.raises(PermissionError):
            damage()
    append(name, "two\n")
    assert open(name).read() == "one\ntwo\n"


def test_yesterday_cannot_change(settings):
    tend(settings, NOON)
    append(path(settings, "2026-11-24"), "one\n")
    tend(settings, NOON + DAY)
    name = path(settings, "2026-11-24", "web.log.zst")
    for damage in (
        lambda: append(name, "x"),
        lambda: os.unlink(name),
        lambda: append(path(settings, "2026-11-24", "new.log"), "x"),
        lambda: os.chmod(name, 0o666),
    ):
        with pytest.raises(PermissionError):
            damage()
    assert os.stat(name).st_mode & 0o777 == 0o440
    assert list(line.read(path(settings, "2026-11-24"))) == ["one"]


def test_closes_not_before_what_was_on_its_way_is_written(settings):
    midnight = NOON + DAY // 2
    tend(settings, NOON)
    tend(settings, midnight + 60)
    append(path(settings, "2026-11-24"), "late\n")
    tend(settings, midnight + 400)
    with pytest.raises(PermissionError):
        append(path(settings, "2026-11-24"), "too late\n")
    assert list(line.read(path(settings, "2026-11-24"))) == ["late"]


def test_tomorrow_is_ready_before_midnight(settings):
    tend(settings, NOON + DAY // 2 - 60)
    assert store.flags(path(settings, "2026-11-25")) == store.APPEND_ONLY


def test_sixtieth_day_stays_and_the_day_past_it_goes(settings, monkeypatch):
    for age in (61, 60, 1):
        tend(settings, NOON - age * DAY)
    report = tend(settings, NOON)
    assert [str(day) for day in store.days(settings.store, "session")] == ["2026-09-25", "2026-11-23", "2026-11-24"]
    assert any("purged session 2026-09-24" in sentence and "SHA-256" in sentence for sentence in report.done)


def test_full_disk_alarms_and_deletes_nothing(settings):
    tend(settings, NOON - 59 * DAY)
    report = tend(settings._replace(free_percent_alarm=101), NOON)
    assert len(store.days(settings.store, "session")) == 2
    assert any("no record is deleted" in sentence for sentence in report.alarms)


def test_file_that_lost_its_attribute_gets_it_back_and_it_is_said(settings):
    tend(settings, NOON)
    store.set_flags(path(settings, "2026-11-24"), 0)
    assert any("append-only" in sentence for sentence in tend(settings, NOON + 60).done)


def test_second_run_does_nothing(settings):
    tend(settings, NOON - DAY)
    tend(settings, NOON)
    report = tend(settings, NOON)
    assert (report.done, report.alarms) == ([], [])


def test_killed_between_manifest_and_flag_is_finished(settings):
    tend(settings, NOON)
    append(path(settings, "2026-11-24"), "one\n")
    tend(settings, NOON + DAY)
    folder = os.path.dirname(path(settings, "2026-11-24"))
    store.set_flags(folder, 0)
    tend(settings, NOON + DAY)
    assert store.flags(folder) == store.IMMUTABLE
    assert seen_seals.seals(settings, NOON + DAY)["faults"] == []


def test_how_far_records_go_back_is_by_the_class_that_goes_back_least(settings):
    tend(settings, NOON - 3 * DAY)
    both = settings._replace(classes=("session", "system"))
    tend(both, NOON)
    assert seen_store.look(both, NOON, 300)["oldest_days"] == 0


def test_it_says_which_days_there_are(settings):
    assert tend(settings, NOON).holds == ["holds session nothing", "seals session 1/1 nothing"]
    assert tend(settings, NOON + 60).holds == []
    days, key, seals = tend(settings, NOON + DAY).holds
    assert days == "holds session 2026-11-24"
    assert key == "seals with " + keys.public(settings.store)[0]
    assert seals.startswith("seals session 1/1 2026-11-24 ")


def test_what_the_observer_sees(settings):
    tend(settings, NOON - 3 * DAY)
    for back in (2, 1, 0):
        append(path(settings, str(store.today(NOON - (back + 1) * DAY))), "one\n")
        tend(settings, NOON - back * DAY)
    append(path(settings, "2026-11-24"), "one\n")
    facts = seen_store.look(settings, NOON, 300)
    assert (
        facts["oldest_days"],
        facts["missing_days"],
        facts["missing_files"],
        facts["unprotected"],
    ) == (3, [], [], [])
    assert seen_seals.seals(settings, NOON)["faults"] == []
    # A deleted record, an altered one, a loosened mode, a vanished day: each is seen.
    closed = path(settings, "2026-11-22", "web.log.zst")
    subprocess.run(["chattr", "-R", "-i", "-a", settings.store], check=True)
    os.unlink(path(settings, "2026-11-22", "gateway.log"))
    os.chmod(closed, 0o640)
    append(closed, "forged\n")
    subprocess.run(["rm", "-r", os.path.dirname(path(settings, "2026-11-23"))], check=True)
    os.unlink(path(settings, "2026-11-24", "gateway.log"))
    facts = seen_store.look(settings, NOON, 300)
    assert facts["missing_days"] == ["session 2026-11-23"]
    assert facts["missing_files"] == ["session/2026-11-24/gateway.log"]
    assert "session/2026-11-22/web.log.zst has mode 0640, not 0440" in facts["unprotected"]
    assert seen_seals.seals(settings, NOON)["faults"] == [
        "session/2026-11-22/gateway.log: it is missing",
        "session/2026-11-22/web.log.zst: it differs from SHA256SUMS",
    ]


def test_a_host_that_comes_after_midnight_has_no_file_of_yesterday(settings):
    midnight = NOON + DAY // 2
    tend(settings, NOON)
    gone = path(settings, "2026-11-24")
    store.set_flags(os.path.dirname(gone), 0)
    store.set_flags(gone, 0)
    os.unlink(gone)
    now = midnight + 120
    assert seen_store.look(settings, now, 300)["missing_files"] == ["session/2026-11-24/" + os.path.basename(gone)]
    now = midnight + 600
    tend(settings, now)
    later = settings._replace(hosts=(*settings.hosts, "new"))
    tend(later, now)
    assert seen_store.look(later, now, 300)["missing_files"] == []


@pytest.mark.parametrize("minutes", [1, 4, 6, 9, 11])
def test_yesterday_is_in_order_before_and_after_it_is_closed(settings, minutes):
    midnight = NOON + DAY // 2
    for now in (NOON, midnight - 60, midnight + minutes * 60):
        tend(settings, now)
    facts = seen_store.look(settings, midnight + minutes * 60, 300)
    assert (facts["missing_files"], facts["unprotected"]) == ([], [])
    assert seen_seals.seals(settings, midnight + minutes * 60)["faults"] == []
    name = path(settings, "2026-11-24")
    store.set_flags(name, 0)
    os.chmod(name, 0o666)
    found = seen_store.look(settings, midnight + minutes * 60, 300)["unprotected"]
    assert [sentence.split()[:2] for sentence in found] == [
        ["session/2026-11-24/web.log", word] for word in ("has", "is")
    ]


def test_how_long_the_disk_lasts_is_not_known_before_there_was_a_whole_day(settings):
    for back, known in ((2, "2026-11-24"), (1, "2026-11-24"), (0, "")):
        tend(settings, NOON - back * DAY)
        facts = seen_store.look(settings, NOON - back * DAY, 300)
        assert facts["lasts_days_known_from"] == known
        assert (facts["lasts_days"] is None) is bool(known)


def test_host_that_says_nothing_is_silent(settings):
    now = time.time()
    tend(settings, now)
    append(path(settings, store.today(now).isoformat()), "one\n")
    assert seen_store.look(settings, now + 1, 300)["silent_hosts"] == ["gateway"]
    assert seen_store.look(settings, now + 301, 300)["silent_hosts"] == ["gateway", "web"]


def test_days_are_utc_days():
    assert store.today(calendar.timegm((2026, 11, 24, 23, 59, 59))) == datetime.date(2026, 11, 24)


@pytest.fixture
def elsewhere(tmp_path):
    """A folder of root's beside the store, with a log that is no record."""
    made = tmp_path / "elsewhere"
    made.mkdir(0o700)
    (made / "web.log").write_text("root's\n")
    (made / "web.log").chmod(0o600)
    yield made
    free(made)


def untouched(folder):
    [log] = folder.iterdir()
    return (
        log.read_text() == "root's\n"
        and (log.stat().st_mode, folder.stat().st_mode) == (0o100600, 0o40700)
        and store.flags(log) == store.flags(folder) == 0
    )


@pytest.mark.parametrize("day", ["2026-11-25", "2026-11-24", "2026-11-20", "2026-01-01"])
def test_a_symlink_that_the_receivers_account_put_for_a_day_leads_nowhere(settings, elsewhere, monkeypatch, day):
    tend(settings, NOON - DAY)
    os.symlink(elsewhere, os.path.join(settings.store, "session", day))
    report = tend(settings, NOON + DAY // 2 - 60)
    assert untouched(elsewhere)
    assert bool(report.alarms) == (day in ("2026-11-25", "2026-11-24")), "where a folder is to be it is said"


def test_a_symlink_for_the_manifest_leads_nowhere(settings, elsewhere):
    tend(settings, NOON)
    append(path(settings, "2026-11-24"), "one\n")
    os.symlink(elsewhere / "web.log", path(settings, "2026-11-24", "SHA256SUMS.new"))
    os.symlink(elsewhere / "web.log", path(settings, "2026-11-24", "other.log"))
    assert tend(settings, NOON + DAY).alarms == []
    assert untouched(elsewhere)
    with open(path(settings, "2026-11-24", "SHA256SUMS")) as file:
        assert [row.split()[1] for row in file if row[0] != "#"] == ["gateway.log", "web.log.zst"]


def test_a_pipe_in_a_day_holds_up_nobody(settings, monkeypatch):
    tend(settings, NOON - 70 * DAY)
    os.mkfifo(path(settings, "2026-09-15", "pipe.log"))
    os.mkfifo(path(settings, "2026-09-15", "SHA256SUMS"))
    tend(settings, NOON - 69 * DAY)
    assert tend(settings, NOON).alarms == []
    assert [str(day) for day in store.days(settings.store, "session")] == ["2026-11-24"]
