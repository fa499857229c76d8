# SPDX-License-Identifier: GPL-3.0-or-later
"""Records that only claim to be of a class: kept as C(system), counted, and told of by host and account.

A forwarder says so of an account of its host (C(claims), see sources.py), and the collector of a host that may not
write the class (mark C(class)). Where nobody can say what the process was (C(session?)), it is counted and not told of.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from typing import NamedTuple

from . import counting, reading, sources
from . import line as record_line
from . import settings as record_settings
from . import store as record_store

SEEN = "/run/order82-records/claims.json"
_SIGN = re.compile(rb' claims="[a-z]| marks="[^"]*class')  # in each line with a claim, and in few others


class Claim(NamedTuple):
    """A record's sender and the class that it is not believed in; C(account) is the user id, as the host knows it."""

    host: str
    account: str
    record_class: str


def claim_of(host, text):
    """The claim in a line, or None.

    :param str host: under which the collector files it.
    :param str text: a line of a record file.
    """
    record = record_line.parse(text)
    if record is None:
        return None
    claimed = record.sent.get("claims")
    if "class" in record.stored.get("marks", "").split():
        claimed = record.sent.get("class")
    return Claim(host, record.sent.get("uid") or "-", claimed) if claimed else None


def count(paths):
    """Count different records that claim something.

    :return: Counter of Claim.
    """
    found, seen = Counter(), set()
    for path in paths:
        for text in record_line.read(path):
            claim = claim_of(record_store.host_of(path), text)
            key = record_line.identity(text) if claim else None
            if claim and key not in seen:
                seen.add(key)
                found[claim] += 1
    return found


def fresh(settings, now, path):
    """Count what was filed since the last look; the first look of a boot begins with the day.

    :param float now: seconds since 1970.
    :param str path: where is kept up to where was looked.
    :return: Counter of Claim.
    """
    before, after, found = _seen(path), {}, Counter()
    days = {record_store.today(now), record_store.today(now - 600)}  # what came at midnight
    for day in sorted(days & set(record_store.days(settings.store, "system"))):
        for name in record_store.files(record_store.folder(settings.store, "system", day)):
            after[name] = _look(name, before.get(name, 0), found)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(after, file)
    os.replace(path + ".new", path)
    return found


def sentences(found):
    """One sentence a host and account.

    :param found: Counter of Claim.
    """
    by_account = {}
    for claim, number in sorted(found.items()):
        if claim.record_class.endswith(sources.UNKNOWN):
            continue
        by_account.setdefault(claim[:2], []).append("%s (%d)" % (claim.record_class, number))
    return [
        "on %s the account %s writes what only claims to be of class %s: it is kept as system and believed nowhere"
        % (host, account, ", ".join(classes))
        for (host, account), classes in by_account.items()
    ]


def _look(path, offset, found):
    host = record_store.host_of(path)
    with reading.DayFile(path) as file:
        for one in file.lines(offset, file.size):
            offset += len(one) + 1
            if _SIGN.search(one):
                claim = claim_of(host, one.decode("utf-8", "surrogateescape"))
                found.update([claim] if claim else [])
    return offset


def _seen(path):
    try:
        with open(path, encoding="utf-8") as file:
            return {name: int(offset) for name, offset in json.load(file).items()}
    except (FileNotFoundError, ValueError, AttributeError, TypeError):
        return {}


def command(arguments):
    """order82 records claims"""
    found = count(counting.select(record_settings.load(), "system", arguments.day, arguments.host))
    rows = [{**claim._asdict(), "records": number} for claim, number in sorted(found.items())]
    text = "\n".join("%(host)s: account %(account)s, class %(record_class)s: %(records)d records" % row for row in rows)
    return rows, text or "no claims", 0
