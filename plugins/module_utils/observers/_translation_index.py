# SPDX-License-Identifier: GPL-3.0-or-later
"""How the observers of the index of NAT records look."""

from __future__ import annotations

import datetime
import os
import time

from ..nat import times
from ..nat.answer import request
from ..nat.answer.tracer import Tracer
from ..nat.index import catalogue, duckdb_engine, location
from ..records import settings as record_settings
from ..records import store as record_store

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
            os.path.getsize(name)
            for name in record_store.files(record_store.folder(store, catalogue.RECORD_CLASS, day))
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
    if not days or not days[-1].texts:
        return {"asked": "", "right": True}
    at = days[-1].texts[1]
    with Tracer(store, index) as tracer:
        row = tracer.example(at)
        if row is None:
            return {"asked": "", "right": True}
        question = request.request(row.public, port=row.first, protocol="tcp", time=times.iso(at))
        insides = {one["inside_address"] for one in tracer.ask([question])[0]["candidates"]}
    return {"asked": "%s port %d at %s" % (row.public, row.first, times.iso(at)), "right": row.inside in insides}


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
