# SPDX-License-Identifier: GPL-3.0-or-later
"""A sealer that is killed at any step, or that finds the disk full, loses nothing; the next run finishes its work."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import (
    keys,
    legal_holds,
    line,
    packing,
    purging,
    store,
    tending,
    zst,
)
from sealed_store import DAY, NOON, Collector, back, free

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chattr +a and +i need root")

KILLED = 137
STEPS = ("posix", "fcntl", "_posixsubprocess")
"""Modules in C: what is done to the disk, or to another program, is a function of theirs."""
LINES = [f"record {number}" for number in range(40)]


@pytest.fixture
def collector(tmp_path, monkeypatch):
    monkeypatch.setattr(zst, "FRAME_BYTES", 300)
    one = Collector(tmp_path / "c1", monkeypatch, classes=("session",))
    keys.ensure(one.root, "collector1")
    yield one
    one.gone()


def killed_at(step, work):
    """Do some work in a process that is killed after so many steps of it.

    :return: bool: whether it was; else it came to its end.
    """
    child = os.fork()
    if child == 0:
        left = itertools.count(1)

        def count(_frame, event, function):
            if event == "c_return" and getattr(function, "__module__", "") in STEPS and next(left) == step:
                os._exit(KILLED)

        try:
            sys.setprofile(count)
            work()
            sys.setprofile(None)
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, KILLED}
    return code == KILLED


def state(folder):
    """All that a day is."""
    found = {
        name: ((folder / name).read_bytes(), store.flags(folder / name), os.stat(folder / name).st_mode)
        for name in os.listdir(folder)
    }
    return found, store.flags(folder)


def records(folder):
    return list(line.read(str(folder / "web.log")))


def seal(collector):
    report = tending.Report()
    tending.seal_days(collector.settings, "session", NOON, report)
    assert report.alarms == []


def fresh(collector, old=False):
    """Yesterday, over and not sealed."""
    tending.open_days(collector.settings, "session", NOON - DAY, tending.Report())
    collector.write(1, "".join(text + "\n" for text in LINES))
    if old:
        folder = collector.day(1)
        for path in folder.iterdir():
            store.set_flags(path, 0)
            path.chmod(0o440)
            store.set_flags(path, store.IMMUTABLE)
        store.set_flags(folder, 0)
        sums = subprocess.run("sha256sum *.log", shell=True, cwd=folder, capture_output=True, check=True).stdout
        (folder / "SHA256SUMS").write_bytes(sums)
        (folder / "SHA256SUMS").chmod(0o440)
        store.set_flags(folder / "SHA256SUMS", store.IMMUTABLE)
        store.set_flags(folder, store.IMMUTABLE)


@pytest.mark.parametrize("old", [False, True], ids=["open", "closed before seals"])
def test_killed_at_any_step_it_is_finished_by_the_next_run(collector, old):
    fresh(collector, old)
    seal(collector)
    wanted, steps = state(collector.day(1)), 0
    for step in itertools.count(1):
        free(collector.root)
        subprocess.run(["rm", "-r", collector.day(1)], check=True)
        fresh(collector, old)
        if not killed_at(step, lambda: seal(collector)):
            break
        assert records(collector.day(1)) == LINES, f"after step {step}"
        seal(collector)
        assert state(collector.day(1)) == wanted, f"after step {step}"
        steps = step
    assert steps > (60 if old else 100)


def test_a_purge_that_is_killed_at_any_step_is_finished_by_the_next_and_sealed_by_nobody(collector, monkeypatch):
    later = NOON + 70 * DAY
    fresh(collector)
    seal(collector)
    digest = collector.seals()[0].digest
    saved = collector.folder / "saved"
    subprocess.run(["cp", "-a", collector.root, saved], check=True)
    steps = 0
    for step in itertools.count(1):
        if not killed_at(step, lambda: purging.purge(collector.settings, later)):
            break
        seal(collector)
        assert purging.purge(collector.settings, later)[1] == []
        assert not collector.day(1).exists(), f"after step {step}"
        assert [(one.digest, one.purged) for one in collector.seals()] == [(digest, True)], f"after step {step}"
        free(collector.root)
        subprocess.run(["rm", "-r", collector.root], check=True)
        subprocess.run(["cp", "-a", saved, collector.root], check=True)
        collector.tighten()
        steps = step
    assert steps > 40
    free(saved)


def test_a_full_disk_in_mid_seal_loses_nothing_and_is_told_of(collector, monkeypatch):
    monkeypatch.setattr(zst, "FRAME_BYTES", 1 << 18)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3M", "none", collector.root], check=True)
    try:
        try:
            store.flags(collector.root)
        except OSError:
            pytest.skip("this kernel's tmpfs knows no attributes")
        content = os.urandom(1 << 20).hex()  # which zstd makes half as long
        tending.open_days(collector.settings, "session", NOON - DAY, tending.Report())
        for host in ("web", "collector1"):
            collector.write(1, content[: 900_000 if host == "web" else 1_000_000] + "\n", host)
        room = os.statvfs(collector.root)
        with open(collector.root / "other", "wb") as other:
            os.posix_fallocate(other.fileno(), 0, room.f_bavail * room.f_frsize - 100_000)
        report = tending.Report()
        tending.seal_days(collector.settings, "session", NOON, report)
        assert any("is not sealed" in one and "No space" in one for one in report.alarms)
        folder = collector.day(1)
        assert not [name for name in os.listdir(folder) if name.endswith((".new", ".zst", ".sig"))]
        assert store.flags(folder) == store.APPEND_ONLY
        assert (folder / "web.log").read_text() == content[:900_000] + "\n"
        os.unlink(collector.root / "other")
        seal(collector)
        assert records(folder) == [content[:900_000]]
        assert (folder / "SHA256SUMS.sig").exists()
    finally:
        free(collector.root)
        subprocess.run(["umount", collector.root], check=True)


def test_what_does_not_come_back_as_it_was_is_not_put_in_its_place(collector, monkeypatch):
    fresh(collector)
    monkeypatch.setattr(
        packing.zst, "frame", lambda block, real=zst.frame: real(block.replace(b"record 7", b"record 8"))
    )
    report = tending.Report()
    tending.seal_days(collector.settings, "session", NOON, report)
    assert any("not what was to be compressed" in one for one in report.alarms)
    assert records(collector.day(1)) == LINES


def test_nothing_that_is_held_is_purged(collector, monkeypatch):
    for days in (3, 2, 1):
        tending.open_days(collector.settings, "session", NOON - days * DAY, tending.Report())
        collector.write(days, host="web" if days == 2 else "collector2")
    seal(collector)
    later = NOON + 100 * DAY
    legal_holds.hold(collector.settings, "京公(2026)82", since=back(1), until=back(1))
    legal_holds.hold(collector.settings, "B", classes=["session"], hosts=["web"])
    purging.purge(collector.settings, later)
    assert [str(day) for day in store.days(collector.root, "session")] == [back(2), back(1)]
    legal_holds.release(collector.settings, "B")
    purging.purge(collector.settings, later)
    assert [str(day) for day in store.days(collector.root, "session")] == [back(1)]
    assert [seal.purged for seal in collector.seals()] == [True, True, False]
    assert collector.verify() == []


def test_holds_that_cant_be_read_hold_everything(collector, monkeypatch):
    fresh(collector)
    seal(collector)
    (collector.root / "holds.json").write_text("[]")
    done, alarms = purging.purge(collector.settings, NOON + 100 * DAY)
    assert done == []
    assert "legal holds can't be read" in alarms[0]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"case": ""}, "case number"),
        ({"case": "a\nb"}, "case number"),
        ({"classes": ["sessions"]}, "no record class sessions"),
        ({"hosts": ["wbe"]}, "no record of a host wbe"),
        ({"since": "2026-02-31"}, "day"),
        ({"since": back(1), "until": back(2)}, "is after"),
        ({"case": "A"}, "already"),
    ],
)
def test_a_hold_that_would_hold_nothing_is_refused(collector, asked, sentence):
    legal_holds.hold(collector.settings, "A")
    with pytest.raises(ValueError, match=sentence):
        legal_holds.hold(collector.settings, **{"case": "B", **asked})
    with pytest.raises(ValueError, match="no hold"):
        legal_holds.release(collector.settings, "B")
