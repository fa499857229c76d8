# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: what the service that tells of alarms remembers. Its account wrote it; the receivers are those that the
role named."""

from __future__ import annotations

import time

from ..alarms import kinds, memory, settings, texts
from ..records.settings import SettingsError
from ._registry import ObservationError

_SHOWN = 20


def see_alarms(late_seconds, test_days):
    try:
        whom = settings.load()
    except SettingsError as error:
        raise ObservationError(str(error)) from error
    try:
        document = memory.read()
    except FileNotFoundError:
        document = memory.new()
    return look(whom, document, late_seconds, test_days, time.time())


def look(whom, document, late_seconds, test_days, now):
    """See who is reached.

    :param whom: settings.Settings.
    :param dict document: see memory.py.
    :param float now: seconds since 1970.
    """
    known = {one.name: document["receivers"].get(one.name, {}) for one in whom.receivers}
    for receiver in whom.receivers:
        if known[receiver.name].get("digest") != receiver.digest():
            known[receiver.name] = {}  # what another one of this name took is not its
    waiting = {
        name: min((one["at"] for one in document["notices"] if name in one["to"]), default=now) for name in known
    }
    undelivered = []
    for name, one in sorted(known.items()):
        since = min(one.get("failing") or now, waiting[name])
        if now - since > late_seconds:
            undelivered.append("%s since %s: %s" % (name, texts.at(since), kinds.clean(str(one.get("error", "")))))
    incidents = sorted(document["incidents"].values(), key=lambda one: one["since"])
    return {
        "read_seconds": round(now - document["read"]),
        "receivers": len(known),
        "undelivered": undelivered[:_SHOWN],
        "untested": sorted(name for name, one in known.items() if now - one.get("accepted", 0) > 86400 * test_days)[
            :_SHOWN
        ],
        "taken": {name: texts.at(one["accepted"]) for name, one in sorted(known.items()) if one.get("accepted")},
        "open": [
            "%s since %s: %s" % (one["host"], texts.at(one["since"]), kinds.clean(str(one["what"])))
            for one in incidents[:_SHOWN]
        ],
    }
