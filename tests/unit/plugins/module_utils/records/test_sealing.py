# SPDX-License-Identifier: GPL-3.0-or-later
"""A day that is over is sealed once, whole, and by anybody's tools."""

from __future__ import annotations

import os
import subprocess

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import (
    chain,
    keys,
    line,
    packing,
    store,
    tending,
)
from sealed_store import DAY, NOON, Collector, back

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chattr +a and +i need root")


@pytest.fixture
def collector(tmp_path, monkeypatch):
    one = Collector(tmp_path / "c1", monkeypatch, classes=("session",))
    yield one
    one.gone()


def by_hand(folder, collector="collector1"):
    """An inspector's two commands."""
    signers = "../../allowed_signers"
    words = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", collector, "-n", "order82-seal", "-s", "SHA256SUMS.sig"]
    sums = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
    with open(folder / "SHA256SUMS", "rb") as file:
        signed = subprocess.run(words, cwd=folder, stdin=file, capture_output=True, text=True)
    return sums.returncode, signed.returncode


def test_a_day_is_compressed_listed_signed_and_immutable(collector):
    collector.tend(2)
    collector.write(2, "one\ntwo\n")
    report = collector.tend(1)
    folder = collector.day(2)
    names = sorted(os.listdir(folder))
    assert names == ["SHA256SUMS", "SHA256SUMS.sig", "collector1.log", "collector2.log", "web.log.zst"]
    assert all(store.flags(folder / name) == store.IMMUTABLE for name in names)
    assert store.flags(folder) == store.IMMUTABLE
    assert {oct(os.stat(folder / name).st_mode & 0o777) for name in names} == {"0o440"}
    assert list(line.read(str(folder / "web.log"))) == ["one", "two"]
    assert by_hand(folder) == (0, 0)
    seal = chain.seals(str(collector.root), "session")[0]
    words = f"sealed session {back(2)} {seal.digest} before first files 3 records 2 bytes 8"
    assert words in report.done
    collector.tend(0)
    assert collector.verify() == []


def test_each_seal_names_the_one_before_it(collector):
    for days in range(4, 0, -1):
        collector.tend(days)
        collector.write(days)
    collector.tend(0)
    seals = collector.seals()
    assert [str(seal.day) for seal in seals] == [back(4), back(3), back(2), back(1)]
    assert [seal.before for seal in seals] == [chain.FIRST, *(seal.digest for seal in seals[:-1])]
    first = (collector.day(1) / "SHA256SUMS").read_text().splitlines()[0]
    assert first == f"# before {back(2)} {seals[2].digest}"


def test_a_day_that_was_late_is_in_the_chain_too(collector):
    collector.tend(1)
    collector.write(1)
    collector.tend(0)
    collector.loosen()
    collector.write(3)
    collector.tend(0)
    collector.tighten()
    assert [seal.before == chain.FIRST for seal in collector.seals()] == [False, True]
    assert by_hand(collector.day(3)) == (0, 0)
    assert collector.verify() == []


def close_as_before(collector, days):
    """What the version before the seals did."""
    folder = collector.day(days)
    for path in folder.iterdir():
        store.set_flags(path, 0)
        path.chmod(0o440)
        store.set_flags(path, store.IMMUTABLE)
    store.set_flags(folder, 0)
    done = subprocess.run("sha256sum *.log", shell=True, cwd=folder, capture_output=True, check=True)
    (folder / "SHA256SUMS").write_bytes(done.stdout)
    (folder / "SHA256SUMS").chmod(0o440)
    store.set_flags(folder / "SHA256SUMS", store.IMMUTABLE)
    store.set_flags(folder, store.IMMUTABLE)


def test_a_day_that_was_closed_before_seals_is_sealed_as_it_is(collector):
    collector.tend(2)
    collector.write(2)
    close_as_before(collector, 2)
    before = (collector.day(2) / "SHA256SUMS").read_text()
    assert collector.tend(0).alarms == []
    text = (collector.day(2) / "SHA256SUMS").read_text()
    assert "# closed before seals\n" in text
    assert text.endswith(before)
    assert (collector.day(2) / "web.log").read_text() == "one\n"
    assert by_hand(collector.day(2)) == (0, 0)
    assert collector.verify() == []


