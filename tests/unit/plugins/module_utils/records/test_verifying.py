# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found in a store alone, without anybody's words: the way from seal to seal, and what is behind each."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import seals as observer
from ansible_collections.order82.baseline.plugins.module_utils.records import keys, manifest, store, verifying
from sealed_store import NOON, Collector, back

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chattr +a and +i need root")


@pytest.fixture
def collector(tmp_path, monkeypatch):
    """Three days, sealed; nothing of it is said to anybody."""
    one = Collector(tmp_path / "c1", monkeypatch, classes=("session",))
    for days in (3, 2, 1):
        one.tend(days)
        one.write(days)
    one.tend(0)
    yield one
    one.gone()


def test_a_day_of_the_middle_that_went_is_named(collector):
    collector.loosen()
    shutil.rmtree(collector.day(2))
    collector.tighten()
    assert collector.verify() == [
        f"session/{back(2)}/SHA256SUMS: the seal that {back(1)} names before it is not there, or is another one"
    ]


def test_two_days_that_follow_the_same_one(collector):
    collector.loosen()
    os.rename(collector.day(2), collector.folder / "away")
    collector.resign(1)
    os.rename(collector.folder / "away", collector.day(2))
    collector.tighten()
    assert collector.verify() == [f"session/{back(1)}/SHA256SUMS: it follows the same seal as {back(2)}"]


def test_a_seal_that_was_taken_away(collector):
    collector.loosen()
    (collector.day(1) / "SHA256SUMS.sig").unlink()
    collector.tighten()
    assert collector.verify() == [f"session/{back(1)}/SHA256SUMS.sig: the day is over and not sealed"]


def test_a_day_is_to_be_sealed_within_an_hour(collector):
    collector.loosen()
    (collector.day(1) / "SHA256SUMS.sig").unlink()
    midnight = NOON - 12 * 3600
    for seconds, number in ((3500, 0), (3700, 1)):
        found = verifying.verify(collector.settings, ["session"], now=midnight + seconds, attributes=False)
        assert len(found.faults) == number


def test_a_seal_of_another_collector(collector):
    collector.settings = collector.settings._replace(host="collector2")
    assert all("it is a seal of collector1" in sentence for sentence in collector.verify())
    assert len(collector.verify()) == 3


def test_a_signature_by_a_key_of_nobody(collector):
    collector.loosen()
    other = collector.folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    with open(collector.day(2) / "SHA256SUMS", "rb") as file:
        words = ["ssh-keygen", "-Y", "sign", "-q", "-n", keys.NAMESPACE, "-f", other]
        signature = subprocess.run(words, stdin=file, capture_output=True, check=True).stdout
    (collector.day(2) / "SHA256SUMS.sig").write_bytes(signature)
    collector.tighten()
    assert collector.verify() == [
        f"session/{back(2)}/SHA256SUMS.sig: it is no signature of this manifest by a key of the collector"
    ]


@pytest.mark.parametrize("name", ["", "web.log.zst", "collector1.log", "SHA256SUMS", "SHA256SUMS.sig"])
def test_what_could_be_changed(collector, name):
    store.set_flags(collector.day(2) / name, 0)
    place = "/".join(filter(None, ("session", back(2), name)))
    assert collector.verify() == [f"{place}: it is not immutable"]


def test_an_inspection_reads_the_newest_days_first(collector):
    collector.loosen()
    for days in (3, 1):
        (collector.day(days) / "web.log.zst").write_bytes(b"x" * 100)
    size = sum(path.stat().st_size for path in collector.day(1).glob("*.zst"))
    budget = verifying.Budget(size, 60)
    found = verifying.verify(collector.settings, ["session"], now=NOON, budget=budget, attributes=False)
    assert [str(fault) for fault in found.faults] == [f"session/{back(1)}/web.log.zst: it differs from SHA256SUMS"]
    assert found.bytes == size


def test_a_purged_seal_that_the_receivers_account_put_there_keeps_no_day_from_being_sealed(collector):
    collector.write(0)
    planted = collector.root / "session" / "purged" / f"{back(0)}.SHA256SUMS"
    planted.write_bytes((collector.day(1) / "SHA256SUMS").read_bytes())
    planted.with_name(planted.name + ".sig").write_bytes((collector.day(1) / "SHA256SUMS.sig").read_bytes())
    collector.tend(-1)
    assert (collector.day(0) / "SHA256SUMS.sig").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "\n",
        lambda text: text.replace("# first\n", "# first\n# note\n"),
        lambda text: text.replace(" 1 records", " 01 records"),
        lambda text: text.rstrip("\n"),
        lambda text: text + "0" * 64 + "  other.log\n",
        lambda text: "\n" + text,
    ],
)
def test_a_manifest_is_one_to_the_last_character(collector, change):
    text = (collector.day(3) / "SHA256SUMS").read_text()
    assert manifest.text(manifest.parse(text)) == text
    with pytest.raises(ValueError, match="no manifest"):
        manifest.parse(change(text))


def test_the_observer_counts_all_and_shows_the_first(collector, monkeypatch):
    monkeypatch.setattr(observer, "_SHOWN", 1)
    collector.loosen()
    for days in (3, 1):
        (collector.day(days) / "web.log.zst").unlink()
    seen = observer.seals(collector.settings, NOON)
    assert (seen["faults"], seen["faults_count"]) == ([f"session/{back(3)}/web.log.zst: it is missing"], 2)
    assert seen["sealed_days"] == 3
