# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the watch, each on what the kernel of this machine has."""

from __future__ import annotations

import fcntl
import os
import pwd
import signal
import stat
import struct
import subprocess
import sys
import time

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import maintenance
from ansible_collections.order82.baseline.plugins.module_utils.state import applying, programs
from ansible_collections.order82.baseline.plugins.module_utils.watch import (
    apart,
    asked,
    comparing,
    excuses,
    netfilter,
    obstacles,
    standstill,
    status,
)

# Programs that stand still


@pytest.fixture
def group(tmp_path):
    """A control group with one true process in it."""
    with subprocess.Popen(["sleep", "60"]) as process:
        (tmp_path / "cgroup.procs").write_text(f"1\n{process.pid}\n")
        yield tmp_path, process
        process.kill()


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_a_process_that_a_signal_stopped_is_found_and_goes_on(group):
    folder, process = group
    assert standstill.of(str(folder)) is None
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert standstill.of(str(folder)) == standstill.STOPPED
    assert standstill.let_go(str(folder)) == [f"had process {process.pid} go on"]
    assert standstill.of(str(folder)) is None
    assert state_of(process.pid) != "T"


def test_a_control_group_that_was_frozen_by_hand_is_found_and_thawed(group):
    folder, _process = group
    (folder / "cgroup.freeze").write_text("1\n")
    assert standstill.of(str(folder)) == standstill.FROZEN
    assert standstill.let_go(str(folder))
    assert (folder / "cgroup.freeze").read_text() == "0"


def test_a_name_with_a_bracket_is_no_state(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7/stat").write_text("7 (x) T 1) S 1 1 1")
    (tmp_path / "cgroup.procs").write_text("7\n8\n")
    assert standstill.of(str(tmp_path), str(tmp_path)) is None
    (tmp_path / "7/stat").write_text("7 (x) S 1) T 1 1 1")
    assert standstill.of(str(tmp_path), str(tmp_path)) == standstill.STOPPED


# Excuses


def test_another_process_at_work_with_packages_is_seen_and_not_disturbed(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    assert not excuses.is_locked(str(path))
    code = (
        f"import fcntl, time\nf = open({str(path)!r}, 'r+')\nfcntl.lockf(f, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        assert excuses.is_locked(str(path))
        with path.open("r+") as file, pytest.raises(BlockingIOError):
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process.kill()
        process.wait()
    assert not excuses.is_locked(str(path))
    assert not excuses.is_locked(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        ({}, None),
        ({"apply": True}, "apply"),
        ({"dpkg": True}, "dpkg"),
        ({"system": "starting"}, "boot"),
        ({"system": "stopping"}, "boot"),
        ({"system": "degraded"}, None),
        ({"work": maintenance.Work("ops", "disks", 0, 2000)}, "announced"),
        ({"work": maintenance.Work("ops", "disks", 0, 2000), "apply": True}, "announced"),
    ],
)
def test_what_counts_as_an_excuse(monkeypatch, facts, kind):
    monkeypatch.setattr(maintenance, "current", lambda _now: facts.get("work"))
    monkeypatch.setattr(applying, "under_way", lambda _now, _ours: facts.get("apply", False))
    monkeypatch.setattr(excuses, "is_locked", lambda _path: facts.get("dpkg", False))
    monkeypatch.setattr(excuses, "_system", lambda: facts.get("system", "running"))
    found = excuses.current(1000)
    assert (found.kind if found else None) == kind
    assert kind != "announced" or (found.until, found.words) == (2000, "announced by ops: disks")


# Who was at work


def test_who_was_at_work_is_named_in_one_line():
    told = [
        ("sudo", "     ops : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/systemctl stop chrony"),
        ("sudo", "     ops : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh -c one\ntwo" + "x" * 400),
        ("sudo", "pam_unix(sudo:session): session opened for user root"),
        ("audisp-syslog", 'type=SYSCALL msg=audit(1:2): syscall=1 key="order82-stop" ARCH=x AUID="li" UID="root"'),
    ]
    said = asked.words(told)
    assert said.startswith("at work before: ops (sudo: /usr/bin/systemctl stop chrony); ops (sudo: /bin/sh -c one two")
    assert said.endswith("li (audit)")
    assert "\n" not in said and len(said) < 400


def test_ansibles_own_words_are_one():
    told = [("sudo", f"ops : USER=root ; COMMAND=/bin/sh -c 'echo BECOME-SUCCESS-{one} ; python3'") for one in "abc"]
    assert asked.words(told) == "at work before: ops (sudo: Ansible)"


def test_where_nobody_knows_it_says_so():
    assert asked.words([]) == "neither sudo nor audit know who asked for it"


# What lies where a file should be


def entry(path):
    return {"path": str(path)}


@pytest.fixture
def folder(place):
    return place.etc


def test_what_is_no_file_is_set_aside_by_its_name_and_what_it_leads_to_stays(place, folder):
    elsewhere = folder / "elsewhere"
    elsewhere.write_text("somebody's")
    (folder / "link").symlink_to(elsewhere)
    (folder / "dir").mkdir()
    (folder / "dir/inside").write_text("evidence")
    os.mkfifo(folder / "pipe")
    (folder / "file").write_text("a file")
    (folder / "instead").write_text("no folder")
    state = {
        "files": [entry(folder / name) for name in ("link", "dir", "pipe", "file", "none")],
        "folders": [entry(folder / "instead")],
    }
    aside = place.kept / "set_aside/now"
    done = obstacles.clear(state, str(aside))
    assert len(done) == 4
    assert sorted(os.listdir(folder)) == ["elsewhere", "file"]
    assert elsewhere.read_text() == "somebody's"
    kept = {path.name.rpartition("__")[2]: path for path in aside.iterdir()}
    assert set(kept) == {"link", "dir", "instead"}
    assert kept["link"].is_symlink()
    assert (kept["dir"] / "inside").read_text() == "evidence"
    assert obstacles.clear(state, str(aside)) == []


def test_a_link_of_roots_to_a_folder_is_a_sites_own_choice(place, folder):
    (folder / "real").mkdir()
    (folder / "link").symlink_to("real")
    assert obstacles.clear({"files": [], "folders": [entry(folder / "link")]}, str(place.kept / "x")) == []


# Work in a process of its own


def test_what_is_worked_out_comes_back():
    assert apart.run(lambda: {"pid": os.getpid()}, 20, lambda: None)["pid"] != os.getpid()


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "ended with code -9"),
        (object, "TypeError"),
    ],
)
def test_what_breaks_is_a_sentence(work, said):
    with pytest.raises(apart.ApartError, match=said):
        apart.run(work, 20, lambda: None)


