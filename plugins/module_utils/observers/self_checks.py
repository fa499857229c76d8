# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: whether a host looks at itself, by its journal; and whether all do, by their records on a collector."""

from __future__ import annotations

import datetime
import json
import os
import time

from .. import maintenance
from ..records import line as record_line
from ..records import reading, store
from ..self_check import left, spoken
from ._registry import ObservationError, command
from ._store import the_settings

_CLASS = "measure_state"
_SHOWN = 20
_PIECE = 1 << 18
_AHEAD = 60  # seconds by which the clocks of hosts may differ


def see_self_check():
    argv = ["journalctl", "-q", "--no-pager", "-o", "json", "--output-fields=MESSAGE", "-n", "1", "-g"]
    # journalctl ends with 1 where nothing matches.
    said = command([*argv, "^" + spoken.BEGINS, "_UID=0", "_SYSTEMD_UNIT=" + spoken.UNIT], ok=(0, 1)).strip()
    entry = json.loads(said) if said else {}
    found = spoken.read(str(entry.get("MESSAGE", "")))
    try:
        known = left.read()
    except left.LeftError as error:
        raise ObservationError(str(error)) from error
    age = time.time() - int(entry["__REALTIME_TIMESTAMP"]) / 1e6 if found else -1
    return {
        "age_seconds": round(age) if found else -1,
        "passed": found[0] if found else 0,
        "not_passed": found[1] if found else 0,
        "asked": len(known.asked()),
        "left_out": len(known.entries) - len(known.asked()),
        "same_checks": bool(found) and known.digest.startswith(found[2]),
    }


def see_announced(days):
    """What was announced, by what is on record; and what counts now and is on no record."""
    now = time.time()
    # What counts now may have been announced before that.
    recorded = maintenance.recorded(now - max(86400 * days, 120 * maintenance.MOST_MINUTES))
    current = maintenance.current(now)
    missing = current is not None and current not in recorded
    return {
        "now": maintenance.in_words(current) if current else "",
        "announced": [maintenance.told(one) for one in recorded][-_SHOWN:],
        "unrecorded": [maintenance.told(current)] if missing else [],
    }


def see_heard(hosts, seconds, wait_seconds):
    settings = the_settings()
    end = time.monotonic() + wait_seconds
    while True:
        found = heard(settings.store, hosts, time.time(), seconds)
        if not found["silent"] or time.monotonic() > end:
            return found
        time.sleep(1)


def heard(folder, hosts, now, within):
    """Who looked at itself lately, by the records of a collector.

    :param str folder: the record store.
    :param list hosts: their names.
    :param float now: seconds since 1970.
    :param float within: seconds.
    """
    last = {host: _newest(folder, host, now, within) for host in hosts}
    silent = sorted(host for host, found in last.items() if found is None)
    return {
        "silent": silent[:_SHOWN],
        "silent_count": len(silent),
        "heard": len(last) - len(silent),
        "not_passed": {host: found[1] for host, found in sorted(last.items()) if found and found[1]},
    }


def _newest(folder, host, now, within):
    """The host's last self-check, age in seconds and how many checks were not passed, if it is young enough."""
    for day in dict.fromkeys((store.today(now + _AHEAD), store.today(now), store.today(now - within))):
        path = os.path.join(store.folder(folder, _CLASS, day), host + store.PLAIN)
        try:
            with reading.DayFile(path) as file:
                for text in _backwards(file):
                    at = _moment(text)
                    if at is not None and now - at > within:
                        break
                    found = _self_check(text)
                    if found and at is not None and now - at >= -_AHEAD:
                        return round(now - at), found[1]
        except FileNotFoundError:
            continue
    return None


def _self_check(text):
    """What a line says of a self-check, if it is one and its sender is vouched for."""
    if spoken.BEGINS not in text:
        return None
    record = record_line.parse(text)
    if record is None or record.sent.get("uid") != "0" or record.sent.get("unit") != spoken.UNIT:
        return None
    return spoken.read(record.message)


def _backwards(file):
    """The lines of a file, the last one first, read in pieces."""
    end, rest = file.size, b""
    while end > 0:
        begin = max(0, end - _PIECE)
        first, *lines = (file.at(begin, end - begin) + rest).split(b"\n")
        yield from (one.decode("utf-8", "surrogateescape") for one in reversed(lines) if one)
        end, rest = begin, first
    if rest:
        yield rest.decode("utf-8", "surrogateescape")


def _moment(text):
    """When a record was written, by its sender's clock; None where it does not say so."""
    words = text[:60].split(" ", 2)
    try:
        return datetime.datetime.fromisoformat(words[1].replace("Z", "+00:00")).timestamp()
    except (IndexError, ValueError):
        return None
