# SPDX-License-Identifier: GPL-3.0-or-later
"""What an index holds: one small file a day says which files there are, and which time each of them can answer for.

<index>/<YYYY-MM-DD>.json       names the folder that is in use; replaced in one step when a day is built anew
<index>/<YYYY-MM-DD>.<name>/    flows-00.parquet to flows-15.parquet, flows-before.parquet, others.parquet,
                                plans.parquet, lines.parquet, holders.parquet, coverage.json, bad.json
"""

from __future__ import annotations

import json
import os
import re

from ...records import reading, store
from . import location

RECORD_CLASS = "nat_mapping"
HOLDER_CLASS = "session"  # who held an inside address
FORMAT = 3
BUCKETS = 16
BEFORE = "before"
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.json")


class Day:
    """The index of one day of reception.

    C(flows) is the span of each bucket that has rows, C(others) that of the rest, or None: (rows, earliest begin,
    latest begin, latest end), where the end is None while a translation goes on. C(holders) is (rows, earliest, latest)
    of what is said of inside addresses, or None. C(gateways_by_inventory) are hosts that translate addresses, whether
    or not they wrote anything, and C(others_by_inventory) those that don't.
    """

    def __init__(self, where, document):
        self.where = where
        self.document = document
        self.name = document["day"]
        self.folder = os.path.join(where.root, document["folder"])
        self.gateways = document["gateways"]
        self.flows = document["flows"]
        self.others = document["others"]
        self.plans = document["plans"]
        self.texts = document["texts"]
        self.least = document["least"]
        self.holders = document["holders"]
        self.gateways_by_inventory = set((document.get("inventory") or {}).get("gateways", ()))
        self.others_by_inventory = set((document.get("inventory") or {}).get("others", ()))

    def path(self, name):
        """A file of this day."""
        return os.path.join(self.folder, name)

    def flow_files(self, bucket, since, until):
        """The files of ended IPv4 translations that may hold one which overlaps a span.

        :param int bucket: C(bucket_of) the public address, or None for all.
        """
        wanted = [str(number) for number in range(BUCKETS)] if bucket is None else [str(bucket)]
        return [
            self.path(flows_name(name)) for name in [*wanted, BEFORE] if _overlaps(self.flows.get(name), since, until)
        ]

    def has_others(self, since, until):
        """Whether its other translations may overlap a span."""
        return _overlaps(self.others, since, until)

    def coverage(self):
        """The sums of C(coverage.Coverage) by gateway."""
        return json.loads(self.where.text(self.path("coverage.json")))


def flows_name(bucket):
    """The file name of a bucket."""
    return "flows-%s.parquet" % (bucket if bucket == BEFORE else bucket.zfill(2))


def bucket_of(public):
    """In which file the translations of a public address lie.

    :param int public: an IPv4 address.
    """
    return public % BUCKETS


def _overlaps(span, since, until):
    return bool(span) and span[1] <= until and (span[3] is None or span[3] >= since)


def sources(store_folder, day):
    """What the index of a day is built from, to be compared with what is there later.

    :param datetime.date day: of reception.
    :return: dict: for each class C(closed) and the C(sizes) of its files.
    """
    found = {}
    for record_class in (RECORD_CLASS, HOLDER_CLASS):
        folder = store.folder(store_folder, record_class, day)
        found[record_class] = {
            "closed": os.path.exists(os.path.join(folder, store.MANIFEST)),
            "sizes": {os.path.basename(path): reading.size(path) for path in files(store_folder, record_class, day)},
        }
    return found


def files(store_folder, record_class, day):
    """The record files of one class and day; none where there is no such folder."""
    try:
        return store.files(store.folder(store_folder, record_class, day))
    except FileNotFoundError:
        return []


def load(index):
    """All days that are built, oldest first.

    :param index: where it lies; see L(location.at).
    :return: list of Day.
    :raises ValueError: a catalogue that is none, or of another version of this code.
    :raises duckdb_engine.ReadError: the object store can't be read.
    """
    where = location.at(index)
    return [_day(where, name, text) for name, text in where.catalogues(_NAME).items()]


def read(index, name):
    """The catalogue of one day.

    :param str index: the folder of the index.
    :param str name: of the file.
    """
    where = location.Folder(index)
    return _day(where, name, where.text(os.path.join(index, name)))


def _day(where, name, text):
    document = json.loads(text)
    if document.get("format") != FORMAT:
        raise ValueError("%s/%s was written by another version: build the index of this day again" % (where.root, name))
    return Day(where, document)


def write(path, document):
    """Write JSON so that it is on the disk when this returns."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())
