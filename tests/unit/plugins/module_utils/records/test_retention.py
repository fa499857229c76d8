# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept, since when, and what the files hold when somebody opens them."""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import contents as observer
from ansible_collections.order82.baseline.plugins.module_utils.records import (
    contents,
    manifest,
    packing,
    retention,
    store,
)
from sealed_store import DAY, NOON, Collector, back, free

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chattr +a and +i need root")

LINE = (
    '<14>1 {told} {host} order82 1 - [order82@32473 class="{kind}" boot="{boot}" uid="0" audit="" claims="" login="" unit="x"]'
    '[stored@32473 at="{at}" from="{host}" marks=""] {text}\n'
)


def record(days, text="a record", *, host="web", kind="session", boot="b1", hour=12, late=0):
    at = datetime.datetime.fromtimestamp(NOON - days * DAY + (hour - 12) * 3600, datetime.UTC)
    told = at - datetime.timedelta(seconds=late)
    return LINE.format(told=told.isoformat(), at=at.isoformat(), host=host, kind=kind, boot=boot, text=text)


@pytest.fixture
def one(tmp_path, monkeypatch):
    """Five days, each with records of two hosts, of which four are sealed."""
    found = Collector(tmp_path / "one", monkeypatch)
    monkeypatch.setattr(retention.time, "time", lambda: NOON)
    for days in range(4, -1, -1):
        for host in ("web", "collector2"):
            found.write(days, "".join(record(days, f"number {number}", host=host) for number in range(days + 1)), host)
            found.write(days, record(days, host=host, kind="measure_state"), host, "measure_state")
        found.tend(days)
    yield found
    found.gone()


def asked(record_class=None, host=None, read=False):
    document, text, code = retention.command(argparse.Namespace(record_class=record_class, host=host, read=read))
    return document["classes"], text, code


def seen(collector, daily=("measure_state",)):
    return observer.look(collector.settings, list(daily), NOON)


def replace(collector, days, content, host="web", record_class="session"):
    """Root puts another content in a day, which it seals as if nothing had been."""
    free(collector.root)
    path = collector.day(days, record_class)
    for end in (store.PLAIN, store.COMPRESSED):
        (path / (host + end)).unlink(missing_ok=True)
    (path / (host + store.PLAIN)).write_bytes(content)
    for name in (store.MANIFEST, store.SIGNATURE):
        (path / name).unlink(missing_ok=True)
    collector.tend()


def test_what_is_kept_by_class_and_host_and_day(one):
    document, text, code = asked()
    web = document["session"]["hosts"]["web"]
    assert code == 0
    assert web["records_by_day"] == {back(days): days + 1 for days in range(4, -1, -1)}
    assert (web["oldest"], web["newest"], web["days"], web["gaps"], web["records"]) == (back(4), back(0), 5, [], 15)
    assert text.startswith("measure_state: running for 4 days, since")
    assert f"  web: {back(4)}..{back(0)}, 15 records on 5 days, files of 5 days" in text
    assert "  collector1: no record, files of 5 days" in text


def test_what_is_sealed_is_counted_by_its_seal_and_not_read(one, monkeypatch):
    read = []
    monkeypatch.setattr(retention, "_count", lambda _settings, _class, day, host: read.append((str(day), host)) or 7)
    document = asked("session", "web")[0]
    assert read == [(back(0), "web")]
    assert document["session"]["hosts"]["web"]["records_by_day"][back(0)] == 7
    assert f"    {back(3)}: 4" in asked("session", "web")[1]


def test_twelve_days_old_is_not_twelve_days_left(one):
    assert seen(one)["lost"] == []
    assert "running for 4 days" in seen(one)["since"]["session"]
    free(one.root)
    for days in (4, 3):
        subprocess.run(["rm", "-r", one.day(days)], check=True)
    # The oldest seal that is there names the one before it.
    assert seen(one)["lost"] == [f"session: begun {back(3)}, 1 days LOST: {back(3)} / 丢失 1 日"]
    document, text, code = asked()
    assert (code, document["session"]["lost"]) == (1, [back(3)])
    assert f"session: begun {back(3)}, 1 days LOST: {back(3)}" in text


def test_what_it_once_said_it_had(one):
    one.file(NOON, "collector1", f"holds session {back(30)}..{back(2)}")
    assert f"begun {back(30)}, 26 days LOST: {back(30)}..{back(5)}" in asked("session")[1]


def test_what_was_rightly_purged_is_not_lost(one):
    settings = one.settings._replace(retention_days=60)
    for days in (64, 63):
        free(one.root)
        one.write(days, record(days))
    one.tend()
    assert [str(seal.day) for seal in one.seals() if seal.purged] == [back(64), back(63)]
    found = retention.kept(settings, "session", NOON)
    assert str(found.since) == back(64)
    assert len(found.lost) == 60 - 4
    full = found._replace(lost=[])
    assert retention.in_words(settings, full, NOON).startswith("the last 60 days, all that are to be kept")


def test_a_day_without_a_hosts_file_between_others_is_a_gap(one):
    free(one.root)
    (one.day(2) / "web.log.zst").unlink()
    document, text, code = asked("session")
    assert (document["session"]["hosts"]["web"]["gaps"], code) == ([back(2)], 1)
    assert f"files of 4 days, NONE of {back(2)}" in text


def test_who_asks_for_what_there_is_not(one):
    with pytest.raises(ValueError, match="there is no record class 'x'"):
        asked("x")
    with pytest.raises(ValueError, match="there is no record of a host nobody"):
        asked(host="nobody")


