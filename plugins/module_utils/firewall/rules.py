# SPDX-License-Identifier: GPL-3.0-or-later
"""The ruleset in the kernel, and whether it is still the one that was confirmed."""

from __future__ import annotations

import json

from .. import processes

TABLE = "order82_firewall"
"""In the family inet. No other table is ever touched."""


class FirewallError(RuntimeError):
    """It could not be done: one sentence."""


def nft(*words):
    """Run nft and give back what it printed.

    :raises FirewallError: it is not installed, or refused.
    """
    try:
        done = processes.run(["nft", *words])
    except FileNotFoundError as error:
        raise FirewallError("'nft' is not installed") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise FirewallError("nft %s: %s" % (" ".join(words), said[0] if said else "it refused"))
    return done.stdout.decode("utf-8", "replace")


def load(path):
    """Put a file in force, in one transaction: it makes the table anew or changes nothing."""
    nft("--file", path)


def withdraw():
    """Take the table away, if it is there."""
    nft("add table inet %s; delete table inet %s" % (TABLE, TABLE))


def in_force():
    """The table as the kernel has it: a sorted list of JSON texts, one for each chain, set, counter and rule.

    What changes by itself is left out: handles, counts, and the addresses in sets that the rules fill.

    :return: list of str, empty where there is no table.
    :raises FirewallError: nft can't say.
    """
    tables = json.loads(nft("--json", "list", "tables", "inet"))["nftables"]
    if not any(entry.get("table", {}).get("name") == TABLE for entry in tables):
        return []
    listed = json.loads(nft("--json", "list", "table", "inet", TABLE))["nftables"]
    return [json.dumps(_plain(entry), sort_keys=True) for entry in listed if "metainfo" not in entry]


def differences(confirmed, found):
    """What is missing in the kernel and what is there besides, and whether the order of the rules is another.

    :param list confirmed: what in_force() said when the rules were confirmed.
    :param list found: what it says now.
    :return: list of short sentences.
    """
    said = ["missing: %s" % _brief(entry) for entry in confirmed if entry not in found]
    said += ["not ours: %s" % _brief(entry) for entry in found if entry not in confirmed]
    if not said and confirmed != found:
        said.append("the rules stand in another order")
    return said


def _plain(value):
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _plain(one) for key, one in value.items() if key != "handle"}
    counter = kept.get("counter")
    if isinstance(counter, dict):
        kept["counter"] = {key: one for key, one in counter.items() if key not in ("packets", "bytes")}
    filled = kept.get("set")
    if isinstance(filled, dict):
        # What the rules themselves put there goes by itself. (Not by the flag: nftables 1.0.6 does not show "dynamic".)
        lasting = [one for one in filled.pop("elem", []) if "expires" not in json.dumps(one)]
        filled.update({"elem": lasting} if lasting else {})
    return kept


def _brief(entry):
    return entry if len(entry) <= 200 else entry[:197] + "..."
