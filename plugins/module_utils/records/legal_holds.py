# SPDX-License-Identifier: GPL-3.0-or-later
"""Legal holds by case number: days that are not purged, whatever their age, until the case is released.

They are kept in C(<store>/holds.json), immutable. A day is held as a whole, with the records of all hosts in it.
"""

from __future__ import annotations

import datetime
import json
import os

from .. import login
from . import chain, packing, reading, spoken
from . import settings as record_settings
from . import store as record_store

_FILE = "holds.json"
_MOST_CHARACTERS = 200


def load(store):
    """All holds: case to C(classes), C(since), C(until), C(hosts) (empty lists and texts: all), C(by) and C(at).

    :raises ValueError: the file is none of ours.
    """
    with record_store.opened(store) as folder:
        content = chain.read(folder, _FILE)
        if content is None:
            if _FILE in os.listdir(folder):
                raise ValueError("%s is no file" % _FILE)
            return {}
    found = json.loads(content.decode("utf-8"))
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise ValueError("%s is not what order82 wrote" % _FILE)
    return found


def cases(holds, store, record_class, day):
    """The cases that hold a day.

    :param dict holds: as L(load) gives them.
    :return: list of str.
    """
    return [case for case, one in sorted(holds.items()) if _covers(one, store, record_class, day)]


def _covers(one, store, record_class, day):
    if one["classes"] and record_class not in one["classes"]:
        return False
    if (one["since"] and str(day) < one["since"]) or (one["until"] and str(day) > one["until"]):
        return False
    if not one["hosts"]:
        return True
    return any(_has(store, record_class, day, host) for host in one["hosts"])


def _has(store, record_class, day, host):
    path = os.path.join(record_store.folder(store, record_class, day), host + record_store.PLAIN)
    return reading.size(path) > 0


def _has_ever(settings, host):
    return any(
        _has(settings.store, record_class, day, host)
        for record_class in settings.classes
        for day in record_store.days(settings.store, record_class)
    )


def hold(settings, case, *, classes=(), since="", until="", hosts=()):
    """Hold days for a case.

    :param str case: its number.
    :param str since: YYYY-MM-DD, or empty for the first day there is; so is C(until).
    :return: str: what was done.
    :raises ValueError: what is asked for can't be.
    """
    if not case.strip() or len(case) > _MOST_CHARACTERS or not case.isprintable():
        raise ValueError("a case number is up to %d characters that can be seen, and not %r" % (_MOST_CHARACTERS, case))
    strange = sorted(set(classes) - set(settings.classes))
    if strange:
        raise ValueError(
            "there is no record class %s; there are: %s" % (strange[0], ", ".join(sorted(settings.classes)))
        )
    strange = [host for host in hosts if host not in settings.hosts and not _has_ever(settings, host)]
    if strange:
        raise ValueError("there is no record of a host %s" % strange[0])
    begin, end = (str(datetime.date.fromisoformat(day)) if day else "" for day in (since, until))
    if begin and end and begin > end:
        raise ValueError("--since %s is after --until %s" % (begin, end))
    found = load(settings.store)
    if case in found:
        raise ValueError(
            "there is a hold for the case %s already: %s; release it first" % (case, in_words(found[case]))
        )
    found[case] = {"classes": sorted(classes), "since": begin, "until": end, "hosts": sorted(hosts)}
    found[case].update(
        by=login.account(), at=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    )
    _write(settings.store, found)
    return "legal hold for the case %s by %s: %s" % (case, found[case]["by"], in_words(found[case]))


def release(settings, case):
    """End the hold of a case; what is past the retention and held by no other goes with the next purge.

    :raises ValueError: there is none.
    """
    found = load(settings.store)
    if case not in found:
        raise ValueError("there is no hold for the case %s; there are: %s" % (case, ", ".join(sorted(found)) or "none"))
    gone = found.pop(case)
    _write(settings.store, found)
    return "released the case %s by %s: %s" % (case, login.account(), in_words(gone))


def in_words(one):
    """What a hold covers."""
    return "class %s, from %s to %s, host %s" % (
        ", ".join(one["classes"]) or "any",
        one["since"] or "the first day",
        one["until"] or "the last",
        ", ".join(one["hosts"]) or "any",
    )


def _write(store, found):
    with record_store.opened(store) as folder:
        content = json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8")
        packing.put(folder, _FILE, content + b"\n", (os.geteuid(), os.getegid()))


def command(arguments):
    """order82 records hold, or release; without a case: which there are"""
    settings = record_settings.load()
    if arguments.case is None:
        found = load(settings.store)
        text = "\n".join(
            "%s: %s, by %s at %s" % (case, in_words(one), one["by"], one["at"]) for case, one in sorted(found.items())
        )
        return found, text or "no legal hold / 没有保全", 0
    with record_store.alone(settings.store):
        if arguments.verb == "hold":
            said = hold(
                settings,
                arguments.case,
                classes=arguments.record_class,
                since=arguments.since,
                until=arguments.until,
                hosts=arguments.host,
            )
        else:
            said = release(settings, arguments.case)
        return spoken.by_hand([said], [])
