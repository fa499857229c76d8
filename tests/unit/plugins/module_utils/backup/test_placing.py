# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets that are put back on this machine's own file system, into folders that another account controls."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.backup import kinds, manifest
from ansible_collections.order82.baseline.plugins.module_utils.backup.drilling import Scratch
from ansible_collections.order82.baseline.plugins.module_utils.backup.placing import Placing
from ansible_collections.order82.baseline.plugins.module_utils.backup.settings import Set

OTHER = 65534
"""The number of an account that is not root's: nobody."""
TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "chardev",
}


def seen(*folders: Path) -> dict[str, tuple]:
    """All that lies in folders, with all that comes back with it."""
    found = {}
    for path in [one for folder in folders for one in folder.rglob("*")]:
        now = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(now.st_mode) else b""
        content = os.readlink(path).encode() if path.is_symlink() else content
        extended = {
            key: os.getxattr(path, key, follow_symlinks=False) for key in os.listxattr(path, follow_symlinks=False)
        }
        names = 0 if path.is_dir() else now.st_nlink
        found[str(path)] = (
            oct(now.st_mode), now.st_uid, now.st_gid, now.st_rdev, now.st_mtime_ns, content, extended, names
        )  # fmt: skip
    return found


class Site:
    """C(www): what is backed up, in folders of root's; C(elsewhere): a folder of root's that is none of it."""

    def __init__(self, base: Path, scratch: Path) -> None:
        self.base, self.scratch = base, scratch
        self.www, self.elsewhere, self.aside = base / "www", base / "elsewhere", base / "aside"
        self.www.mkdir(0o755)
        self.elsewhere.mkdir(0o755)
        self.one = Set("web", "files", (str(self.www),))
        self.manifest, self.modes = {}, {}
        self.kept = scratch / "kept"
        self.kept.mkdir()

    def theirs(self, path: str, content: bytes | None = None, mode: int = 0o755) -> Path:
        """Make a file of the other account, or a folder where it has no content."""
        made = self.www / path
        if content is None:
            made.mkdir()
        else:
            made.write_bytes(content)
        os.chown(made, OTHER, OTHER)
        made.chmod(mode)
        return made

    def back_up(self, top: Path | None = None, one: Set | None = None) -> None:
        """Remember all of it, as a repository does."""
        self.one = one or self.one
        top = top or self.www
        nodes, self.modes = [], {}
        for path in [*reversed([one for one in top.parents if one != Path("/")]), top, *sorted(top.rglob("*"))]:
            now = path.lstat()
            self.modes[str(path)] = stat.S_IMODE(now.st_mode)
            kind = TYPES[stat.S_IFMT(now.st_mode)]
            nodes.append({"path": str(path), "type": kind, "uid": now.st_uid, "gid": now.st_gid, "size": now.st_size,
                          "mtime": manifest.written(now.st_mtime_ns)})  # fmt: skip
        self.manifest = {"kind": self.one.kind, "files": manifest.of_files(nodes)}
        subprocess.run(["cp", "-a", "--parents", str(top).lstrip("/"), str(self.kept)], cwd="/", check=True)

    def put_back(self, act: bool = True) -> dict:
        """Restore, from a copy of what is remembered."""
        placing = Placing(self.one, self.manifest, self.modes, self.restored() if act else None, str(self.aside))
        done = placing.run()
        shutil.rmtree(self.scratch / "tree", ignore_errors=True)
        return done

    def restored(self) -> Scratch:
        tree = self.scratch / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.kept), str(tree)], check=True)
        tree.chmod(0o700)
        return Scratch(str(tree), str(self.scratch / "copy"))


@pytest.fixture(params=["/run", "/dev/shm"], ids=["the same file system", "another file system"])
def site(request):
    """A place in a file system that only root can write, and where a repository's copy is put before."""
    if os.geteuid() != 0:
        pytest.skip("owners of files are root's to give")
    base = Path(tempfile.mkdtemp(prefix="order82-test-", dir="/run"))
    base.chmod(0o755)
    scratch = Path(tempfile.mkdtemp(prefix="order82-test-", dir=request.param))
    yield Site(base, scratch)
    shutil.rmtree(base)
    shutil.rmtree(scratch)


