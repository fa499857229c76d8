# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of each class and host: since when, on which days, how many records a day, and what of it is lost.

Of a sealed day the counts are those of its signed manifest, of an open one they are counted. C(since) is the first day
that a class had here, by what lies here, the seals of days that were purged, and what the collector once said: a store
that has run for twelve days has lost nothing, one that began earlier and has twelve days has.
"""

from __future__ import annotations

import datetime
import time
from typing import NamedTuple

from . import chain, contents, counting, holdings, reading
from . import settings as record_settings
from . import store as record_store


class Kept(NamedTuple):
    """What there is of a class.

    :ivar since: the first day that it ever had here, as far as anybody knows; None where it has none.
    :ivar list days: the days that are there.
    :ivar list lost: days that are to be kept, began after C(since), and are not there.
    :ivar dict hosts: host to day to records; of an unsealed day None until somebody counts.
    """

    since: datetime.date | None
    days: list
    lost: list
    hosts: dict

    @property
    def cut_off(self):
        """Those of the lost days that lie before all that is there: no gap shows them."""
        return [day for day in self.lost if not self.days or day < self.days[0]]


def kept(settings, record_class, now, had=()):
    """See what there is of a class.

    :param float now: seconds since 1970.
    :param had: days that the collector said it had (holdings.py).
    :return: Kept
    """
    today = record_store.today(now)
    days = [day for day in record_store.days(settings.store, record_class) if day <= today]
    first_kept = today - datetime.timedelta(days=settings.retention_days)
    began, hosts = [*days[:1], *had], {}
    for seal in chain.purged(settings.store, record_class):
        began += _from(seal)
    for day in days:
        seal = None
        with record_store.opened(settings.store, record_class, day) as folder:
            seal = chain.of_day(folder, record_class, day)
        began += _from(seal) if seal else []
        counts = {record_store.host_of(one.name): one.records for one in seal.manifest.entries} if _reads(seal) else {}
        for path in record_store.files(record_store.folder(settings.store, record_class, day)):
            host = record_store.host_of(path)
            hosts.setdefault(host, {})[day] = counts.get(host) if counts else None
    since = min(began, default=None)
    there, lost = set(days), []
    if since:
        for number in range((today - max(since, first_kept)).days):
            day = max(since, first_kept) + datetime.timedelta(days=number)
            lost += [day] if day not in there else []
    return Kept(since, days, lost, hosts)


def said(settings, now):
    """The days of each class that this collector said it had, as far as it left its own words to itself.

    :return: dict: class to set of days.
    """
    return holdings.heard(settings, settings.host, now).had if settings.host else {}


def in_words(settings, found, now):
    """Since when there are records, and whether all of them are there: in one sentence."""
    if found.since is None:
        return "nothing yet / 尚无"
    if found.lost:
        return "begun %s, %d days LOST: %s / 丢失 %d 日" % (
            found.since,
            len(found.lost),
            holdings.spans(found.lost),
            len(found.lost),
        )
    age = (record_store.today(now) - found.since).days
    if age < settings.retention_days:
        return "running for %d days, since %s, of %d to be kept; none is lost / 已运行 %d 日，无丢失" % (
            age,
            found.since,
            settings.retention_days,
            age,
        )
    return "the last %d days, all that are to be kept; none is lost / 已满 %d 日，无丢失" % (
        settings.retention_days,
        settings.retention_days,
    )


def gaps(found, host):
    """The days that are there between a host's first and last one, on which it has no file."""
    own = sorted(found.hosts[host])
    return [day for day in found.days if own[0] < day < own[-1] and day not in found.hosts[host]]


def _reads(seal):
    return seal is not None and seal.manifest is not None


def _from(seal):
    """The day of a seal, and that of the one before it."""
    before = seal.manifest.before if seal.manifest else None
    return [seal.day, *([before[0]] if before else [])]


def _count(settings, record_class, day, host):
    number = 0
    for path in counting.select(settings, record_class, str(day), host):
        with reading.opened(path) as content:
            for block in iter(lambda: content.read(1 << 20), b""):
                number += block.count(b"\n")
    return number


def _row(settings, record_class, found, host):
    by_day = {
        day: _count(settings, record_class, day, host) if records is None else records
        for day, records in sorted(found.hosts[host].items())
    }
    written = [day for day, records in by_day.items() if records]
    return {
        "oldest": str(min(by_day)),
        "newest": str(max(by_day)),
        "first_record": str(written[0]) if written else "",
        "last_record": str(written[-1]) if written else "",
        "days": len(by_day),
        "days_with_records": len(written),
        "gaps": [str(day) for day in gaps(found, host)],
        "records": sum(by_day.values()),
        "records_by_day": {str(day): records for day, records in by_day.items()},
    }


def _host_in_words(row):
    text = "no record"
    if row["records"]:
        text = "%(first_record)s..%(last_record)s, %(records)d records on %(days_with_records)d days" % row
    text += ", files of %d days" % row["days"]
    return text + (", NONE of " + " ".join(row["gaps"]) if row["gaps"] else "")


def command(arguments):
    """order82 records retention"""
    settings, now = record_settings.load(), time.time()
    classes = [arguments.record_class] if arguments.record_class else sorted(settings.classes)
    list(counting.select(settings, classes[0], "1970-01-01"))  # refuses what there is not
    had, document, rows = said(settings, now), {}, []
    for record_class in classes:
        found = kept(settings, record_class, now, had.get(record_class, ()))
        hosts = {
            host: _row(settings, record_class, found, host)
            for host in sorted(found.hosts)
            if arguments.host in (None, host)
        }
        document[record_class] = {
            "since": str(found.since or ""),
            "days": len(found.days),
            "lost": [str(day) for day in found.lost],
            "retention_days": settings.retention_days,
            "hosts": hosts,
        }
        rows.append("%s: %s" % (record_class, in_words(settings, found, now)))
        for host, row in hosts.items():
            rows.append("  %s: %s" % (host, _host_in_words(row)))
            rows += ["    %s: %d" % pair for pair in row["records_by_day"].items()] if arguments.host else []
    if arguments.host and not any(one["hosts"] for one in document.values()):
        raise ValueError("there is no record of a host %s" % arguments.host)
    faults = None
    if arguments.read:
        faults = contents.look(settings._replace(classes=tuple(classes)), float("inf")).faults
        rows += faults or ["all files hold records of their class, day and host / 各文件内容无误"]
    wrong = faults or any(one["lost"] or any(row["gaps"] for row in one["hosts"].values()) for one in document.values())
    return {"classes": document, "faults": faults}, "\n".join(rows), 1 if wrong else 0
