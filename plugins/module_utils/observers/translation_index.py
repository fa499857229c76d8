# SPDX-License-Identifier: GPL-3.0-or-later
"""How the observers of the index of NAT records look."""

from __future__ import annotations

import datetime
import ipaddress
import os
import time

from ..nat import times
from ..nat.answer import history, request
from ..nat.answer.tracer import Tracer
from ..nat.index import catalogue, duckdb_engine, location, record_files
from ..nat.record import flow_entry
from ..records import line as record_line
from ..records import reading, sources
from ..records import settings as record_settings
from ..records import store as record_store

_MOST = 20
_TAIL_BYTES, _LOOK_BYTES = 4 << 20, 64 << 20  # of one day's file, and of all
_SOON_SECONDS = 1800  # a day that was built since then may still be on its way


def nat_index(index):
    """The index, and its answer to a question."""
    index = index or location.INDEX
    store = record_settings.load().store
    days = catalogue.load(index)
    known = {day.name for day in days}
    with_records = [
        str(day)
        for day in record_store.days(store, catalogue.RECORD_CLASS)
        if any(
            reading.size(name) for name in record_store.files(record_store.folder(store, catalogue.RECORD_CLASS, day))
        )
    ]
    built = [os.path.getmtime(os.path.join(index, day.name + ".json")) for day in days]
    return {
        "missing_days": [day for day in with_records if day not in known],
        "built_seconds": int(time.time() - max(built)) if built else -1,
        "damaged_lines": sum(day.document["bad_total"] for day in days),
        **_example(store, index, days),
    }


def _example(store, index, days):
    """Ask for a port of a plan that was in force at the time of the last text: its owner must be among the answers."""
    at = _last_text(days)
    if at is None:
        return {"asked": "", "right": True}
    with Tracer(store, index) as tracer:
        row = tracer.example(at)
        if row is None:
            return {"asked": "", "right": True}
        question = request.request(row.public, port=row.first, protocol="tcp", time=times.iso(at))
        insides = {one["inside_address"] for one in tracer.ask([question])[0]["candidates"]}
    return {"asked": "%s port %d at %s" % (row.public, row.first, times.iso(at)), "right": row.inside in insides}


def nat_history(index, explained):
    """How much of the past is missing, and whether what was recorded is found."""
    index = index or location.INDEX
    settings = record_settings.load()
    given = history.explanations(explained)
    facts = {"gap_seconds": 0, "gaps": [], "explained": [], "restart_seconds": 0, "asked": [], "unanswered": []}
    days = catalogue.load(index)
    if not days:
        return facts
    with Tracer(settings.store, index) as tracer:
        until = int(time.time() * 1000)
        since = until - settings.retention_days * times.DAY
        found = history.missing(
            tracer.completeness.sums(since, until), days[-1].gateways_by_inventory, since, until, given
        )
        facts["gap_seconds"] = -(-found.missing // 1000)
        facts["gaps"] = [history.sentence(gap) for gap in found.gaps[:_MOST]]
        facts["explained"] = [history.sentence(gap) for gap in found.explained[:_MOST]]
        facts["restart_seconds"] = -(-found.restarts // 1000)
        at = _last_text(days)
        flows = {} if at is None else _recorded(settings.store, days, tracer.shared(at))
        answers = tracer.ask([_question(entry) for entry in flows.values()]) if flows else []
        facts["asked"] = sorted("%s of %s" % (pool, gateway) for gateway, pool in flows)
        facts["unanswered"] = [
            "%s of %s: %s port %d at %s is not %s port %d"
            % (pool, gateway, *_at(entry), entry.inside, entry.inside_port)
            for ((gateway, pool), entry), answer in zip(flows.items(), answers)
            if (entry.inside, entry.inside_port)
            not in {(one["inside_address"], one["inside_port"]) for one in answer["candidates"]}
        ]
    return facts


def _last_text(days):
    """When the last text was written; None where none is known. The next day is there before it begins, and empty."""
    return max((day.texts[1] for day in days if day.texts), default=None)


def _at(entry):
    return entry.public, entry.public_port, times.iso(entry.begin)


def _question(entry):
    public, port, at = _at(entry)
    return request.request(public, port=port, protocol=str(entry.protocol), time=at)


def _recorded(store, days, rows):
    """Of each pool whose translations are recorded one by one the newest that the index must have, as far as one looks.

    :param rows: of plans.Row, of the plans in force.
    :return: dict: (gateway, pool) to Entry.
    """
    found, budget = {}, _LOOK_BYTES
    for day in reversed(days):
        folder = record_store.folder(store, catalogue.RECORD_CLASS, datetime.date.fromisoformat(day.name))
        for name, size in day.document["sources"][catalogue.RECORD_CLASS]["sizes"].items():
            gateway = record_store.host_of(name)
            wanted = [row for row in rows if row.gateway == gateway and (gateway, row.pool) not in found]
            most = min(_TAIL_BYTES, budget)
            for entry in _entries(os.path.join(folder, name), size, most) if wanted and size and most > 0 else ():
                for row in [row for row in wanted if _is_of(row, entry)]:
                    found[gateway, row.pool] = entry
                    wanted = [one for one in wanted if one.pool != row.pool]
                if not wanted:
                    break
            budget -= min(size, _TAIL_BYTES) if wanted else 0
    return found


def _is_of(row, entry):
    return entry.public == row.public and ipaddress.ip_address(entry.inside) in ipaddress.ip_network(row.inside, False)


def _entries(path, size, most):
    """The ended translations in the last bytes that the index has read of a file, newest first."""
    try:
        with reading.DayFile(path) as file:
            text = file.at(max(0, size - most), min(size, most))
    except FileNotFoundError:  # its time is over, and the index still has it
        return
    for line in reversed(text.split(b"\n")):
        record = record_line.parse(line.decode("utf-8", "surrogateescape")) if b" flows " in line else None
        if record is None or not sources.vouched(catalogue.RECORD_CLASS, record.app, record.sent):
            continue
        entries, whole = record_files.entries_of(line)
        for entry in map(flow_entry.read, reversed(entries)) if whole else ():
            if entry is not None and entry.end is not None and entry.begin <= entry.end:
                yield entry


def nat_published(index):
    """What an object store has of it."""
    index = index or location.INDEX
    here = catalogue.load(index)
    where = location.at("s3:")
    try:
        there = {day.name: day for day in catalogue.load(where)}
        names = where.names()
    except duckdb_engine.ReadError as error:
        return {"said": str(error), "behind_seconds": -1, "missing_days": [], "missing_files": []}
    finally:
        where.close()
    same = [day for day in here if day.name in there and there[day.name].document["folder"] == day.document["folder"]]
    files = [day.document["folder"] + "/" + name for day in same for name in os.listdir(day.folder)]
    old = time.time() - _SOON_SECONDS
    return {
        "said": "",
        "behind_seconds": int(_built(here) - _built(there.values())),
        "missing_days": [day.name for day in here if day.name not in there and _built([day]) < old],
        "missing_files": sorted(set(files) - names),
    }


def _built(days):
    """When the newest of some days was built, in Unix seconds."""
    moments = (datetime.datetime.fromisoformat(day.document["built"]) for day in days)
    return max((moment.timestamp() for moment in moments), default=0)
