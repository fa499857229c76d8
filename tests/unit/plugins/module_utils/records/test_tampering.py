# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is done to sealed days, C(verify) tells of it, here or, where the key was stolen, on the other collector.

A store of several days is made once and copied for each attempt, which does one or several things to it at random.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import comparing, store
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from sealed_store import NOON, Collector, back, free

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chattr +a and +i need root")

QUICK = settings.get_current_profile_name() == "quick"
ATTEMPTS, WITH_THE_KEY = (70, 30) if QUICK else (700, 300)
DAYS = 4
CLASSES = ("session", "measure_state")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Two collectors, with days that are sealed and words that crossed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = tmp_path_factory.mktemp("both")
        found = [Collector(folder / name, monkeypatch, name, CLASSES) for name in ("collector1", "collector2")]
        for days in range(DAYS, -1, -1):
            for one in found:
                one.here()
                one.tend(days, tuple(found))
                if days:
                    one.write(days, "".join(f"login {number} of day {days}\n" for number in range(20)))
                    one.write(days, f"another host, day {days}\n", "collector2")
            for one in found:  # what follows the seals of this day
                one.here()
                one.tend(days, tuple(found), 60)
        yield found
        for one in found:
            one.gone()


def test_before_anything_is_done_nothing_is_told(both):
    one, two = both
    assert one.verify() == two.verify() == []
    assert two.accuses("collector1") == one.accuses("collector2") == []


def test_nor_after_a_copy_to_which_nothing_is_done(victim):
    one = victim()
    one.loosen()
    one.tighten()
    assert one.verify() == []


@pytest.fixture
def victim(both, tmp_path):
    """A function that gives collector1 a new copy of what it had."""
    one = both[0]
    root, saved = one.root, tmp_path / "saved"
    subprocess.run(["cp", "-a", root, saved], check=True)

    def again():
        free(root)
        shutil.rmtree(root)
        subprocess.run(["cp", "-a", saved, root], check=True)
        return one

    yield again
    again()
    one.tighten()


def flip(data, path):
    content = bytearray(path.read_bytes())
    if not content:
        content = bytearray(b"x")
    else:
        content[data.randint(0, len(content) - 1)] ^= 1 << data.randint(0, 7)
    path.write_bytes(content)


def drop_line(data, path):
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[data.randint(0, max(len(lines) - 1, 0))]
    path.write_bytes(b"".join(lines))


