# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository that restic made, and what somebody with the host's account put into it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
import real_repository as real
from ansible_collections.order82.baseline.plugins.module_utils.backup import guarding, repository

OTHER = 65534
"""The number of an account that is not root's: nobody."""


class Place:
    """C(web): the repository of a host; C(aside): where what is set aside of it goes."""

    def __init__(self, base: Path) -> None:
        self.folder, self.passwords = base / "backup", base / "passwords"
        self.web, self.aside = self.folder / "web", self.folder / ".set-aside/web"
        self.folder.mkdir()
        self.passwords.mkdir()
        (self.passwords / "web").write_bytes(real.PASSWORD + b"\n")
        real.make(self.web)
        self.guard = self.new()

    def new(self) -> guarding.Guard:
        return guarding.Guard(repository.Settings(str(self.folder), ("web",), 60, 15), str(self.passwords))

    def put(self, kind: str, content: bytes, when: int | None = None) -> Path:
        """What the server does with a file that somebody sends."""
        path = self.web / kind / real.named(content)
        path.write_bytes(content)
        if when is not None:
            os.utime(path, (when, when))
        return path

    def lies(self, kind: str) -> list[str]:
        return sorted(one.name for one in (self.web / kind).iterdir())


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(guarding, "LOCK", str(tmp_path / "lock"))
    return Place(tmp_path)


def test_a_repository_that_is_as_it_should_be_loses_nothing_and_raises_no_alarm(place, capsys):
    before = {kind: place.lies(kind) for kind in real.FOLDERS}
    place.guard.make_all()
    place.guard.sift_all()
    assert {kind: place.lies(kind) for kind in real.FOLDERS} == before
    assert not place.aside.exists()
    assert capsys.readouterr().err == ""


def test_of_many_keys_its_own_stays_and_nobody_adds_one(place, capsys):
    own = place.lies("keys")
    place.put("keys", real.KEY, when=1000)
    for number in range(25):
        place.put("keys", b"no key at all %d" % number, when=2000)
        place.put("keys", real.forged_key(real.PASSWORD, number), when=2000)
    # One that came first, as far as its time says.
    place.put("keys", real.forged_key(real.PASSWORD, 99), when=1)
    assert place.guard.make_all() == {}
    assert place.lies("keys") == own
    assert len(list(place.aside.iterdir())) == 51
    place.guard.sift_all()
    [alarm] = capsys.readouterr().err.splitlines()
    assert alarm.startswith(
        "<2>alarm: the repository of web: files that its key did not make were set aside (51 of keys)"
    )
    place.guard.sift_all()
    assert capsys.readouterr().err == "", "it is said once"
    assert place.new().make_all() == {}
    assert place.lies("keys") == own


def test_the_servers_user_can_add_no_key_and_no_folder_and_can_add_backups():
    if os.geteuid() != 0:
        pytest.skip("to be another user is root's")
    base = Path(tempfile.mkdtemp(prefix="order82-test-"))
    try:
        base.chmod(0o755)
        place = Place(base)
        guarding_lock, guarding.LOCK = guarding.LOCK, str(base / "lock")
        try:
            place.guard.make_all()
        finally:
            guarding.LOCK = guarding_lock
        subprocess.run(["chown", "-R", f"{OTHER}:{OTHER}", str(place.folder)], check=True)
        place.folder.chmod(0o700)

        def made(what: str, *words: str) -> bool:
            nobody = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", *words]
            return subprocess.run([*nobody, str(place.web / what)], capture_output=True, check=False).returncode == 0

        assert [made(f"{kind}/x", "touch") for kind in ("keys", "index", "snapshots", "locks")] == [
            False,
            True,
            True,
            True,
        ]
        assert not made("config", "sh", "-c", 'echo x >>"$0"')
        assert not made("another", "mkdir")
        assert not made("data/another", "mkdir")
    finally:
        shutil.rmtree(base)


@pytest.mark.parametrize("kind", guarding.SIFTED)
def test_what_its_key_did_not_make_is_set_aside(place, kind, capsys):
    place.guard.sift_all()
    before = place.lies(kind)
    placed = [place.put(kind, content) for content in (b"garbage", b"x" * 200, b"", real.KEY)]
    own = place.put(kind, real.CONFIG)  # anything that the key made
    place.guard.sift_all()
    assert place.lies(kind) == sorted([*before, own.name])
    assert sorted(one.name for one in place.aside.iterdir()) == sorted(f"{kind}-{one.name}" for one in placed)
    assert f"(4 of {kind})" in capsys.readouterr().err


def test_what_was_damaged_here_stays_where_it_is(place):
    [index] = place.lies("index")
    (place.web / "index" / index).write_bytes(real.INDEX[:-1] + b"x")
    place.guard.sift_all()
    assert place.lies("index") == [index]
    assert not place.aside.exists()


def test_of_a_flood_only_so_many_are_kept(place, monkeypatch):
    monkeypatch.setattr(guarding, "KEPT", 10)
    own = place.lies("index")
    for number in range(50):
        place.put("index", b"flood %d" % number)
    place.guard.sift_all()
    assert place.lies("index") == own
    assert len(list(place.aside.iterdir())) == 10


def test_one_too_large_to_be_an_index_is_not_even_read(place, monkeypatch):
    monkeypatch.setattr(guarding, "_MOST_BYTES", len(real.INDEX))
    large = place.put("index", real.INDEX + b"x" * 1000)
    place.guard.sift_all()
    assert not large.exists()


def test_a_repository_without_its_config_is_left_alone_and_it_is_said_once(place, capsys):
    (place.web / "config").unlink()
    [sentence] = place.guard.make_all().values()
    assert "config is gone: bring it back from your own copy of the repository" in sentence
    for _again in range(3):
        place.guard.sift_all()
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert place.lies("snapshots") == [real.named(real.SNAPSHOT)]


def test_where_no_key_opens_it_nothing_is_set_aside(place):
    (place.passwords / "web").write_bytes(b"another\n")
    place.put("keys", b"x")
    before = place.lies("keys")
    assert "none of its 2 keys opens it with the password that is here" in place.guard.make_all()["web"]
    assert place.lies("keys") == before
    (place.passwords / "web").write_bytes(real.PASSWORD)
    assert place.guard.make_all() == {}
    assert place.lies("keys") == [real.named(real.KEY)]


def test_another_repository_in_its_place_is_judged_by_its_own_key(place):
    """As from a copy: what was remembered of the one that was there says nothing of it."""
    place.guard.sift_all()
    copy = place.folder / "copy"
    shutil.copytree(place.web, copy)
    for path, mode in (("", 0o700), ("keys", 0o700), ("index", 0o700), ("snapshots", 0o700)):
        (copy / path).chmod(mode)
    shutil.rmtree(place.web)
    copy.rename(place.web)
    place.guard.sift_all()
    assert place.lies("index") == [real.named(real.INDEX)]
    assert stat.S_IMODE((place.web / "keys").stat().st_mode) == 0o500
