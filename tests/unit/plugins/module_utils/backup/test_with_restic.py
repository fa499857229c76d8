# SPDX-License-Identifier: GPL-3.0-or-later
"""What restic itself does with odd files, from a backup to a drill and a restore."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
import real_repository as real
from ansible_collections.order82.baseline.plugins.module_utils.backup import (
    drilling,
    finding,
    kinds,
    manifest,
    restic,
    restoring,
    running,
)
from ansible_collections.order82.baseline.plugins.module_utils.backup.commands import Wish
from ansible_collections.order82.baseline.plugins.module_utils.backup.settings import Set, Settings

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("restic"), reason="owners and mounts are root's, and it takes restic itself"
)
OTHER = 65534
CAPABILITY = bytes.fromhex("0100000200040000" + "00" * 12)
"""setcap cap_net_bind_service=ep, as the kernel has it (linux/capability.h, revision 2)."""
GBK = os.fsdecode("合同".encode("gbk"))


class Host:
    """A host with the set C(web) and one repository in a folder. C(said): what came of each set, newest last."""

    def __init__(self, base: Path) -> None:
        self.base, self.www = base, base / "www"
        self.www.mkdir()
        real.make(base / "north")
        for number in range(256):
            (base / f"north/data/{number:02x}").mkdir()
        address, password, ca = base / "north.repository", base / "password", base / "ca.crt"
        address.write_text(str(base / "north"))
        password.write_bytes(real.PASSWORD)
        for path in (address, password):
            path.chmod(0o600)
        words = (
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=north -keyout /dev/null -out"
        )
        subprocess.run(["openssl", *words.split(), ca], check=True, capture_output=True)
        self.sets("web", self.www)
        self.settings = Settings(
            "web", {}, {"north": str(address)}, {"north": "a"}, str(password), str(ca), str(base / "scratch")
        )
        [self.place] = restic.repositories(self.settings).values()

    def sets(self, *names_and_paths) -> None:
        name, *paths = names_and_paths
        self.one = Set(name, "files", tuple(map(str, paths)))

    def back_up(self, **how) -> dict:
        [result] = running.run(self.settings, [self.one], **how)
        running.remember("run", [result])
        return result

    def drill(self) -> dict:
        return drilling._try(self.settings, self.place, self.one)

    def restore(self) -> dict:
        return restoring.restore(self.settings, self.one, Wish())


@pytest.fixture
def host(monkeypatch):
    base = Path(tempfile.mkdtemp(prefix="order82-test-", dir="/run"))
    base.chmod(0o755)
    written = []
    for module, name, path in (
        (running, "FAILED", "failed-%s.json"),
        (running, "MADE", "made.json"),
        (running, "SIZES", "sizes.json"),
        (running, "HASHES", "hashes/%s.json"),
        (running, "MANIFESTS", "manifests"),
        (kinds, "STAGING", "staging"),
        (restoring, "ASIDE", "aside"),
        (restic, "CACHE", "cache"),
    ):
        monkeypatch.setattr(module, name, str(base / path))
    monkeypatch.setattr(running.journal, "write", lambda program, text: written.append((program, text)))
    yield Host(base)
    shutil.rmtree(base)


def looks(path: Path) -> tuple:
    now = path.lstat()
    extended = {key: os.getxattr(path, key, follow_symlinks=False) for key in os.listxattr(path, follow_symlinks=False)}
    return oct(now.st_mode), now.st_uid, now.st_gid, now.st_mtime_ns, extended


def odd_files(www: Path) -> list[Path]:
    """Modes, times, owners and attributes that a backup claims to keep."""
    for name, mode, owner in (("none", 0, 54321), ("suid", 0o4755, OTHER), ("sgid", 0o2755, OTHER), ("able", 0o755, 0)):
        (www / name).write_text(name)
        os.chown(www / name, owner, owner)
        (www / name).chmod(mode)
    os.setxattr(www / "able", "security.capability", CAPABILITY)
    (www / "box").mkdir()
    (www / "box").chmod(0o1770)
    os.setxattr(www / "box", "user.note", b"\x00\xff")
    (www / "link").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(www / "socket"))
    for name, nanoseconds in (("none", -123_456_789_012_345_678), ("suid", 7_258_118_400_000_000_001), ("box", 1)):
        os.utime(www / name, ns=(nanoseconds, nanoseconds))
    return [www / name for name in ("none", "suid", "sgid", "able", "box", "link")]


def test_odd_modes_times_owners_and_attributes_come_back_and_are_compared(host):
    odd = odd_files(host.www)
    before = [looks(path) for path in odd]
    assert "error" not in host.back_up()
    assert host.drill()["wrong"] == []
    for path in odd:
        shutil.rmtree(path) if stat.S_ISDIR(path.lstat().st_mode) else path.unlink()
    assert host.restore()["refused"] == []
    assert [looks(path) for path in odd] == before


def test_bytes_of_a_name_are_kept_whatever_they_mean(host):
    # The second is what a name looks like that the first one's is taken for; the last has a line feed.
    names = [GBK, GBK.replace("\udcba", "\udcbb"), "\ufffd\ufffd\ufffd\ufffd", f"{GBK}\nx"]
    for name in names:
        (host.www / name).write_text(ascii(name))
    (host.www / f"d{GBK}").mkdir(mode=0o750)
    (host.www / f"d{GBK}" / "plain").write_text("x")
    (host.www / f"d{GBK}" / GBK).symlink_to(GBK)
    assert "error" not in host.back_up()
    drill = host.drill()
    assert (drill["wrong"], drill["compared"]) == ([], 5), drill
    before = {path: looks(path) for path in host.www.rglob("*")}
    for path in host.www.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = host.restore()
    assert done["refused"] == []
    assert {path: looks(path) for path in host.www.rglob("*")} == before
    assert (host.www / names[1]).read_text() == ascii(names[1])
    assert host.restore()["new"] == []


def test_a_name_that_is_no_text_is_shown_escaped(host):
    (host.www / GBK).write_text("x")
    host.back_up()
    [entry] = [
        one for one in json.loads(Path(running.MANIFESTS, "web.json").read_text())["files"] if one["type"] == "file"
    ]
    wrong, _compared = manifest.differences([entry], str(host.base / "elsewhere"))
    # Its last two bytes are a character of UTF-8.
    assert wrong == [f"{host.www}/\\xba\\xcf\u036c was not restored"]


@contextlib.contextmanager
def unreadable(path: Path):
    """A file of which not even root gets a byte: the memory of a process has none at its beginning (EIO)."""
    path.write_text("")
    subprocess.run(["mount", "--bind", f"/proc/{os.getpid()}/mem", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def test_a_file_that_cant_be_read_is_named_and_the_others_are_kept(host):
    (host.www / "page").write_text("a page")
    with unreadable(host.www / "bad"):
        result = host.back_up()
    said = f"1 could not be read and are missing in it: {host.www}/bad (read {host.www}/bad: input/output error)"
    # restic up to 0.16 gives the number of the error, and later ones a text.
    assert result["error"] in (said, said.replace(f"read {host.www}/bad: input", "Input"))
    assert [one["error"] for one in running.failures("run")] == [result["error"]]
    assert host.drill()["compared"] == 1
    assert "error" not in host.back_up()
    assert running.failures("run") == []


def test_a_symlink_is_no_backup_of_what_it_leads_to(host):
    release = host.base / "releases/42"
    release.mkdir(parents=True)
    (release / "page").write_text("a page")
    current = host.base / "current"
    current.symlink_to(release)
    host.sets("web", current)
    assert host.back_up()["error"] == (
        f"the set web names {current}, which only leads to {release}: name that too, or a folder that has both"
    )
    host.sets("web", current, release.parent)
    assert "error" not in host.back_up()
    assert host.drill()["compared"] == 1


def test_a_volume_that_is_not_mounted_is_seen(host):
    for number in range(50):
        (host.www / str(number)).write_text("a page")
    assert "doubt" not in host.back_up()
    for number in range(50):
        (host.www / str(number)).unlink()
    doubt = host.back_up()["doubt"]
    assert doubt == (
        "the set web had 50 files, and has 0; if that is right, say so: order82 backup run --smaller-is-right web"
    )
    assert [one["doubt"] for one in running.failures("run")] == [doubt]
    assert host.restore()["doubt"] == doubt


def test_a_set_without_a_file_is_no_set(host):
    assert host.back_up()["doubt"].startswith("the set web has no file at all; if that is right")
    assert host.drill()["wrong"][0].startswith("the set web has no file at all")


def test_an_earlier_backup_of_nothing_proves_nothing(host, monkeypatch):
    host.back_up(smaller_is_right=True)
    earlier = finding.manifest
    monkeypatch.setattr(
        finding, "manifest", lambda *asked: {key: one for key, one in earlier(*asked).items() if key != "doubt"}
    )
    assert host.drill()["wrong"] == ["it has no file at all: nothing was compared"]