def repack(data, path):
    """Other records, well compressed."""
    text = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=False).stdout  # or what is left of them
    text = text[: len(text) // 2] if data.random() < 0.5 else text + b"forged\n"
    path.write_bytes(subprocess.run(["zstd", "-qc"], input=text, capture_output=True, check=True).stdout)


def on_a_file(change, pattern="*"):
    def act(data, one):
        folder = day(data, one)
        files = sorted(path for path in folder.glob(pattern) if not path.is_symlink() and path.stat().st_size)
        if files:
            change(data, data.choice(files))

    return act


def day(data, one):
    folders = sorted(one.root / name / back(days) for name in CLASSES for days in range(1, DAYS + 1))
    return data.choice([folder for folder in folders if folder.is_dir()] or folders)


def delete_day(data, one):
    shutil.rmtree(day(data, one), ignore_errors=True)


def add_file(data, one):
    folder = day(data, one)
    if folder.is_dir():
        (folder / data.choice(["ghost.log", "ghost.log.zst", ".x", "web.log", "SHA256SUMS.new"])).write_text("x")


def swap_days(data, one):
    first, second = day(data, one), day(data, one)
    if first != second and first.is_dir() and second.is_dir():
        first.rename(first.with_name("x"))
        second.rename(first)
        first.with_name("x").rename(second)
    else:
        shutil.rmtree(first, ignore_errors=True)


def cut_tail(data, one):
    name, number = data.choice(CLASSES), data.randint(1, DAYS)
    for days in range(1, number + 1):
        shutil.rmtree(one.root / name / back(days), ignore_errors=True)


def cut_front(data, one):
    name, number = data.choice(CLASSES), data.randint(1, DAYS)
    for days in range(number, DAYS + 1):
        shutil.rmtree(one.root / name / back(days), ignore_errors=True)


def sign_a_day_with_another_key(data, one):
    folder = day(data, one)
    key = one.folder / "other"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    if (folder / "SHA256SUMS").is_file():
        signed = ["ssh-keygen", "-Y", "sign", "-q", "-n", "order82-seal", "-f", key]
        with open(folder / "SHA256SUMS", "rb") as file:
            (folder / "SHA256SUMS.sig").write_bytes(
                subprocess.run(signed, stdin=file, capture_output=True, check=True).stdout
            )
    else:
        shutil.rmtree(folder, ignore_errors=True)


def loosen_one(data, one):
    """No content is changed, but it could be."""
    folder = day(data, one)
    if folder.is_dir():
        path = data.choice([folder, *sorted(folder.iterdir())])
        one.loose = path


ACTS = {
    "a bit of a file": on_a_file(flip),
    "a line of a manifest": on_a_file(drop_line, "SHA256SUMS"),
    "a line of a signature": on_a_file(drop_line, "SHA256SUMS.sig"),
    "a record": on_a_file(repack, "*.zst"),
    "a file deleted": on_a_file(lambda _data, path: path.unlink()),
    "a file emptied": on_a_file(lambda _data, path: path.write_bytes(b"")),
    "a file replaced by a symlink": on_a_file(lambda _data, path: (path.unlink(), path.symlink_to("elsewhere"))),
    "a day deleted": delete_day,
    "a file added": add_file,
    "two days swapped": swap_days,
    "the tail cut off": cut_tail,
    "the front cut off": cut_front,
    "another key": sign_a_day_with_another_key,
    "an attribute": loosen_one,
}


def lies_there(one):
    """Names and contents of a store."""
    return {
        path: os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in one.root.rglob("*")
    }


def attempts(number):
    return lambda test: settings(
        max_examples=number,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )(given(st.integers(0, 2**32))(test))


@attempts(ATTEMPTS)
def _verify_misses_none(again, seed):
    data, one = random.Random(seed), again()
    one.loosen()
    one.loose = None
    before = lies_there(one)
    acts = data.sample(sorted(ACTS), data.randint(1, 3))
    for act in acts:
        ACTS[act](data, one)
    assume(one.loose or lies_there(one) != before)  # one act may undo another
    one.tighten()
    if one.loose and one.loose.exists() and not one.loose.is_symlink():
        store.set_flags(one.loose, 0)
    told = one.verify()
    assert told, acts
    assert all("/" in sentence for sentence in told)


def test_verify_misses_none(victim):
    _verify_misses_none(victim)


def rewrite(data, one, days, name):
    """Change a day, and make seals with the collector's own key from there on to the last.

    :return: str: what was done.
    """
    one.loosen()
    folder = one.day(days, name)
    packed = sorted(folder.glob("*.zst"))
    act = data.choice(["another record", "half the records", "a file less", "a file more", "a day less"])
    if act == "a day less":
        shutil.rmtree(folder)
    elif act == "a file more":
        (folder / "ghost.log").write_text("x")
    elif act == "a file less":
        data.choice(packed).unlink()
    else:
        path = data.choice(packed)
        text = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout
        text = text[: len(text) // 2] if act == "half the records" else text + b"forged\n"
        path.write_bytes(subprocess.run(["zstd", "-qc"], input=text, capture_output=True, check=True).stdout)
    one.resign(days, name)
    return act


@attempts(WITH_THE_KEY)
def _the_other_one_misses_none(again, both, seed):
    data, one, two = random.Random(seed), again(), both[1]
    one.tighten()
    days, name = data.randint(1, DAYS), data.choice(CLASSES)
    act = rewrite(data, one, days, name)
    one.forget()
    word = two.root / "measure_state" / back(0) / "collector1.log"
    before = word.read_bytes()
    for text in one.tend(0, (), 3600).holds:
        two.file(NOON + 3600, "collector1", text)
    told = two.accuses("collector1")
    store.set_flags(word, 0)
    word.write_bytes(before)
    assert told, act
    assert told[0].startswith(f"{name}/{back(days)}/"), (act, told)


def test_who_has_the_key_and_makes_all_seals_anew_is_told_of_by_the_other(victim, both):
    _the_other_one_misses_none(victim, both)


def test_a_copy_of_a_rewritten_chain_is_no_match_for_what_was_said(victim, both):
    one, two = victim(), both[1]
    free(one.root)
    two.here()
    collector, found = comparing.copied(two.settings, str(one.root), NOON)
    assert (collector, found.faults, found.days) == ("collector1", [], 2 * DAYS)
    packed = one.day(3) / "web.log.zst"
    packed.write_bytes(subprocess.run(["zstd", "-qc"], input=b"forged\n", capture_output=True, check=True).stdout)
    one.resign(3)
    two.here()
    word = two.root / "measure_state" / back(0) / "collector1.log"
    before = word.read_bytes()
    for said_anew in (False, True):
        if said_anew:
            for seal in one.seals():
                two.file(NOON, "collector1", f"seals session 1/1 {seal.day} {seal.digest}")
            two.here()
        faults = comparing.copied(two.settings, str(one.root), NOON)[1].faults
        assert str(faults[0]).startswith(f"session/{back(3)}/SHA256SUMS: its seal"), said_anew
    store.set_flags(word, 0)
    word.write_bytes(before)