def test_what_was_forged_before_there_were_seals_is_not_made_true_by_one(collector):
    collector.tend(2)
    collector.write(2)
    close_as_before(collector, 2)
    collector.loosen()
    collector.write(2, "forged\n")
    for path in (*collector.day(2).iterdir(), collector.day(2)):
        store.set_flags(path, store.IMMUTABLE)
    assert any("web.log is not what it was" in one for one in collector.tend(0).alarms)
    assert collector.verify() == [f"session/{back(2)}/web.log: it differs from SHA256SUMS"]


def test_a_sealed_day_that_lost_its_attributes_is_not_signed_anew(collector):
    collector.tend(2)
    collector.write(2)
    collector.tend(1)
    before = (collector.day(2) / "SHA256SUMS").read_bytes()
    store.set_flags(collector.day(2), 0)
    packed = collector.day(2) / "web.log.zst"
    store.set_flags(packed, 0)
    packed.write_bytes(packed.read_bytes() + b"x")
    report = collector.tend(0)
    assert f"made the sealed day session/{back(2)} immutable again" in report.done
    assert (collector.day(2) / "SHA256SUMS").read_bytes() == before
    assert collector.verify() == [f"session/{back(2)}/web.log.zst: it differs from SHA256SUMS"]


@pytest.mark.parametrize("name", ["web.log.zst", "web.log.zst.new", "SHA256SUMS", "SHA256SUMS.sig", "ghost.log.zst"])
@pytest.mark.parametrize("kind", ["file", "symlink", "pipe", "a manifest"])
def test_what_the_receivers_account_puts_there_stands_in_no_ones_way(collector, name, kind):
    collector.tend(2)
    collector.write(2)
    path = collector.day(2) / name
    outside = collector.folder / "outside"
    outside.write_text("root's\n")
    if kind == "symlink":
        path.symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("0" * 64 + "  web.log\n" if kind == "a manifest" else "x")
        os.chown(path, 65534, 65534)
    assert collector.tend(0).alarms == []
    assert outside.read_text() == "root's\n"
    assert list(line.read(str(collector.day(2) / "web.log"))) == ["one"]
    assert by_hand(collector.day(2)) == (0, 0)
    extra = [] if name != "ghost.log.zst" else [f"session/{back(2)}/{name}"]
    assert [one.partition(":")[0] for one in collector.verify()][:1] == extra


def test_a_large_day_holds_up_nothing_else(collector, monkeypatch):
    monkeypatch.setattr(packing.zst, "FRAME_BYTES", 1000)
    monkeypatch.setattr(tending, "EVERY_SECONDS", 0)
    looked = []
    monkeypatch.setattr(tending, "watch_disk", lambda *_: looked.append(1))
    tending._each(collector.settings, NOON - 2 * DAY, tending.Report(), tending.open_days)
    collector.write(2, "line\n" * 1000)
    collector.tend(0)
    assert len(looked) > 5


def test_a_new_key_signs_from_now_on_and_what_the_old_one_signed_stays_true(collector):
    collector.tend(3)
    collector.write(3)
    collector.tend(2)
    old = keys.public(collector.root)
    keys.command(None)
    assert collector.said[-1] == "seals with " + keys.public(collector.root)[-1]
    assert keys.public(collector.root)[:-1] == old
    collector.write(2)
    report = collector.tend(1)
    collector.tend(0)
    assert by_hand(collector.day(3)) == by_hand(collector.day(2)) == (0, 0)
    assert collector.verify() == []
    assert sum(text.startswith("seals with ") for text in report.holds) == 2
    assert os.stat(os.path.join(keys.FOLDER, "key")).st_mode & 0o777 == 0o600
    assert os.listdir(keys.FOLDER) == ["key"]
    assert store.flags(collector.root / "allowed_signers") == store.IMMUTABLE


def test_who_does_not_know_its_name_seals_nothing_yet(collector):
    collector.settings = collector.settings._replace(host="")
    collector.tend(2)
    collector.write(2)
    assert collector.tend(0).alarms == []
    assert not (collector.day(2) / "SHA256SUMS.sig").exists()


@pytest.mark.parametrize(
    "change", [lambda text: text + b"\n", lambda text: text.replace(b"\n", b"\r\n"), lambda text: text[:-1]]
)
def test_ssh_keygen_reads_other_bytes_for_the_same_signature_and_verify_does_not(collector, change):
    collector.tend(1)
    collector.write(1)
    collector.tend(0)
    collector.loosen()
    path = collector.day(1) / "SHA256SUMS.sig"
    path.write_bytes(change(path.read_bytes()))
    collector.tighten()
    assert collector.verify() == [
        f"session/{back(1)}/SHA256SUMS.sig: it is no signature of this manifest by a key of the collector"
    ]
