# SPDX-License-Identifier: GPL-3.0-or-later
"""What is given back, and what the scanner's self-test writes, goes nowhere else by the doing of another account."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.antivirus import commands, quarantine, trial
from ansible_collections.order82.baseline.plugins.module_utils.antivirus.quarantine import QuarantineError

OTHER = 65534
"""The number of an account that is not root's: nobody."""


class Place:
    """C(up): a folder of the other account's; C(elsewhere): one of root's; C(file): where an infected file lay."""

    def __init__(self, base: Path) -> None:
        self.base, self.up, self.elsewhere, self.held = base, base / "up", base / "elsewhere", base / "held"
        self.file = self.up / "d/evil.sh"
        for folder in (self.up, self.elsewhere, self.held, self.file.parent):
            folder.mkdir(0o755)
        for folder in (self.up, self.file.parent):
            os.chown(folder, OTHER, OTHER)

    def take(self) -> dict:
        """Have an infected file, and take it away; what is known of it."""
        self.file.write_bytes(b"evil")
        self.file.chmod(0o755)
        os.chown(self.file, OTHER, OTHER)
        os.setxattr(self.file, "user.origin", b"the Internet")
        with open(self.file, "rb") as file:
            about = {**quarantine.describe(file.fileno(), str(self.file)), "signature": "X"}
            return quarantine.get(quarantine.put(file.fileno(), about, str(self.held)), str(self.held))

    def swap(self) -> None:
        """The folder's account puts a symlink in its place."""
        self.file.parent.rename(self.up / "real")
        self.file.parent.symlink_to(self.elsewhere)
        os.lchown(self.file.parent, OTHER, OTHER)

    def refused(self, about: dict) -> str:
        """The sentence with which it is not given back; it stays in quarantine, and nothing is written anywhere."""
        with pytest.raises(QuarantineError) as early:
            quarantine.refuse(about)
        with pytest.raises(QuarantineError) as late:
            quarantine.restore(about, str(self.held))
        assert [one["id"] for one in quarantine.held(str(self.held))] == [about["id"]]
        assert list(self.elsewhere.iterdir()) == []
        assert not list(self.base.rglob(".order82-*"))
        assert str(early.value) == str(late.value)
        return str(late.value)


@pytest.fixture
def place():
    if os.geteuid() != 0:
        pytest.skip("owners of files are root's to give")
    base = Path(tempfile.mkdtemp(prefix="order82-test-", dir="/run"))
    base.chmod(0o755)
    yield Place(base)
    shutil.rmtree(base)


def test_it_comes_back_into_the_folder_of_its_account_as_it_was(place):
    about = place.take()
    assert not place.file.exists()
    quarantine.restore(about, str(place.held))
    found = place.file.stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode), place.file.read_bytes()) == (OTHER, 0o755, b"evil")
    assert os.getxattr(place.file, "user.origin") == b"the Internet"
    assert [one.name for one in place.file.parent.iterdir()] == ["evil.sh"]


def test_through_a_symlink_nothing_is_given_back(place):
    about = place.take()
    place.swap()
    assert "d is a symlink of nobody" in place.refused(about)


def test_into_a_folder_that_has_become_anothers_nothing_is_given_back(place):
    about = place.take()
    os.chown(place.file.parent, 1, 1)
    assert "to whom it did not belong then" in place.refused(about)


def test_into_a_folder_in_which_others_can_write_by_now_nothing_is_given_back(place):
    about = place.take()
    place.file.parent.chmod(0o777)
    assert "can be written by others than then" in place.refused(about)


@pytest.mark.parametrize("whose", [0, OTHER])
def test_what_an_earlier_version_put_there_goes_into_its_own_accounts_folders_only(place, whose):
    about = place.take()
    for name in ("folders", "attributes"):
        del about[name]
    if whose:
        quarantine.restore(about, str(place.held))
        assert place.file.read_bytes() == b"evil"
    else:
        place.file.parent.chmod(0o755)
        os.chown(place.file.parent, 1, 1)
        assert "to whom it did not belong then" in place.refused(about)


SWAP = """
import os, sys
here, away = sys.argv[1:]
os.chdir(here)
while True:
    for step in (lambda: os.rename("d", "real"), lambda: os.symlink(away, "d"), lambda: os.unlink("d"), lambda: os.rename("real", "d")):
        try:
            step()
        except OSError:
            pass
"""


def test_nobody_wins_a_race_against_a_return(place):
    nobody = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", sys.executable, "-c", SWAP]
    about, back = place.take(), 0
    with subprocess.Popen([*nobody, str(place.up), str(place.elsewhere)]) as swapping:
        try:
            for _again in range(400):
                kept = place.base / "kept"
                shutil.copytree(place.held / about["id"], kept)
                try:
                    quarantine.restore(about, str(place.held))
                    back += 1
                    kept.rename(place.held / about["id"])
                    for name in ("d", "real"):
                        (place.up / name / "evil.sh").unlink(missing_ok=True)
                except QuarantineError:
                    shutil.rmtree(kept)
                assert list(place.elsewhere.iterdir()) == []
        finally:
            swapping.send_signal(signal.SIGKILL)
    assert back, "it came back now and then"


def test_the_self_test_writes_through_no_symlink(place, monkeypatch):
    monkeypatch.setattr(trial, "SECONDS", 0)
    assert trial.tried([str(place.file.parent)])["unguarded"] == [str(place.file.parent)]

    def read(_name: str, _descriptor: int) -> bool:
        raise OSError(errno.EIO, "it was written")

    monkeypatch.setattr(trial, "_readable", read)
    assert trial.tried([str(place.file.parent)])["untried"] == [f"{place.file.parent}: it was written"]
    place.swap()
    assert trial.tried([str(place.file.parent)])["unguarded"] == [str(place.file.parent)]
    assert list(place.elsewhere.iterdir()) == []


def test_the_scanners_folder_leads_to_no_file_of_roots(place, monkeypatch):
    """It is the scanner's own account's: that puts a symlink where the list of what was given back is."""
    clamav = types.SimpleNamespace(pw_uid=OTHER, pw_gid=OTHER)
    monkeypatch.setattr(commands.pwd, "getpwnam", lambda name: clamav)
    monkeypatch.setattr(commands, "ALLOWED", str(place.up / "order82.sfp"))
    secret = place.elsewhere / "shadow"
    secret.write_bytes(b"root:secret\n")
    secret.chmod(0o600)
    (place.up / "order82.sfp").symlink_to(secret)
    with pytest.raises(QuarantineError, match=r"order82\.sfp is a symlink where a file should be"):
        commands._allow("hash:1:name\n")
    assert (secret.read_bytes(), secret.stat().st_uid, secret.stat().st_mode) == (b"root:secret\n", 0, 0o100600)
    (place.up / "order82.sfp").unlink()
    for line in ("one\n", "two\n"):
        commands._allow(line)
    allowed = (place.up / "order82.sfp").stat()
    assert ((place.up / "order82.sfp").read_text(), allowed.st_uid, oct(allowed.st_mode)) == (
        "one\ntwo\n",
        OTHER,
        "0o100644",
    )


def test_meta_says_whose_the_folders_were_and_the_record_does_not(place):
    about = place.take()
    [kept] = place.held.glob("*/meta.json")
    assert json.loads(kept.read_text())["folders"][str(place.up)] == [OTHER, OTHER, 0o755]
    assert about["folders"][str(place.base)] == [0, 0, 0o755]