def nothing(**but) -> dict:
    return {"new": [], "replaced": [], "stays": [], "mended": [], "refused": [], **but}


def test_everything_comes_back_as_it_was(site):
    site.theirs("up")
    site.theirs("up/d", mode=0o2770)
    run = site.theirs("up/d/run", b"#!/bin/sh\n", mode=0o4755)
    os.link(run, site.www / "up/d/same")
    (site.www / "up/link").symlink_to("d/run")
    os.lchown(site.www / "up/link", OTHER, OTHER)
    os.mkfifo(site.www / "pipe", 0o620)
    os.mknod(site.www / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    # setcap cap_net_bind_service=ep, as the kernel has it (linux/capability.h, revision 2): a new owner would lose it.
    os.setxattr(site.theirs("bind", b"x"), "security.capability", bytes.fromhex("0100000200040000" + "00" * 12))
    for path in site.www.rglob("*"):
        os.utime(path, ns=(1, 1_700_000_000_000_000_003), follow_symlinks=False)
    before = seen(site.www)
    site.back_up()
    shutil.rmtree(site.www / "up")
    for name in ("pipe", "null", "bind"):
        (site.www / name).unlink()
    expected = sorted(str(site.www / one) for one in ("up/d/run", "up/d/same", "up/link", "pipe", "null", "bind"))
    for act in (False, True):
        done = site.put_back(act)
        assert {**done, "new": sorted(done["new"])} == nothing(new=expected)
    assert seen(site.www) == before
    assert site.put_back() == nothing(), "a second time there is nothing to do"
    assert seen(site.www) == before


def test_what_differs_is_set_aside_and_an_owner_or_a_mode_differs_too(site):
    site.theirs("up")
    site.theirs("up/a", b"was", mode=0o640)
    site.theirs("up/b", b"same")
    site.theirs("up/c", b"same")
    site.back_up()
    before = seen(site.www / "up")
    (site.www / "up/a").write_bytes(b"defaced")
    (site.www / "up/b").chmod(0o4777)
    os.chown(site.www / "up/c", 0, 0)
    expected = nothing(replaced=[str(site.www / "up" / one) for one in "abc"])
    assert site.put_back(act=False) == expected
    assert (site.www / "up/a").read_bytes() == b"defaced"
    assert site.put_back() == expected
    assert seen(site.www / "up") == before
    assert Path(f"{site.aside}{site.www}/up/a").read_bytes() == b"defaced"
    assert not site.aside.stat().st_mode & 0o077


def test_a_symlink_in_the_place_of_a_folder_is_set_aside_and_not_followed(site):
    site.theirs("up")
    site.theirs("up/d")
    site.theirs("up/d/evil.sh", b"id >/tmp/root\n")
    site.back_up()
    shutil.rmtree(site.www / "up/d")
    (site.www / "up/d").symlink_to(site.elsewhere)
    os.lchown(site.www / "up/d", OTHER, OTHER)
    expected = nothing(new=[str(site.www / "up/d/evil.sh")], replaced=[str(site.www / "up/d")])
    assert site.put_back(act=False) == expected
    assert site.put_back() == expected
    assert list(site.elsewhere.iterdir()) == []
    assert (site.www / "up/d").lstat().st_mode == stat.S_IFDIR | 0o755
    assert (site.www / "up/d/evil.sh").read_bytes() == b"id >/tmp/root\n"
    assert os.readlink(f"{site.aside}{site.www}/up/d") == str(site.elsewhere)


def test_a_folder_that_has_become_somebody_elses_is_set_aside(site):
    """The other account owns the folder above: it may have moved root's away and put its own there."""
    site.theirs("up")
    (site.www / "up/d").mkdir()
    (site.www / "up/d/tool").write_bytes(b"root's")
    site.back_up()
    shutil.rmtree(site.www / "up/d")
    site.theirs("up/d")
    site.theirs("up/d/theirs", b"theirs")
    done = site.put_back()
    assert done == nothing(new=[str(site.www / "up/d/tool")], replaced=[str(site.www / "up/d")])
    assert (site.www / "up/d").stat().st_uid == 0
    assert [one.name for one in (site.www / "up/d").iterdir()] == ["tool"]
    assert Path(f"{site.aside}{site.www}/up/d/theirs").read_bytes() == b"theirs"


def test_a_folder_in_which_others_can_write_by_now_gets_the_rights_that_it_had(site):
    site.theirs("up")
    site.theirs("up/a", b"a")
    site.back_up()
    (site.www / "up/a").unlink()
    (site.www / "up").chmod(0o777)
    expected = nothing(new=[str(site.www / "up/a")], mended=[str(site.www / "up")])
    assert site.put_back(act=False) == expected
    assert site.put_back() == expected
    assert (site.www / "up").stat().st_mode == stat.S_IFDIR | 0o755


def test_above_the_set_nothing_is_set_aside_and_what_cant_be_put_back_is_kept(site):
    site.theirs("home")
    site.theirs("home/set")
    site.theirs("home/set/a", b"a")
    site.back_up(top=site.www / "home/set", one=Set("home", "files", (str(site.www / "home/set"),)))
    shutil.rmtree(site.www / "home")
    (site.www / "home").symlink_to(site.elsewhere)
    os.lchown(site.www / "home", OTHER, OTHER)
    [said] = site.put_back(act=False)["refused"][:1]
    assert "home is a symlink of nobody" in said
    done = site.put_back()
    assert len(done["refused"]) == 2, done
    assert all("home is a symlink of nobody" in one for one in done["refused"])
    assert "; 1 are in " in done["refused"][1]
    assert list(site.elsewhere.iterdir()) == []
    assert (site.www / "home").is_symlink()
    assert Path(f"{site.aside}-not-put-back{site.www}/home/set/a").read_bytes() == b"a"


def test_a_symlink_of_roots_in_a_folder_of_roots_is_a_way(site):
    site.theirs("up")
    site.theirs("up/a", b"a")
    site.back_up()
    (site.www / "up/a").unlink()
    (site.www / "up").rename(site.base / "moved")
    (site.www / "up").symlink_to(site.base / "moved")
    assert site.put_back() == nothing(new=[str(site.www / "up/a")])
    assert (site.base / "moved/a").read_bytes() == b"a"


def test_folders_above_a_set_that_are_gone_come_back_as_they_were(site):
    site.theirs("home", mode=0o700)
    site.theirs("home/set")
    site.theirs("home/set/a", b"a")
    site.back_up(top=site.www / "home/set", one=Set("home", "files", (str(site.www / "home/set"),)))
    before = seen(site.www / "home/set")
    shutil.rmtree(site.www / "home")
    assert site.put_back() == nothing(new=[str(site.www / "home/set/a")])
    home = (site.www / "home").stat()
    assert (home.st_uid, home.st_mode) == (OTHER, stat.S_IFDIR | 0o700)
    assert seen(site.www / "home/set") == before


def test_a_record_is_never_replaced(site):
    (site.www / "a.log").write_bytes(b"one\n")
    (site.www / "b.log").write_bytes(b"one\n")
    site.back_up(one=Set("records", "records", (str(site.www),)))
    (site.www / "a.log").write_bytes(b"one\ntwo\n")
    (site.www / "b.log").unlink()
    done = site.put_back()
    assert done == nothing(new=[str(site.www / "b.log")], stays=[str(site.www / "a.log")])
    assert (site.www / "a.log").read_bytes() == b"one\ntwo\n"


def test_a_manifest_that_leads_out_of_the_set_leads_nowhere(site):
    (site.www / "a").write_bytes(b"a")
    site.back_up()
    forged = {"path": f"{site.www}/../elsewhere/x", "type": "file", "owner": 0, "group": 0, "size": 1, "sha256": ""}
    site.manifest["files"].append(forged)
    done = site.put_back()
    assert done == nothing(refused=[f"'{forged['path']}' in the manifest is no path: nothing was done with it"])
    assert list(site.elsewhere.iterdir()) == []


def test_the_copy_of_a_database_goes_through_no_symlink_either(site):
    site.theirs("app")
    site.theirs("app/app.db", b"rows")
    one = Set("app", "sqlite", (f"{site.www}/app/app.db",))
    staged = kinds.staging(one) + str(site.www / "app/app.db")
    site.manifest = {"kind": "sqlite", "files": [
        {"path": staged, "type": "file", "owner": OTHER, "group": OTHER, "size": 4, "sha256": "not this"}
    ]}  # fmt: skip
    site.one = one
    kept = site.kept / staged.lstrip("/")
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"was!")
    assert site.put_back() == nothing(replaced=[f"{site.www}/app/app.db"])
    assert (site.www / "app/app.db").read_bytes() == b"was!"
    (site.www / "app").rename(site.www / "app.real")
    (site.www / "app").symlink_to(site.elsewhere)
    os.lchown(site.www / "app", OTHER, OTHER)
    [said] = site.put_back()["refused"]
    assert "is a symlink of nobody" in said
    assert list(site.elsewhere.iterdir()) == []


