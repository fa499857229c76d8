# SPDX-License-Identifier: GPL-3.0-or-later
"""One of two hosts that stand by for each other.

C(keepalived) says which holds the addresses, C(conntrackd) tells each what connections the other has. What keepalived
decides is put on record, and where the pair shares connections, what is due then is done with the guard and with them
(conntrackd(8); the order of its steps is that of the example in Debian's package, primary-backup.sh).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time

from . import journal, processes, standby_guard

PATH = "/etc/order82/standby.json"
STATE = "/run/order82-standby.json"
RECORD = "order82-network-state"
STATES = ("active", "waiting", "fault", "stopped")
_SECONDS = 60
_LISTEN_SECONDS = 3
_RECEIVED = r"(\d+) Bytes recv"


class StandbyError(OSError):
    """What is asked for can't be had: one sentence."""


def load(path=PATH):
    """What the role standby wrote.

    :return: dict: C(pair), C(peer), C(addresses) (list of dict C(interface), C(address)), C(shares), and C(public)
        (list of addresses and networks to which is translated).
    :raises StandbyError: it is missing or broken.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise StandbyError("%s can't be read (%s): apply the role standby again" % (path, error)) from error


def become(settings, state, begun=None):
    """Do what is due when keepalived has decided, and put it on record.

    keepalived starts this for each decision and waits for none, and two that come soon after each other overtake each
    other. So one works at a time, and one that was started before another that has worked does nothing.

    :param list begun: of two, the one that was started later has the greater; when this process was if left out.
    :return: list of sentences about what failed.
    """
    begun = _begun() if begun is None else begun
    with open(STATE + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _last().get("begun", []) > begun:
            journal.write(RECORD, "standby %s" % json.dumps({"pair": settings["pair"], "overtaken": state}))
            return []
        failed = []
        for program, word in _steps(settings)[state] if settings["shares"] else ():
            done = processes.run([program, word], seconds=_SECONDS)
            if done.returncode:
                said = (done.stderr + done.stdout).decode("utf-8", "replace").strip()
                failed.append("'%s %s' failed: %s" % (program, word, said[:200]))
        with open(STATE + ".new", "w", encoding="utf-8") as file:
            json.dump({"state": state, "at": time.time(), "begun": begun}, file)
        os.replace(STATE + ".new", STATE)
        journal.write(RECORD, "standby %s" % json.dumps({"pair": settings["pair"], "state": state, "failed": failed}))
        return failed


def _begun():
    """When this process was started, in ticks since the boot (starttime in proc_pid_stat(5)), and its number."""
    with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
        return [int(file.read().rpartition(")")[2].split()[19]), os.getpid()]


def _last():
    """What was done last; nothing where that is not known."""
    try:
        with open(STATE, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def _steps(settings):
    """What is due, by state: programs, each with its word."""
    addresses = [one["address"].partition("/")[0] for one in settings["addresses"]] + settings["public"]
    shut = ("nft", standby_guard.text([one["interface"] for one in settings["addresses"]], addresses))
    lift = ("nft", standby_guard.LIFT)
    purge = ("conntrackd", "-t")  # what the kernel has ends soon, since the other goes on with it
    return {
        # What the other had goes into the kernel; then both caches are made anew from it, and the other is told all.
        "active": (("conntrackd", "-c"), lift, ("conntrackd", "-f"), ("conntrackd", "-R"), ("conntrackd", "-B")),
        "waiting": (shut, purge, ("conntrackd", "-n")),  # the other is asked for all
        "fault": (shut, purge),
        # Until all know that the other has the addresses, what still comes here goes on as before.
        "stopped": (lift, purge),
    }


def status(settings):
    """How this host stands.

    :return: dict: C(state), one of STATES or C(unknown); C(since), a POSIX time or None; C(holds), addresses of the
        pair that this host has; C(wrong), sentences.
    """
    now = {"state": "unknown", "at": None, **_last()}
    here = _addresses()
    wanted = [one["address"].partition("/")[0] for one in settings["addresses"]]
    holds = [address for address in wanted if address in here]
    wrong = []
    if now["state"] not in ("active", "waiting"):
        wrong.append("keepalived's state is %s: this host takes nothing over" % now["state"])
    if now["state"] == "active" and len(holds) != len(wanted):
        wrong.append("it is active, and has not %s" % ", ".join(sorted(set(wanted) - set(holds))))
    if now["state"] == "waiting" and holds:
        wrong.append("it waits, and has %s" % ", ".join(holds))
    if settings["shares"] and now["state"] in ("active", "waiting"):
        wrong += _misguarded(now["state"])
    return {"state": now["state"], "since": now["at"], "holds": holds, "wrong": wrong}


def _misguarded(state):
    """What is not so with the guard, as sentences."""
    shut = standby_guard.is_shut()
    if shut and state == "active":
        return ["it is active, and its guard forwards nothing: run 'order82 standby become active'"]
    if not shut and state == "waiting":
        return ["it waits without its guard, and would lose connections: run 'order82 standby become waiting'"]
    return []


def sharing(seconds=_LISTEN_SECONDS):
    """How the two tell each other what connections they have.

    :return: dict of int: C(internal) and C(external), how many of this host's and of the other's are known; C(heard),
        bytes from the other, for which C(seconds) are waited: it says each second that it is there.
    """
    end = time.monotonic() + seconds
    before = _number(_RECEIVED, _statistics())
    while True:
        now = _statistics()
        heard = _number(_RECEIVED, now) - before
        if heard > 0 or time.monotonic() > end:
            return {
                "internal": _number(r"cache internal:\s+current active connections:\s+(\d+)", now),
                "external": _number(r"cache external:\s+current active connections:\s+(\d+)", now),
                "heard": heard,
            }
        time.sleep(0.2)


def _statistics():
    done = processes.run(["conntrackd", "-s"], seconds=_SECONDS)
    if done.returncode:
        raise StandbyError("conntrackd does not answer: %s" % done.stderr.decode("utf-8", "replace").strip()[:200])
    return done.stdout.decode("utf-8", "replace")


def _number(pattern, text):
    found = re.search(pattern, text)
    if not found:
        raise StandbyError("conntrackd -s does not tell '%s': this version of it is not known" % pattern)
    return int(found[1])


def _addresses():
    done = processes.run(["ip", "-json", "address"])
    return {one["local"] for link in json.loads(done.stdout) for one in link.get("addr_info", ()) if "local" in one}


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    told = verbs.add_parser("become", help="do what is due then (keepalived calls it)")
    told.add_argument("state", choices=STATES)
    told.set_defaults(run=command_become)
    asked = verbs.add_parser("status", help="whether this host is active, and could take over / 主备状态")
    asked.set_defaults(run=command_status)
    return [told, asked]


def command_become(arguments):
    """order82 standby become"""
    failed = become(load(), arguments.state)
    return {"failed": failed}, "; ".join(failed) or arguments.state, 1 if failed else 0


def command_status(_arguments):
    """order82 standby status"""
    settings = load()
    found = status(settings)
    if settings["shares"]:
        found.update(sharing())
    text = "%s%s" % (found["state"], "".join("; " + one for one in found["wrong"]))
    return found, text, 1 if found["wrong"] else 0
