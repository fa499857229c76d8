# SPDX-License-Identifier: GPL-3.0-or-later
"""C(order82 nat index): build anew what is older than its records, and publish it where that is wanted."""

from __future__ import annotations

import datetime

from ...records import settings as record_settings
from . import build, duckdb_engine, object_store, publish


def command(arguments):
    """order82 nat index"""
    records = record_settings.load()
    store = records.store
    gone = build.forget(store, arguments.index)
    built = [
        build.build(store, arguments.index, day, inventory=_inventory(records))
        for day in build.stale(store, arguments.index)
    ]
    bad = [one for document in built for one in document["bad"]]
    said = ["indexed %s" % document["folder"] for document in built]
    said += ["removed the index of %s, whose records are past retention" % day for day in gone]
    said += ["damaged: %s line %s: %s" % tuple(one) for one in bad]
    said += [
        "not understood / 无法理解: %d lines on leases of %s, first %s line %s: %s"
        % (one["not_understood"], one["day"], *one["strange"][0])
        for one in built
        if one["strange"]
    ]
    document, code = {"days": built, "removed": gone}, 1 if bad else 0
    if arguments.publish:
        try:
            document["store"] = _publish(arguments.index, records, said)
        except (publish.PublishError, duckdb_engine.ReadError) as error:
            # What was built is told all the same.
            document["store"], code = {"error": str(error)}, 2
            said.append(str(error))
    return document, "\n".join(said), code


def _inventory(records):
    """Which hosts translate addresses and which don't, where the settings say so."""
    if records.gateways is None:
        return None
    return {"gateways": sorted(records.gateways), "others": sorted(set(records.hosts) - set(records.gateways))}


def _publish(folder, records, said):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    settings = object_store.load_settings()
    done = publish.publish(folder, settings, today - datetime.timedelta(days=records.retention_days))
    said += ["published %s" % day for day in done["published"]]
    said += ["removed %s from the object store" % name for name in done["removed"]]
    if done["left"]:
        said.append("%d more days are published by the next runs" % done["left"])
    return done
