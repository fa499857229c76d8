# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: whether nobody reaches a collector's receiver but the front that knows by its certificate who sends."""

from __future__ import annotations

import os
import time

from ._registry import command

_PROC = "/proc"
_LISTENS = "0A"
_PASSING = 3  # seconds; an inspection itself, this one or another, has a program look around there (shares.py)


def see_origin(receiver, front):
    pids = [
        int(command(["systemctl", "show", "--property=MainPID", "--value", "--", unit])) for unit in (receiver, front)
    ]
    return stays(lambda: seen(_PROC, *pids, units=(receiver, front)))


def stays(look, seconds=_PASSING):
    """What is seen, without those of C(others) who have gone a moment later.

    :param look: function that gives the facts.
    :param float seconds: for so long at most; who is still there then has come to stay.
    """
    facts = look()
    end, others = time.monotonic() + seconds, facts["others"]
    while others and time.monotonic() < end:
        time.sleep(0.1)
        now = look()["others"]
        others = [one for one in others if one in now]
    return {**facts, "others": others}


def seen(proc, receiver, front, units):
    """The facts, by what the kernel says.

    :param str proc: where it says so.
    :param int receiver: its process, 0 where it does not run.
    :param int front: the front's.
    :param units: of both: processes of these may be where the receiver is.
    """
    here, there = _network(proc, "self"), _network(proc, receiver)
    apart = there not in ("", here)
    return {
        "apart": apart,
        "together": apart and _network(proc, front) == there,
        "others": _others(proc, there, units) if apart else [],
        "open": _listening(proc, receiver) if there else [],
    }


def _network(proc, pid):
    """The network namespace of a process, empty where it is gone."""
    try:
        return os.readlink("%s/%s/ns/net" % (proc, pid)) if pid else ""
    except FileNotFoundError:
        return ""


def _others(proc, network, units):
    found = []
    for pid in sorted((name for name in os.listdir(proc) if name.isdigit()), key=int):
        try:
            if os.readlink("%s/%s/ns/net" % (proc, pid)) != network:
                continue
            with open("%s/%s/cgroup" % (proc, pid), encoding="ascii", errors="replace") as file:
                unit = file.read().strip().rpartition("/")[2]
            if unit not in units:
                with open("%s/%s/comm" % (proc, pid), encoding="utf-8", errors="replace") as file:
                    found.append("%s (%s, process %s)" % (file.read().strip(), unit or "no unit", pid))
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
    return found


def _listening(proc, receiver):
    """The ports at which the receiver's user listens where everybody is."""
    user = str(os.stat("%s/%d" % (proc, receiver)).st_uid)
    ports = set()
    for name in ("tcp", "tcp6"):
        try:
            with open("%s/self/net/%s" % (proc, name), encoding="ascii") as file:
                rows = [line.split() for line in file.readlines()[1:]]
        except FileNotFoundError:  # a kernel without IPv6
            continue
        ports |= {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTENS and row[7] == user}
    return sorted(ports)
