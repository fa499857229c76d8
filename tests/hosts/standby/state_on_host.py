# SPDX-License-Identifier: GPL-3.0-or-later
"""Sent to a lab host by test_host_state.py: lays down states of a measure of the test's own there.

It is killed before each thing that it does, and the state is laid down again. All is named order82probe*; clean()
leaves no trace of it.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import stat
import subprocess

import broken_off
from order82_baseline.state import laying, manifest

ETC, RUN, UNITS = "/etc/order82probe", "/run/order82probe", "/etc/systemd/system"
FOREIGN = "/run/systemd/system/order82probe.service.d/foreign.conf"
STRAY = ETC + "/d/stray"
NAMES = ("order82probe", "order82probe-daemon", "order82probe-job", "order82probe-gone", "order82probe-once")
PROPERTIES = "LoadState,ActiveState,UnitFileState,ExecStart,Environment,DropInPaths,NeedDaemonReload"


def lay(state, check=False):
    beforehand = {"packages": state["packages"], "debconf": [], "diversions": state["diversions"]}
    return laying.bring_about(json.loads(json.dumps(state)), beforehand, check)


def call(*argv):
    return subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode()


def clean():
    """Leave nothing of the test, whatever state it was in."""
    units = ["%s.service" % name for name in NAMES]
    call("systemctl", "disable", "--no-reload", "--now", *units)
    call("systemctl", "unmask", "--no-reload", *units)
    for pattern in (UNITS + "/order82probe*", UNITS + "/*.wants/order82probe*", "/run/systemd/system/order82probe*"):
        for path in glob.glob(pattern):
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    for path in glob.glob(manifest.SET_ASIDE + "/*/*order82probe*"):
        os.unlink(path)
    for folder in glob.glob(manifest.SET_ASIDE + "/*"):
        if not os.listdir(folder):
            os.rmdir(folder)
    for folder in (ETC, RUN):
        shutil.rmtree(folder, ignore_errors=True)
    if os.path.exists(manifest.place("order82probe")):
        os.unlink(manifest.place("order82probe"))
    call("systemctl", "daemon-reload")
    call("systemctl", "reset-failed", *units)


def mess():
    """What somebody else does: a drop-in that is in force, and a file where only the measure lays something."""
    os.makedirs(os.path.dirname(FOREIGN), exist_ok=True)
    with open(FOREIGN, "w") as file:
        file.write("[Service]\nEnvironment=DROP=theirs\n")
    with open(STRAY, "w") as file:
        file.write("stray\n")
    call("systemctl", "daemon-reload")
    call("systemctl", "restart", "order82probe.service")


def text(path):
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return None


def found():
    """What lies there, what systemd knows and does, what the services have read, and what the manifest says."""
    tree = {}
    for pattern in (
        ETC,
        UNITS + "/order82probe*",
        UNITS + "/*.wants/order82probe*",
        "/run/systemd/system/order82probe*",
    ):
        for start in glob.glob(pattern):
            for folder, _folders, files in [(start, [], [])] if not os.path.isdir(start) else os.walk(start):
                for path in [folder, *(os.path.join(folder, name) for name in files)]:
                    now = os.lstat(path)
                    content = text(path) if stat.S_ISREG(now.st_mode) else ""
                    tree[path] = [oct(now.st_mode), now.st_uid, now.st_gid, content]
    shown = call("systemctl", "show", "--property", PROPERTIES, *("%s.service" % name for name in NAMES))
    noted = text(manifest.place("order82probe"))
    return {
        "tree": tree,
        "units": {str(number): re.sub(r"start_time=.*", "", line) for number, line in enumerate(shown.splitlines())},
        "read": {name: text(os.path.join(RUN, name)) for name in ("read", "loaded", "once")},
        "manifest": json.loads(noted) if noted else None,
    }


def differences(now, wanted, where=""):
    """What is otherwise, down to the deepest mapping that both have: sentences."""
    if not isinstance(now, dict) or not isinstance(wanted, dict):
        return [] if now == wanted else ["%s: %s, and not %s" % (where, now, wanted)]
    keys = sorted({*now, *wanted})
    return [one for key in keys for one in differences(now.get(key), wanted.get(key), "%s %s" % (where, key))]


def crash_loop(steps, first, every):
    """Lay down one state after the other, each killed before its n-th effect and then laid down again.

    What happens to a file under the name by which it waits is left to the unit tests.

    :param steps: the states, the first of which finds a host that has nothing of the measure.
    :param int first: the least n.
    :param int every: from one n to the next.
    :return: the last effect before which each step was killed, and what was otherwise than without: sentences.
    """
    clean()
    wanted = []
    for number, step in enumerate(steps):
        if number:
            mess()
        done = lay(step)
        if "failed" in done:
            return {"killed": [], "wrong": ["without being killed: " + done["msg"]]}
        wanted.append(found())
    clean()
    wrong, killed, number, still = [], [0] * len(steps), first - every, len(steps)
    while still and not wrong:
        number += every
        for at, step in enumerate(steps[:still]):
            if at:
                mess()
            done, about_to = broken_off.run(lambda step=step: lay(step), number, broken_off.SEEN)
            if done is None:
                killed[at] = number
                again = lay(step)
                where = "step %d, killed before its effect %d (%s):" % (at, number, about_to[:200])
                if "failed" in again:
                    wrong.append("%s %s" % (where, again["msg"]))
                wrong += differences(found(), wanted[at], where)
        clean()
        while still and killed[still - 1] < number:  # the last of them came to its end
            still -= 1
    return {"killed": killed, "wrong": wrong}


def apply(steps, before=""):
    """Lay down states in a row, each in check mode, in earnest, and again both ways.

    :param str before: a shell command for what somebody else does before the last of them.
    :return: for each state the four answers, and what was found.
    """
    clean()
    said = []
    for number, step in enumerate(steps, start=1):
        if number == len(steps) and before:
            call("sh", "-c", before)
        untouched = found()
        tried = lay(step, check=True)
        if found() != untouched:
            raise AssertionError("check mode changed something")
        said.append([tried, lay(step), lay(step, check=True), lay(step), found()])
    return said