def test_a_name_that_is_no_text_comes_back_and_two_that_look_alike_are_said(site):
    site.theirs("up")
    site.theirs("up/plain", b"plain")
    site.back_up()
    bad = site.theirs(os.fsdecode(b"up/a\xffb"), b"one")
    subprocess.run(["cp", "-a", str(bad), str(site.kept / str(bad).lstrip("/"))], check=True)
    # As restic lists it, whose list is JSON; and nobody could open it by that name to take its hash.
    listed = {
        "path": f"{site.www}/up/a\ufffdb",
        "type": "file",
        "owner": OTHER,
        "group": OTHER,
        "size": 3,
        "sha256": None,
    }
    site.manifest["files"].append(listed)
    before = seen(site.www / "up")
    bad.unlink()
    assert site.put_back() == nothing(new=[str(bad)])
    assert seen(site.www / "up") == before
    assert site.put_back() == nothing()
    # Another one that looks alike, and in the list it is root's: nobody can tell whose is which.
    other = site.theirs(os.fsdecode(b"up/a\xfeb"), b"two", mode=0o4755)
    subprocess.run(["cp", "-a", str(other), str(site.kept / str(other).lstrip("/"))], check=True)
    site.manifest["files"].append({**listed, "owner": 0, "group": 0})
    for path in (bad, other, site.www / "up/plain"):
        path.unlink()
    done = site.put_back()
    assert done["new"] == [str(site.www / "up/plain")]
    [said] = done["refused"]
    assert "names there are no UTF-8 and look alike" in said
    assert [one.name for one in (site.www / "up").iterdir()] == ["plain"]


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