def test_what_hangs_is_ended_with_all_that_it_started(tmp_path):
    def work():
        with subprocess.Popen(["sleep", "600"]) as process:
            (tmp_path / "pid").write_text(str(process.pid))

    begun, alive = time.monotonic(), []
    with pytest.raises(apart.ApartError, match="did not end within 1 s"):
        apart.run(work, 1, lambda: alive.append(1))
    assert time.monotonic() - begun < 10
    assert alive
    with pytest.raises((ProcessLookupError, FileNotFoundError)):
        while state_of(int((tmp_path / "pid").read_text())) != "Z":
            time.sleep(0.01)
        raise ProcessLookupError


# Rules of the kernel


def message(kind, subsystem=10):
    return struct.pack("=IHHIIBBH", 20, subsystem << 8 | kind, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (message(8), True),
        (message(12) + message(2), True),
        (message(12) + message(14) + message(15), False),
        (message(8, 1), False),
        (b"", False),
        (struct.pack("=IH", 3, 0) + b"\0" * 20, True),
    ],
)
def test_rules_and_not_what_is_in_sets(data, expected):
    assert netfilter.changes_rules(data) is expected


# Programs of packages


def test_programs_of_packages_are_known_by_where_they_really_lie(tmp_path):
    (tmp_path / "chrony.list").write_text("/.\n/usr\n/usr/sbin\n/usr/sbin/chronyd\n/etc/chrony/chrony.conf\n")
    (tmp_path / "libx:amd64.list").write_text("/lib\n/lib/x\n/lib/x/y.so\n/usr/share/doc/x\n")
    found = programs.brought_by(["chrony", "libx", "none"], str(tmp_path))
    assert found == {"/usr/sbin/chronyd": "chrony", os.path.realpath("/lib") + "/x/y.so": "libx"}


# Accounts


def test_another_account_with_the_number_of_root_is_named(monkeypatch):
    true = pwd.getpwall()
    assert comparing.of_accounts() == []
    toor = pwd.struct_passwd(("toor", "x", 0, 0, "", "/root", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwall", lambda: [*true, toor])
    [found] = comparing.of_accounts()
    assert (found.role, found.entry, bool(found.because)) == ("accounts", "toor", True)


# What was put right


@pytest.mark.parametrize(
    ("done", "entry", "how"),
    [
        ("/etc/chrony/chrony.conf: content differs", "/etc/chrony/chrony.conf", "content differs"),
        ("a.service: set /run/a.service.d/x aside, to /var/y", "a.service", "is made of /run/a.service.d/x, too"),
        ("a.service: unmasked", "a.service", "is masked"),
        ("a.service: thawed", "a.service", "is frozen"),
        ("enabled a.timer", "a.timer", "does not start at boot"),
        ("started a.timer", "a.timer", "does not run"),
        ("account x can log in", "account x can log in", ""),
        ("sysctl net.ipv4.ip_forward is 0 and not 1", "sysctl net.ipv4.ip_forward is 0 and not 1", ""),
        ("restarted a.service", None, None),
        ("had systemd read its unit files again", None, None),
        ("removed /etc/x", None, None),
    ],
)
def test_what_was_done_tells_what_was_wrong(done, entry, how):
    found = comparing._as_found("probe", [done])
    assert [(one.entry, one.how) for one in found] == ([(entry, how)] if entry else [])


# What it says of itself


@pytest.fixture
def said(place, monkeypatch):
    monkeypatch.setattr(status, "FILE", str(place.base / "watch.json"))
    text = {
        "at": 1.0,
        "since": 0.0,
        "boot": "1",
        "roles": ["a"],
        "folders": 1,
        "units": 1,
        "unwatched": [],
        "ended": False,
    }
    return text | {"alarms": [[["a", "b"], "c", "d"]], "manifests": {"a": "1"}}


def test_what_it_says_is_read_again(said):
    assert status.read() is None
    status.write(said)
    assert status.read() == said
    assert stat.S_IMODE(os.stat(status.FILE).st_mode) == 0o644


@pytest.mark.parametrize(
    "change",
    [
        {"roles": None},
        {"alarms": ["x"]},
        {"alarms": [[["a", 1], "c", "d"]]},
        {"alarms": [["a", "b", "c"]]},
        {"at": "1"},
    ],
)
def test_another_form_is_nothing(said, change):
    status.write(said | change)
    assert status.read() is None


def test_what_another_account_wrote_is_nothing(said):
    status.write(said)
    os.chown(status.FILE, 65534, 0)
    assert status.read() is None
