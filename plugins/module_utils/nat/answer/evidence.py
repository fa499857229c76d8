# SPDX-License-Identifier: GPL-3.0-or-later
"""From an answer back to the record: file, line, the text of this one translation, and what seals it."""

from __future__ import annotations

import hashlib
import os

from ...records import reading, store
from ..index import duckdb_engine, record_files
from ..record import flow_entry, record_text

# Around the end of a translation, in milliseconds, in which its list was written: usual, late, anywhere in the day.
_WINDOWS = ((0, 1200), (-1000, 10000), (-600000, 3600000), (-(1 << 61), 1 << 61))
_ONE_BY_ONE = 4
_MOST_OPEN = 20  # record files; of each that is compressed 4 MiB are kept
_PIECE = 1200  # the first window, so that it lies in two pieces at the most
ELSEWHERE = "the evidence of some candidates is not on this host: it lies on the collectors that have the records"


class Seals:
    """The manifests of one class of the record store, each read once.

    :param str store_folder: of the records.
    """

    def __init__(self, store_folder, record_class):
        self._store = store_folder
        self._class = record_class
        self._known = {}
        self._files = {}

    def of(self, day, gateway):
        """A record file as it lies there.

        Its path below the store, its SHA-256 as the manifest has it, and how its day is: C(sealed), C(closed) (by a
        version without seals) or C(open).

        :return: (str, str or None, str).
        """
        if day not in self._known:
            path = os.path.join(self._store, self._class, day, store.MANIFEST)
            try:
                with open(path, encoding="utf-8", errors="surrogateescape") as file:
                    rows = [line.rstrip("\n").split(None, 1) for line in file if not line.startswith("#")]
                self._known[day] = {row[1].lstrip("*"): row[0] for row in rows if len(row) == 2}
            except FileNotFoundError:
                self._known[day] = None
        sums = self._known[day]
        name = reading.name_of(os.path.join(self._store, self._class, day, gateway + store.PLAIN))
        signed = os.path.exists(os.path.join(self._store, self._class, day, store.SIGNATURE))
        how = "open" if sums is None else "sealed" if signed else "closed"
        return os.path.join(self._class, day, name), (sums or {}).get(name), how

    def has(self, day, gateway):
        """Whether the record file is still there."""
        return self._file(day, gateway) is not None

    def read(self, day, gateway, place):
        """The bytes of one line, with its line feed; none where the file is not there."""
        file = self._file(day, gateway)
        return b"" if file is None else file.at(place[1], place[2])

    def close(self):
        """Close the record files, and forget the manifests; they are opened again when they are needed."""
        for file in filter(None, self._files.values()):
            file.close()
        self._files.clear()
        self._known.clear()

    def _file(self, day, gateway):
        if (day, gateway) not in self._files:
            if len(self._files) >= _MOST_OPEN:
                self.close()
            try:
                file = reading.DayFile(os.path.join(self._store, self._class, day, gateway + store.PLAIN))
            except FileNotFoundError:
                file = None
            self._files[day, gateway] = file
        return self._files[day, gateway]


def document(seals, found, line, text, whole):
    """One piece of evidence.

    :param found: has C(day) and C(gateway).
    :param tuple line: (number, bytes).
    :param str text: the entry of this one translation; the others in the line are other people's.
    :param bool whole: whether the checksum of the list is right.
    """
    return {**_where(seals, found, line), "entry": text, "intact": whole}


def of_tenure(seals, tenure):
    """The evidence that an account held an address: the line with which it began.

    :param Tenure tenure: see L(accounts.Tenure).
    """
    line = seals.read(tenure.day, tenure.gateway, tenure.place)
    return _where(seals, tenure, (tenure.place[0], line)) if line else None


def _where(seals, found, line):
    path, digest, how = seals.of(found.day, found.gateway)
    return {
        "file": path,
        "line": line[0],
        "line_sha256": hashlib.sha256(line[1]).hexdigest(),
        "file_sha256": digest,
        "seal": how,
    }


