# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that stand still though systemd calls their unit active: stopped by a signal, or frozen by hand.

C(kill -STOP) and a 1 in C(cgroup.freeze) are nothing that systemd tells of. The processes of a unit are those of its
control group (cgroups(7)); C(T) in C(/proc/PID/stat) is one that a signal stopped, and not one at which a debugger is.
"""

from __future__ import annotations

import contextlib
import os
import signal

_ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")
STOPPED = "is stopped by a signal"
FROZEN = "is frozen by its control group"


def place(group):
    """The folder of a control group, or None where it has none now.

    :param str group: as systemd names it (C(ControlGroup)).
    """
    if not group:
        return None
    return next((one + group for one in _ROOTS if os.path.exists(one + group + "/cgroup.procs")), None)


def of(folder, processes="/proc"):
    """How the programs of a control group stand still: one of the two sentences, or None."""
    if _read(folder + "/cgroup.freeze").strip() == "1":
        return FROZEN
    for pid in _pids(folder):
        if _state(pid, processes) == "T":
            return STOPPED
    return None


def let_go(folder, processes="/proc"):
    """Have them go on.

    :return: sentences on what was done.
    """
    done = []
    if _read(folder + "/cgroup.freeze").strip() == "1":
        with open(folder + "/cgroup.freeze", "w", encoding="ascii") as file:
            file.write("0")
        done.append("thawed the control group %s" % folder)
    for pid in _pids(folder):
        if _state(pid, processes) == "T":
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGCONT)
                done.append("had process %s go on" % pid)
    return done


def _pids(folder):
    return _read(folder + "/cgroup.procs").split()


def _state(pid, processes):
    return _read("%s/%s/stat" % (processes, pid)).rpartition(")")[2].lstrip()[:1]


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
