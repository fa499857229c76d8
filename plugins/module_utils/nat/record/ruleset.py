# SPDX-License-Identifier: GPL-3.0-or-later
"""Load the gateway's plan into the kernel, C(order82 nat apply), and record from when to when it was in force.

The ruleset replaces the one before in one transaction, so no packet meets half a plan. A translation of the plan before
may go on only where the new plan gives its ports to the same inside address; all others are ended, since an answer from
the new plan would name somebody else. Until they are, the old plan is in force too: its epoch ends after that.
"""

from __future__ import annotations

import json
import os
import time

from ... import journal, processes
from ..plan import plan_id
from . import nftables, record_text, settings

RULESET = "/etc/order82/nat.nft"
IN_FORCE = "/var/lib/order82-nat/in_force.json"
_SECONDS = 120
_MANY = 64  # ended one by one up to here; beyond, all translations of the public address


def apply(given, ruleset=RULESET, in_force=IN_FORCE):
    """Put the plan in force.

    :param settings.Settings given: of this gateway.
    :return: (str, int): the plan's id, and how many inside addresses or networks lost what they had.
    :raises OSError: the kernel takes the ruleset not, and the one before stays.
    """
    identity = plan_id(given.plan)
    held, _packets = nftables.begun(given.table)
    before = _read(in_force)
    began = _now()
    _run(["nft", "--file", ruleset])
    if held == identity:
        return identity, 0
    journal.write(record_text.PROGRAM, record_text.epoch(identity, "begin", began))
    gone = sorted(set(before["plan"]) - set(given.plan)) if held else []
    for argv in endings(gone):
        processes.run(argv, seconds=_SECONDS)  # 1: there was none
    if held:
        journal.write(record_text.PROGRAM, record_text.epoch(held, "end", _now()))
    _write(in_force, {"id": identity, "plan": list(given.plan)})
    return identity, len(gone)


def withdraw(given):
    """Take the ruleset out of the kernel, and with it the plan out of force."""
    held, _packets = nftables.begun(given.table)
    for family in ("ip", "ip6"):
        # Adding a table that is there does nothing; so this also works where only one family has it.
        _run(["nft", "add table %s %s; delete table %s %s" % (family, given.table, family, given.table)])
    if held:
        for argv in endings(given.plan):
            processes.run(argv, seconds=_SECONDS)
        journal.write(record_text.PROGRAM, record_text.epoch(held, "end", _now()))
    return held


def endings(entries):
    """The commands that end what these entries of a plan had translated.

    :param list entries: str, as docs/nat_records.md describes them.
    :return: list of argv.
    """
    by_public = {}
    found = []
    for kind, _pool, inside, public, *_ports in (entry.split(",") for entry in entries):
        if kind == "prefix":
            family = "ipv6" if ":" in inside else "ipv4"
            found.append(["conntrack", "--delete", "--family", family, "--orig-src", inside])
        else:
            by_public.setdefault(public, set()).add(inside)
    for public, insides in sorted(by_public.items()):
        argv = ["conntrack", "--delete", "--family", "ipv6" if ":" in public else "ipv4", "--reply-dst", public]
        found += [argv] if len(insides) > _MANY else [[*argv, "--orig-src", inside] for inside in sorted(insides)]
    return found


def _run(argv):
    done = processes.run(argv, seconds=_SECONDS)
    if done.returncode:
        raise OSError("%s: %s" % (" ".join(argv), done.stderr.decode("utf-8", "replace").strip()))


def _now():
    return int(time.time() * 1000)


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return {"id": None, "plan": []}


def _write(path, document):
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def command(arguments):
    """order82 nat apply"""
    identity, gone = apply(settings.load(arguments.settings))
    return {"plan": identity, "ended": gone}, "plan %s is in force" % identity, 0


def command_withdraw(arguments):
    """order82 nat withdraw"""
    held = withdraw(settings.load(arguments.settings))
    return {"plan": held}, "no plan is in force" if held else "no plan was in force", 0
