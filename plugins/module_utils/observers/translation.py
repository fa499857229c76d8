# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: whether a gateway translates by its plan, and whether that is recorded."""

from __future__ import annotations

import json
import select
import time

from ..firewall import translations
from ..nat import times
from ..nat.plan import plan_id
from ..nat.record import conntrack, flow_entry, nftables, record_text
from ..records import sources
from ._registry import ObservationError, command

_MOST = 20  # differences that are named
_LOOK_SECONDS = 15
_TEXTS = 20


def see_translation(plan, table, plan_file, rules_file):
    with open(plan_file, encoding="utf-8") as file:
        entries = file.read().split()
    held, _packets = nftables.begun(table)
    differences = ["the plan's file is not the plan %s" % plan] if plan_id(entries) != plan else []
    if held is None:
        differences.append("no rules of the plan are loaded")
    else:
        owned = {entry.split(",", 1)[1] for entry in entries if entry.startswith(("block,", "overflow,"))}
        with open(rules_file, encoding="utf-8") as file:
            wanted = rules_by_chain(file.read())
        tables = [_listed(family, table) for family in sorted({family for family, _chain in wanted})]
        loaded = set().union(*map(loaded_blocks, tables))
        differences += ["not loaded: " + one for one in sorted(owned - loaded)]
        differences += ["loaded, not in the plan: " + one for one in sorted(loaded - owned)]
        differences += changed_chains(wanted, tables)
    return {
        "in_force": held or "",
        "differences": differences[:_MOST],
        "strangers": [one.text for one in translations.of_others(command)][:_MOST],
        "misplaced": misplaced(_open(entries), entries)[:_MOST],
    }


def _listed(family, table):
    return json.loads(command(["nft", "--json", "list", "table", family, table]))


def rules_by_chain(text):
    """How many rules each chain has in the file that the role wrote (nat.nft.j2): dict of family and chain to int."""
    found = {}
    family = chain = None
    for line in map(str.strip, text.splitlines()):
        words = line.split()
        if line.startswith("table ") and line.endswith("{"):
            family = words[1]
        elif line.startswith("chain "):
            chain = (family, words[1])
            found[chain] = 0
        elif line == "}":
            chain = None
        elif chain and line and not line.startswith(("#", "type ")):
            found[chain] += 1
    return found


def changed_chains(wanted, tables):
    """Where the kernel has other chains than the file, or more or fewer rules in them.

    :param dict wanted: what rules_by_chain() found.
    :param list tables: what C(nft --json list table) prints, for each family.
    :return: list of sentences.
    """
    found = {}
    for one in (one for document in tables for one in document["nftables"]):
        if "chain" in one:
            found.setdefault((one["chain"]["family"], one["chain"]["name"]), 0)
        elif "rule" in one:
            chain = (one["rule"]["family"], one["rule"]["chain"])
            found[chain] = found.get(chain, 0) + 1
    return [
        "rules of chain %s: %s in the kernel, %s in the file"
        % (chain[1], *(side.get(chain, "no chain") for side in (found, wanted)))
        for chain in sorted({*wanted, *found})
        if wanted.get(chain) != found.get(chain)
    ]


def loaded_blocks(document):
    """Who owns which ports by the rules in the kernel.

    :param dict document: what C(nft --json list table) prints.
    :return: set of str: pool, inside address, public address, first and last port, with commas.
    """
    found = set()
    for one in document["nftables"]:
        table = one.get("map")
        if not table or "." not in table["name"]:
            continue
        pool = table["name"].rpartition(".")[0]
        for inside, target in table.get("elem", ()):
            public, ports = target["concat"]
            first, last = ports["range"] if isinstance(ports, dict) else (ports, ports)
            found.add("%s,%s,%s,%d,%d" % (pool, inside, public, first, last))
    return found


def misplaced(flows, entries):
    """The translations that the plan gives to somebody else, or to nobody.

    :param flows: iterable of conntrack.Flow.
    :param list entries: of the plan.
    :return: list of str.
    """
    owners = {}
    shared = set()
    for kind, _pool, inside, public, *ports in (entry.split(",") for entry in entries):
        if kind == "shared":
            shared.add(public)
        elif kind in {"block", "overflow"}:
            owners.setdefault((inside, public), []).append((int(ports[0]), int(ports[1])))
    return [
        "%s port %d is %s port %d" % (flow.inside, flow.inside_port, flow.public, flow.public_port)
        for flow in flows
        if flow.public not in shared
        and not any(first <= flow.public_port <= last for first, last in owners.get((flow.inside, flow.public), ()))
    ]


def _open(entries):
    """Every translation that goes on now through a public address of the plan's blocks."""
    public = sorted({entry.split(",")[3] for entry in entries if entry.startswith(("block,", "overflow,"))})
    if not public:
        return []
    look = conntrack.Open(conntrack.Decoder(public))
    flows = []
    end = time.monotonic() + _LOOK_SECONDS
    while not look.done:
        if time.monotonic() > end:
            raise ObservationError("the kernel's connections can't be read within %d s" % _LOOK_SECONDS)
        select.select([look.fileno()], [], [], 1)
        flows += look.read()
    return flows


def see_translation_records():
    said = command(
        [
            "journalctl",
            "--quiet",
            "--no-pager",
            "--output=cat",
            "--reverse",
            "--lines=1",
            "--identifier=" + record_text.PROGRAM,
            "--grep=^beat ",
            *sources.journal_matches(record_text.PROGRAM),
        ],
        ok=(0, 1),
    ).strip()
    faults = conntrack.settings_faults()
    if not said:
        return {"beat_seconds": -1, "plan": "", "lost": 0, "unaccounted": 0, "faults": faults}
    _kind, pairs, _list = record_text.parse(said)
    begun, ended, still = (int(pairs[name]) for name in ("begun", "ended", "open"))
    return {
        "beat_seconds": int(time.time() - times.milliseconds(pairs["at"]) / 1000),
        "plan": pairs["plan"],
        "lost": int(pairs["lost"]),
        "unaccounted": max(0, begun - ended - still),
        "faults": faults,
    }


def see_destinations(basis, settings):
    with open(settings, encoding="utf-8") as file:
        is_set = bool(json.load(file)["log_destinations"])
    said = command(
        [
            *("journalctl", "--quiet", "--no-pager", "--output=cat", "--reverse", "--lines=%d" % _TEXTS),
            *("--identifier=" + record_text.PROGRAM, "--grep=^flows "),
            *sources.journal_matches(record_text.PROGRAM),
        ],
        ok=(0, 1),
    )
    recorded = with_destination(said.splitlines())
    undeclared = ["the recorder is told to write where translations went"] if is_set else []
    undeclared += ["%d of the last translations on record say where they went" % recorded] if recorded else []
    return {"basis": basis, "recorded": recorded, "undeclared": [] if basis.strip() else undeclared}


def with_destination(texts):
    """How many translations in these texts say where they went."""
    found = 0
    for text in texts:
        try:
            _kind, _pairs, entries = record_text.parse(text)
        except record_text.TextError:
            continue
        read = [flow_entry.read(entry.encode("utf-8", "replace")) for entry in entries]
        found += sum(1 for entry in read if entry is not None and entry.destination is not None)
    return found
