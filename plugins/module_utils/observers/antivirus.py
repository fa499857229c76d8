# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: the virus scanner, by a harmless test file that it must find, and by the age of its signatures."""

from __future__ import annotations

import os
import re
import time

from ..antivirus import clamd, trial, unwatched
from ._registry import ObservationError

DATABASES = "/var/lib/clamav"
_OFFICIAL = (".cvd", ".cld")
_FORMATS = (*_OFFICIAL, ".cud", ".hdb", ".hsb", ".hdu", ".hsu", ".mdb", ".msb", ".ndb", ".ldb", ".cdb", ".yar", ".yara")
"""What holds signatures (ClamAV's manual, Signatures): neither lists of what is allowed, nor settings."""
_WANTED = ("main", "daily")
"""ClamAV's own databases without which nobody knows what goes round; C(bytecode) adds to them."""
_DAILY = ("daily",)
"""Of these the one that is made anew each day; the others are for years."""


def see_detection(watched):
    try:
        return {**trial.look(watched), "unwatched": unwatched.in_vain() if watched else []}
    except clamd.ClamdError as error:
        raise ObservationError(str(error)) from error


def see_signatures(max_age_days):
    found = [os.path.join(DATABASES, name) for name in os.listdir(DATABASES) if name.endswith(_FORMATS)]
    counts = [(path, signatures_in(path)) for path in found]
    ages = {os.path.basename(path): round((time.time() - made(path)) / 86400, 2) for path, count in counts if count}
    official = {}
    for name, age in ages.items():
        base, suffix = os.path.splitext(name)
        if suffix in _OFFICIAL and base in (*_WANTED, "bytecode"):
            official[base] = min(age, official.get(base, age))
    return {
        "databases": sorted(os.path.basename(path) for path, _count in counts),
        "signatures": sum(count for _path, count in counts),
        "newest_age_days": min(ages.values(), default=-1),
        "official_age_days": official,
        "missing": [base for base in _WANTED if base not in official],
        # One from tomorrow is none: a clock or a header is wrong.
        "old": [base for base in _DAILY if base in official and not -1 <= official[base] <= max_age_days],
    }


def signatures_in(path):
    """How many signatures a file has: by its header, or one a line."""
    if path.endswith(_OFFICIAL):
        return int(_header(path)[3])
    with open(path, "rb") as file:
        return sum(1 for line in file if line.strip() and not line.startswith(b"#"))


def made(path):
    """When its content came about, in seconds since 1970: by its header; else when the file was last written."""
    if path.endswith(_OFFICIAL):
        return int(_header(path)[8])
    return os.path.getmtime(path)


def _header(path):
    """ClamAV-VDB:build time:version:number of signatures:level:MD5:signature:builder:seconds since 1970"""
    with open(path, "rb") as file:
        fields = file.read(512).decode("ascii", "replace").strip().split(":")
    # The time of building has a colon of its own, or a dash, by the tool that made it.
    if fields[0] != "ClamAV-VDB" or not re.fullmatch(r"\d+", fields[-1]):
        raise ValueError("%s is no database of ClamAV" % path)
    return fields if len(fields) == 9 else [*fields[:1], ":".join(fields[1 : len(fields) - 7]), *fields[-7:]]