def test_nobody_wins_a_race_against_a_restore(site):
    """The folder's account swaps it for a symlink all the while; what is put back is whole whenever somebody looks."""
    site.theirs("up")
    site.theirs("up/d")
    whole = os.urandom(300_000)
    for number in range(20):
        site.theirs(f"up/d/{number}", whole)
    site.back_up()
    torn, over = [], threading.Event()

    def read() -> None:
        while not over.is_set():
            try:
                content = (site.www / "up/d/7").read_bytes()
            except OSError:
                continue
            if content != whole:
                torn.append(len(content))

    reader = threading.Thread(target=read)
    nobody = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", sys.executable, "-c", SWAP]
    with subprocess.Popen([*nobody, str(site.www / "up"), str(site.elsewhere)]) as swapping:
        try:
            reader.start()
            for _again in range(15):
                shutil.rmtree(site.www / "up/real", ignore_errors=True)
                site.put_back()
                assert list(site.elsewhere.iterdir()) == []
                shutil.rmtree(site.www / "up/d", ignore_errors=True)
        finally:
            over.set()
            swapping.send_signal(signal.SIGKILL)
    reader.join()
    assert torn == []
    shutil.rmtree(site.www / "up/real", ignore_errors=True)
    assert site.put_back()["refused"] == []
    assert {(site.www / f"up/d/{number}").read_bytes() for number in range(20)} == {whole}
    assert not list(site.www.rglob(".order82-*")), "nothing half-written is left"
