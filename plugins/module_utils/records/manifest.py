# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a sealed day, C(SHA256SUMS): what C(sha256sum -c) reads, under lines that it skips.

# before 2026-11-27 9f2c…                                     or: # first
# session 2026-11-28 of collector1: 2 files, 918 records, 123456 bytes
# closed before seals                                         only where an earlier version had closed the day
# web.log.zst: 918 records, 123456 bytes                      of each file, as they are before they are compressed
5b1e…  web.log.zst
"""

from __future__ import annotations

import datetime
import re
from typing import NamedTuple

_FIRST, _OLD = "# first", "# closed before seals"
_HASH, _DAY = r"[0-9a-f]{64}", r"\d{4}-\d{2}-\d{2}"
_BEFORE = re.compile("# before (%s) (%s)" % (_DAY, _HASH), re.ASCII)
_ABOUT = re.compile(
    r"# ([a-z_]+) (%s) of (\S+): (\d+) files, (\d+) records, (\d+) bytes" % _DAY, re.ASCII
)  # a host's name is the inventory's
_COUNTS = re.compile(r"# (\S+): (\d+) records, (\d+) bytes", re.ASCII)
_LINE = re.compile("(%s)  (.+)" % _HASH, re.ASCII)


class Entry(NamedTuple):
    """A file: SHA-256 of what lies there, and the records (lines) and bytes of its content."""

    name: str
    digest: str
    records: int
    bytes: int


class Manifest(NamedTuple):
    """What a seal says.

    :ivar before: (day, SHA-256 of its manifest) of the day that was sealed before, or None.
    :ivar bool old: an earlier version had closed the day, whose files lie as they did.
    :ivar tuple entries: of Entry.
    """

    collector: str
    record_class: str
    day: datetime.date
    before: tuple | None
    old: bool
    entries: tuple

    @property
    def records(self):
        """Of all files."""
        return sum(one.records for one in self.entries)

    @property
    def bytes(self):
        """Of all files, before they were compressed."""
        return sum(one.bytes for one in self.entries)


def is_name(name):
    """Whether a name can stand in a manifest as it is: sha256sum(1) escapes some, and takes others for comments."""
    return bool(re.fullmatch(r"[^\s\\/#][^\s\\/]*", name)) and name.isprintable()


def text(manifest):
    """As it is written."""
    rows = ["# before %s %s" % manifest.before if manifest.before else _FIRST]
    rows.append(
        "# %s %s of %s: %d files, %d records, %d bytes"
        % (*manifest[1:3], manifest.collector, len(manifest.entries), manifest.records, manifest.bytes)
    )
    rows += [_OLD] if manifest.old else []
    rows += ["# %s: %d records, %d bytes" % (one.name, one.records, one.bytes) for one in manifest.entries]
    rows += ["%s  %s" % (one.digest, one.name) for one in manifest.entries]
    return "".join(row + "\n" for row in rows)


def is_seal(content):
    """Whether a manifest is that of a seal, and not what an earlier version wrote."""
    return content.startswith(("# before ", _FIRST))


def parse(content):
    """Read one.

    :param str content: of the file.
    :raises ValueError: it is none, to the last character.
    """
    rows = content.split("\n")
    before, about = _BEFORE.fullmatch(rows[0]), _ABOUT.fullmatch(rows[1]) if len(rows) > 1 else None
    if not about or not (before or rows[0] == _FIRST):
        raise ValueError("no manifest of a sealed day")
    counts, digests, old = {}, {}, False
    for row in rows[2:]:
        count, line = _COUNTS.fullmatch(row), _LINE.fullmatch(row)
        old = old or row == _OLD
        if count:
            counts[count[1]] = int(count[2]), int(count[3])
        if line:
            digests[line[2]] = line[1]
    found = Manifest(
        about[3],
        about[1],
        datetime.date.fromisoformat(about[2]),
        (datetime.date.fromisoformat(before[1]), before[2]) if before else None,
        old,
        tuple(Entry(name, digest, *counts.get(name, (0, 0))) for name, digest in digests.items()),
    )
    if text(found) != content:
        raise ValueError("no manifest of a sealed day, to the last character")
    return found


def closed_before(content):
    """The lines of a manifest that an earlier version wrote: name to SHA-256.

    :raises ValueError: a line is none.
    """
    found = {}
    for row in content.splitlines():
        line = _LINE.fullmatch(row)
        if not line or not is_name(line[2]):
            raise ValueError("no manifest of a closed day: %r" % row[:80])
        found[line[2]] = line[1]
    return found
