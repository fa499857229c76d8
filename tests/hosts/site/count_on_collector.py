# SPDX-License-Identifier: GPL-3.0-or-later
"""Sent to a collector by test_attacks_messages.py: which of its messages are there, as how many records, where.

PYTHONPATH=/usr/bin/order82 python3 - SEED: the code by which records are counted is the collector's own. Behind SEED
stand the sender, the way and the number.
"""

from __future__ import annotations

import glob
import hashlib
import json
import re
import sys
from collections import Counter, defaultdict

from order82_baseline.records import line as record_line
from order82_baseline.records import reading, store


def main(seed: str) -> dict:
    """By sender and way: the different records of each number, and of what they are."""
    token = re.compile(rb"%s\.(\w+)\.(\w+)\.(\d{5})\." % seed.encode())
    records: dict = defaultdict(lambda: defaultdict(set))
    places: dict = defaultdict(Counter)
    senders: dict = defaultdict(Counter)
    claims: dict = defaultdict(Counter)
    mixed = []
    for path in sorted({name for folder in glob.glob("/srv/records/*/20*") for name in store.files(folder)}):
        with reading.opened(path) as file:
            for text in file:
                found = set(token.findall(text))
                if not found:
                    continue
                if len(found) > 1:
                    mixed.append(text[:500].decode("utf-8", "replace"))
                *who, number = found.pop()
                key = b".".join(who).decode()
                whole = text.rstrip(b"\n").decode("utf-8", "surrogateescape")
                same = hashlib.blake2b(record_line.identity(whole).encode("utf-8", "surrogateescape"), digest_size=16)
                records[key][int(number)].add(same.digest())
                record = record_line.parse(whole)
                _root, _srv, _records, record_class, _day, name = path.split("/")
                places[key][record_class, name] += 1
                senders[key][(record.sent.get("uid", ""), record.stored.get("from", "")) if record else ("", "")] += 1
                if record:
                    claims[key][record.app, record.sent.get("claims", "")] += 1
    return {
        key: {
            "numbers": sorted(numbers),
            "several": {number: len(same) for number, same in numbers.items() if len(same) > 1},
            "places": sorted(places[key]),
            "senders": sorted(senders[key]),
            "claims": sorted(claims[key]),
            "mixed": mixed,
        }
        for key, numbers in records.items()
    }


print(json.dumps(main(sys.argv[1])))