def of_flows(base, seals, days, founds):
    """The evidence of translations.

    :param base: a connection of DuckDB.
    :param Seals seals: of the store.
    :param dict days: catalogue.Day by name.
    :param list founds: each has C(day), C(gateway), the fields of C(flow_entry.Entry) and C(place).
    :return: list of dict, None where the line is no longer what was indexed.
    """
    result = [None] * len(founds)
    for number, found in enumerate(founds):
        if found.place:
            result[number] = _in_line(seals, found, found.place)
    for window in _WINDOWS:
        missing = [
            (number, found)
            for number, found in enumerate(founds)
            if result[number] is None and not found.place and seals.has(found.day, found.gateway)
        ]
        if not missing:
            break
        for number, places in _places(base, days, missing, window).items():
            result[number] = _among(seals, founds[number], places, window == _WINDOWS[1])
    return result


def _places(base, days, founds, window):
    """The lines that were written around the ends of some translations: number to list of places.

    :param list founds: (number, Found).
    :param tuple window: how many milliseconds before and after the end.
    """
    by_day = {}
    for number, found in founds:
        since, until = found.end + window[0], found.end + window[1]
        gateway = days[found.day].gateways.index(found.gateway)
        by_day.setdefault(found.day, []).append((number, gateway, since, until))
    result = {}
    for name, asked in by_day.items():
        table = "read_parquet(%s)" % duckdb_engine.quoted(days[name].path("lines.parquet"))
        if len(asked) <= _ONE_BY_ONE or window != _WINDOWS[0]:
            for number, gateway, since, until in asked:
                result[number] = base.execute(
                    'select line, "offset", length from %s where gateway = %d::utinyint and "at" between %d and %d '
                    'order by "at", line' % (table, gateway, since, until)
                ).fetchall()
            continue
        # Of an equality DuckDB makes a hash join; of a span of times it would compare each with each.
        values = ", ".join(
            "(%d, %d, %d, %d, %d)" % (*one, piece)
            for one in asked
            for piece in range(one[2] // _PIECE, one[3] // _PIECE + 1)
        )
        for number, *place in base.execute(
            'select v.n, line, "offset", length from %s as t join (values %s) as v(n, g, since, until, piece) '
            'on t."at" // %d = v.piece and t.gateway = v.g and t."at" >= v.since and t."at" <= v.until '
            'order by v.n, t."at", line' % (table, values, _PIECE)
        ).fetchall():
            result.setdefault(number, []).append(tuple(place))
    return result


def _among(seals, found, places, closely):
    """The evidence of a translation in one of some lines: mostly it stands there just as the recorder writes it.

    :param bool closely: else read the entries as well.
    """
    exact = flow_entry.write(
        (found.protocol, found.inside, found.inside_port or 0, found.public, found.public_port),
        found.begin,
        found.end,
        (found.destination, found.destination_port) if found.destination else None,
    ).encode("ascii")
    for place in places:
        line = seals.read(found.day, found.gateway, place)
        if _contains(line, exact):
            return document(seals, found, (place[0], line), exact.decode("ascii"), record_files.entries_of(line)[1])
    return next(filter(None, (_in_line(seals, found, place) for place in places)), None) if closely else None


def _in_line(seals, found, place):
    line = seals.read(found.day, found.gateway, place)
    pieces, whole = record_files.entries_of(line)
    wanted = flow_entry.Entry(*(getattr(found, name) for name in flow_entry.Entry._fields))
    piece = next((piece for piece in pieces if flow_entry.read(piece) == wanted), None)
    return piece and document(seals, found, (place[0], line), piece.decode("ascii"), whole)


def _contains(line, exact):
    at = line.find(exact)
    while at >= 0:
        if line[at - 1 : at] in b" ;" and line[at + len(exact) : at + len(exact) + 1] in b";\n":
            return True
        at = line.find(exact, at + 1)
    return False


def of_plan(seals, row):
    """The evidence of a row of a plan.

    :param row: has C(day), C(gateway), C(text) and C(place).
    """
    line = seals.read(row.day, row.gateway, row.place)
    if row.text.encode("ascii") not in line:
        return None
    try:
        text = line[line.index(b" plan ") + 1 :].decode("utf-8").rstrip("\n")
        whole = bool(record_text.parse(text))
    except ValueError:
        whole = False
    return document(seals, row, (row.place[0], line), row.text, whole)


def noted(where, answers):
    """Say in an answer where the evidence is, when the index is in an object store and this host can't show it.

    :param where: the location of the index.
    :param list answers: of dict, see L(tracer.Tracer.ask); each is given back.
    """
    for answer in answers:
        if where.remote and any(one["evidence"] is None for one in answer["candidates"]):
            answer["notes"].append(ELSEWHERE)
    return answers
