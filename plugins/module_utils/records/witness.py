# SPDX-License-Identifier: GPL-3.0-or-later
"""What collectors say of their seals, and where their words contradict each other.

    sealed session 2026-11-28 5b1e… before 9f2c… files 12 records 918 bytes 123456      when it is done
    seals session 1/1 2026-11-27 9f2c… 2026-11-28 5b1e…        once a day, and when days went: all that are there, read
                                                               from the disk anew
    seals with ssh-ed25519 AAAA…                               once a day, and when there is a new one: each public key

Like all they say, this goes to both. So who rewrites a day on one of them, and has the key to sign it, has another hash
in its next words than the other one has on record, or is silent.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from typing import NamedTuple

from . import chain, holdings, keys, words
from . import settings as record_settings
from . import store as record_store

SEEN = "/run/order82-records/seals.json"
SILENT_DAYS = 2
NOTHING = "nothing"
_DAYS_IN_ONE = 80  # so that a record is not marked as long
_MOST_HASHES, _MOST_KEYS = 4, 100  # of a day, of a collector: more say nothing more
_HASH, _DAY, _CLASS = "[0-9a-f]{64}", r"\d{4}-\d{2}-\d{2}", "[a-z_]{1,40}"
_SEALED = re.compile(
    "sealed (?P<record_class>%s) (?P<day>%s) (?P<hash>%s) before (?P<before>%s|first) .*"
    % (_CLASS, _DAY, _HASH, _HASH),
    re.ASCII,
)
_SEALS = re.compile(
    r"seals (?P<record_class>%s) (?P<part>\d{1,4})/\d{1,4} (?P<days>nothing|%s %s(?: %s %s)*)"
    % (_CLASS, _DAY, _HASH, _DAY, _HASH),
    re.ASCII,
)
_KEY = re.compile(r"seals with (ssh-ed25519 [A-Za-z0-9+/=]+)")
_PURGED = re.compile("purged (?P<record_class>%s) (?P<day>%s): .*" % (_CLASS, _DAY), re.ASCII)
_SIGN = re.compile(rb"\] (?:sealed|seals|purged) ")


class Heard(NamedTuple):
    """What a collector has said of its seals.

    :ivar dict hashes: (class, day) to the hashes that it ever named, each with the day on which it first did.
    :ivar dict before: (class, day) to the hash before it, by the word with which it was sealed.
    :ivar dict last: class to the days of its last list of all.
    :ivar set purged: (class, day) that it rightly deleted.
    :ivar list keys: its public keys.
    :ivar begun: the day of its first record here, or None.
    :ivar spoke: the day on which it last listed its seals, or None.
    """

    hashes: dict
    before: dict
    last: dict
    purged: set
    keys: list
    begun: datetime.date | None
    spoke: datetime.date | None


def sealed(seal):
    """The word with which a day is sealed.

    :param Seal seal: see chain.py.
    """
    about = seal.manifest
    return "sealed %s %s %s before %s files %d records %d bytes %d" % (
        about.record_class,
        seal.day,
        seal.digest,
        seal.before,
        len(about.entries),
        about.records,
        about.bytes,
    )


def say(settings, now, path):
    """What is to be said: of all seals once a day, of a class whose days are others, and of a new key.

    :param float now: seconds since 1970.
    :param str path: where is kept what was said.
    :return: list of sentences.
    """
    if not settings.host:
        return []
    today = record_store.today(now)
    document = {
        "store": settings.store,
        "day": today.isoformat(),
        "keys": keys.public(settings.store),
        "days": {one: [str(day) for day in holdings.held(settings, one, today)] for one in sorted(settings.classes)},
    }
    before = _said(path)
    if before == document:
        return []
    if any(before.get(key) != document[key] for key in ("store", "day")):
        before = {"keys": [], "days": {}}
    found = ["seals with " + key for key in document["keys"] if key not in before["keys"]]
    for record_class, days in document["days"].items():
        if before["days"].get(record_class) != days:
            found += _list(settings.store, record_class)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(document, file)
    os.replace(path + ".new", path)
    return found


def _list(store, record_class):
    rows = ["%s %s" % (seal.day, seal.digest) for seal in chain.seals(store, record_class) if not seal.purged]
    parts = [rows[begin : begin + _DAYS_IN_ONE] for begin in range(0, len(rows), _DAYS_IN_ONE)] or [[NOTHING]]
    return [
        "seals %s %d/%d %s" % (record_class, number, len(parts), " ".join(part)) for number, part in enumerate(parts, 1)
    ]


def heard(settings, collector, now, whole=False):
    """What a collector has said of its seals, by what of its records lies here.

    :param str collector: the host under whose name they are filed.
    :param float now: seconds since 1970.
    :param bool whole: read all of its records, and not only what an inspection has time for.
    :return: Heard.
    """
    today = record_store.today(now)
    first = str(today - datetime.timedelta(days=settings.retention_days + 1))
    found, spoke = Heard({}, {}, {}, set(), [], words.first_day(settings, collector), None), None
    for filed, message in words.said(settings, collector, _SIGN, today, whole):
        said = next(filter(None, (pattern.fullmatch(message) for pattern in (_SEALED, _SEALS, _PURGED))), None)
        if said is None:
            key = _KEY.fullmatch(message)
            if key and key[1] not in found.keys and len(found.keys) < _MOST_KEYS:
                found.keys.append(key[1])
        elif said["record_class"] in settings.classes:  # who lies has no more to say than who does not
            spoke = filed if said.re is _SEALS else spoke
            _take(found, said, filed, (first, str(today)))
    return found._replace(spoke=spoke)


def _take(found, said, filed, span):
    record_class, pairs = said["record_class"], []
    if said.re is _SEALED:
        pairs = [(said["day"], said["hash"])]
    elif said.re is _PURGED:
        if span[0] <= said["day"] and _is_over(said["day"], filed):
            found.purged.add((record_class, said["day"]))
    else:
        texts = said["days"].split(" ")
        pairs = list(zip(texts[::2], texts[1::2]))
        if said["part"] == "1":
            found.last[record_class] = set()
    for day, digest in pairs:
        if span[0] <= day <= span[1]:
            found.last.setdefault(record_class, set()).add(day)
            hashes = found.hashes.setdefault((record_class, day), {})
            if len(hashes) < _MOST_HASHES:
                hashes.setdefault(digest, filed)
            if said.re is _SEALED:
                found.before.setdefault((record_class, day), said["before"])


def contradictions(settings, said, now):
    """Where a collector's words do not agree with each other.

    :param Heard said: what it said.
    :return: list of (class, day as text, sentence), sorted by day.
    """
    # The last day may be going this minute, by a clock that is a little ahead of this one.
    first = str(record_store.today(now) - datetime.timedelta(days=settings.retention_days - 1))
    found = []
    known = {}
    for (record_class, _day), digests in said.hashes.items():
        known.setdefault(record_class, set()).update(digests)
    for (record_class, day), digests in said.hashes.items():
        if len(digests) > 1:
            times = ", then ".join("%s on %s" % (digest, filed) for digest, filed in digests.items())
            found.append((record_class, day, "it said two different hashes of its seal: " + times))
        has = said.last.get(record_class)
        if has is not None and day not in has and day >= first and (record_class, day) not in said.purged:
            found.append((record_class, day, "it had sealed this day, and has it no more"))
        found += _strange_before(said, record_class, day, known[record_class])
    return sorted(set(found), key=lambda row: (row[1], row[0], row[2]))


def _strange_before(said, record_class, day, known):
    named = said.before.get((record_class, day))
    if named == chain.FIRST:
        firsts = [at for one, at in said.hashes if one == record_class and said.before.get((one, at)) == chain.FIRST]
        if len(firsts) > 1:
            yield record_class, day, "it said of several days that they are the first: %s ..." % min(firsts)
    elif named and named not in known and day != min(at for one, at in said.hashes if one == record_class):
        yield record_class, day, "it names before it a seal of which it never spoke: " + named


def is_silent(said, now):
    """Whether a collector that is heard has not listed its seals for too long: it hides them."""
    today = record_store.today(now)
    return _longer(today, said.begun) and (said.spoke is None or _longer(today, said.spoke))


def _longer(today, day):
    return day is not None and (today - day).days >= SILENT_DAYS


def _is_over(day, filed):
    try:
        return (filed - datetime.date.fromisoformat(day)).days > record_settings.FLOOR_DAYS
    except ValueError:
        return False  # 2026-02-31: nobody's day


def _said(path):
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) and {"keys", "days"} <= set(found) else {}