def test_all_is_well(one):
    found = seen(one)
    assert (found["faults"], found["quiet"], found["faults_count"], found["quiet_count"]) == ([], [], 0, 0)
    assert found["files"] == found["read_files"] == 20


FORGED = {
    "NULs": (b"\0" * 8000, "8000 bytes of value 0 from byte 0 on"),
    "NULs behind a good line": (record(3).encode() + b"\0" * 8000, "8000 bytes of value 0 from byte"),
    "no records": (b"one\ntwo\n", "2 of 2 lines are no records"),
    "one line feed": (b"\n", "1 of 1 lines are no records"),
    "random bytes": (bytes(range(1, 256)) * 40, "lines are no records"),
    "another day's": (record(9).encode() * 5, f"5 of 5 lines arrived on another day, such as {back(9)}"),
    "another class's": (record(3, kind="system").encode(), "1 of 1 lines are of another class, such as system"),
    "another host's": (record(3, host="collector2").encode(), "1 of 1 lines are of another host, such as collector2"),
    "no stored": (b"<14>1 2026-11-21T12:00:00+00:00 web order82 1 - - x\n", "1 of 1 lines are no records"),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_sealed_file_that_holds_no_records_of_its_day_is_named(one, forged):
    content, sentence = FORGED[forged]
    replace(one, 3, content)
    [fault] = seen(one)["faults"]
    assert fault.startswith(f"session/{back(3)}/web: ")
    assert sentence in fault


def test_what_is_forged_in_the_middle_of_a_large_file_may_be_met(one, monkeypatch):
    whole = record(3, "x" * 1000).encode() * 20000
    content = whole[: 8 << 20] + b"\0" * (6 << 20) + whole[8 << 20 :]
    replace(one, 3, content)
    met = [bool(seen(one)["faults"]) for _ in range(12)]
    assert any(met)


def test_a_line_that_a_power_cut_tore_condemns_no_file(one):
    replace(one, 3, record(3).encode() * 3 + record(3).encode()[:50] + b"\n" + record(3).encode() * 3)
    assert seen(one)["faults"] == []


def test_a_message_of_the_greatest_length_is_read(one):
    replace(one, 3, record(3, "x" * (256 << 10)).encode() * 5)
    assert seen(one)["faults"] == []


def test_a_content_that_is_shorter_than_its_seal_says(one):
    free(one.root)
    (one.day(3) / "web.log.zst").unlink()
    (one.day(3) / "web.log").write_text(record(3))
    content = (one.day(3) / store.MANIFEST).read_text()
    listed = manifest.parse(content)
    forged = [entry._replace(name="web.log") if entry.name == "web.log.zst" else entry for entry in listed.entries]
    (one.day(3) / store.MANIFEST).unlink()
    (one.day(3) / store.MANIFEST).write_text(manifest.text(listed._replace(entries=tuple(forged))))
    faults = seen(one)["faults"]
    assert any("its content has" in fault and "by its seal" in fault for fault in faults)


def test_a_compressed_file_that_no_seal_names_is_not_opened(one):
    free(one.root)
    with store.opened(str(one.root), "session", back(0)) as folder:
        (one.day(0) / "bomb.log").write_bytes(b"\0" * 1000)
        fd = os.open("bomb.log", os.O_RDONLY, dir_fd=folder)
        packing.pack(folder, fd, "bomb.log.zst", (0, 0), lambda: None)
        os.close(fd)
        os.unlink("bomb.log", dir_fd=folder)
    assert seen(one)["faults"] == []


@pytest.mark.parametrize("what", ["truncate -s -3 {}", "rm {0} && mkfifo {0}"])
def test_a_file_that_cannot_be_read_is_named(one, what):
    free(one.root)
    subprocess.run(["sh", "-c", what.format(one.day(3) / "web.log.zst")], check=True)
    faults = seen(one)["faults"]
    assert (what.startswith("rm") and faults == []) or any("it can't be read" in fault for fault in faults)


def test_by_hand_all_is_read(one):
    assert asked(read=True)[1].endswith("all files hold records of their class, day and host / 各文件内容无误")
    replace(one, 3, b"\0" * 100)
    _document, text, code = asked(read=True)
    assert (code, text.splitlines()[-1]) == (
        1,
        f"session/{back(3)}/web: 100 bytes of value 0 from byte 0 on, which no record has",
    )
    assert asked("measure_state", read=True)[2] == 0


def test_no_more_is_read_than_there_is_time_for(one):
    assert contents.look(one.settings, seconds=-1)[:2] == (20, 0)


def write_state(collector, days, **more):
    collector.write(days, record(days, host="web", kind="measure_state", **more), "web", "measure_state")


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A store whose days the test fills."""
    found = Collector(tmp_path / "two", monkeypatch, classes=("measure_state",))
    yield found
    found.gone()


def test_a_host_that_ran_and_wrote_nothing_all_day_is_named(state):
    for days in (4, 1):
        write_state(state, days)
    for days in (4, 3, 2, 1, 0):
        state.tend(days)
    assert seen(state)["quiet"] == [f"web: no record of class measure_state on {back(3)}..{back(2)}, though it ran"]
    assert seen(state, ())["quiet"] == []


def test_a_host_that_was_off_wrote_nothing_rightly(state):
    write_state(state, 4)
    write_state(state, 2, boot="b2")
    for days in (4, 3, 2, 1, 0):
        state.tend(days)
    assert seen(state)["quiet"] == []


def test_what_came_late_after_an_outage_is_no_silence(state):
    write_state(state, 4, hour=23)
    write_state(state, 2, hour=0, late=25 * 3600 - 600)
    for days in (4, 3, 2, 1, 0):
        state.tend(days)
    assert seen(state)["quiet"] == []
