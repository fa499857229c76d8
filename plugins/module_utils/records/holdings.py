# SPDX-License-Identifier: GPL-3.0-or-later
"""Which days a collector has, by its own word, and which of them it has no longer.

Whenever the days of a class change, the housekeeping says so in C(measure_state):

    holds session 2026-10-01..2026-11-20 2026-11-22..2026-11-29

Like all it says, this goes to both collectors, and so does C(sealed CLASS DAY) of each day. So each has the other's
word for every day that the other ever had, and neither can take it back: what was said once and is not held any more,
though its time is not over, was deleted. A collector is held to its own word as well, as far as it left it to itself.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from typing import NamedTuple

from . import settings as record_settings
from . import store as record_store
from . import words

SEEN = "/run/order82-records/holds.json"
NOTHING = "nothing"
SILENT_DAYS = 2
"""A collector speaks of its days at least once a day: one that is heard, and has not for so long, hides them."""
_DAY = r"\d{4}-\d{2}-\d{2}"
_HOLDS = re.compile(r"holds (?P<record_class>[a-z_]+) (?P<spans>nothing|%s(?:(?:\.\.| )%s)*)" % (_DAY, _DAY), re.ASCII)
_SPAN = re.compile(r"(%s)(?:\.\.(%s))?" % (_DAY, _DAY))
_DONE = re.compile(
    r"(?P<word>closed|sealed|purged) (?P<record_class>[a-z_]+) (?P<day>%s)[: ].*" % _DAY, re.ASCII
)  # closed: by a version without seals
_SIGN = re.compile(rb"\] (?:holds|closed|sealed|purged) [a-z_]{1,40} ")


class Word(NamedTuple):
    """What a collector has said of its days.

    :ivar dict had: class to the days that it once had, less those that it rightly purged.
    :ivar dict last: class to the days that it has by its last word.
    :ivar first: the day of its first record here, or None.
    :ivar spoke: the day on which it last said what it has, or None.
    """

    had: dict
    last: dict
    first: datetime.date | None
    spoke: datetime.date | None


def say(settings, now, path):
    """What is to be said of each class, where it is not what was said before.

    :param float now: seconds since 1970. Today counts from tomorrow on.
    :param str path: where is kept what was said.
    :return: list of sentences.
    """
    today = record_store.today(now)
    said = {
        record_class: "holds %s %s" % (record_class, spans(held(settings, record_class, today)))
        for record_class in sorted(settings.classes)
    }
    document = {"store": settings.store, "day": today.isoformat(), "words": said}
    before = _said(path)
    same = before.get("words", {}) if all(before.get(key) == document[key] for key in ("store", "day")) else {}
    if before != document:
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(document, file)
        os.replace(path + ".new", path)
    return [word for record_class, word in said.items() if same.get(record_class) != word]


def held(settings, record_class, today):
    """The days of a class that are over and there, sorted."""
    return [day for day in record_store.days(settings.store, record_class) if day < today]


def spans(days):
    """Days in words: C(2026-10-01..2026-10-03 2026-10-05).

    :param list days: datetime.date, sorted.
    """
    found = []
    for day in days:
        if found and (day - found[-1][1]).days == 1:
            found[-1][1] = day
        else:
            found.append([day, day])
    return " ".join(str(first) if first == last else "%s..%s" % (first, last) for first, last in found) or NOTHING


def heard(settings, collector, now):
    """What a collector has said of its days, by what of its records lies here.

    :param str collector: the host under whose name they are filed.
    :param float now: seconds since 1970.
    :return: Word.
    """
    today = record_store.today(now)
    first = today - datetime.timedelta(days=settings.retention_days)
    had, last, spoke = {}, {}, None
    for day, message in words.said(settings, collector, _SIGN, today):
        said = _HOLDS.fullmatch(message)
        if said:
            # A clock that was ahead and was set back has spoken of days that are not over.
            days = _days(said["spans"], first, today - datetime.timedelta(days=1))
            had.setdefault(said["record_class"], set()).update(days)
            last[said["record_class"]] = days
            spoke = day
        done = _DONE.fullmatch(message)
        one = _day(done["day"]) if done else None
        if one and done["word"] == "purged":
            if (day - one).days > record_settings.FLOOR_DAYS:
                had.get(done["record_class"], set()).discard(one)
        elif one and first <= one < today:
            had.setdefault(done["record_class"], set()).add(one)
    return Word(had, last, words.first_day(settings, collector), spoke)


def lost(settings, word, now, own=None):
    """The days that a collector had and has no longer, though they are to be kept.

    :param Word word: what it has said.
    :param own: class to the days that it has, where it can be seen; its last word if left out.
    :return: dict: class to days, sorted; classes that have lost none are not there.
    """
    # The last day may be going this minute, by a clock that is a little ahead of this one.
    first = record_store.today(now) - datetime.timedelta(days=settings.retention_days - 1)
    has = word.last if own is None else own
    found = {}
    for record_class in sorted(set(settings.classes) & set(word.had)):
        if record_class in has:
            gone = sorted(day for day in word.had[record_class] - set(has[record_class]) if day >= first)
            if gone:
                found[record_class] = gone
    return found


def _said(path):
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("words"), dict) else {}


def _days(text, first, yesterday):
    found = set()
    for begin, end in _SPAN.findall(text):
        one, last = _day(begin), _day(end or begin)
        if one and last:
            one, last = max(one, first), min(last, yesterday)
            found.update(one + datetime.timedelta(days=number) for number in range((last - one).days + 1))
    return found


def _day(text):
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None  # 2026-02-31: nobody's day
