# SPDX-License-Identifier: GPL-3.0-or-later
"""The Parquet files of one day's index: the same facts as in the record files, in the order of the question.

Translations that ended are sorted by public address and port, protocol and begin, in 16 files by the public address, so
that a sort fits into memory and a question opens one small file; C(flows-before) has those that began before the day.
What is rare lies in C(others): translations that go on, and IPv6. Which columns are how wide was measured
(tests/bench/nat_records.py):

- C(public) is address * 65536 + port: one comparison finds it, and in this order it takes next to nothing.
- How long it lasted is two columns, whole seconds and the milliseconds of the rest: both have few values.
- A column with more values in a row group than C(DICTIONARY) is written as differences, which is smaller for C(public)
  and ports; with destinations, which repeat, the bound is higher.
- No row says in which line it stands: that alone would take three bytes. C(lines) says when each list was written, and
  an entry is written at the latest a second after its end, so the line is found among a few (evidence.py).

Memory: DuckDB takes up to C(MEMORY) and writes what is more to the index folder; Python takes about 250 bytes a line
of up to 8 KB, with about 100 translations each.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import csv
import datetime
import os
import shutil

from ...records import store
from .. import times
from ..plan import plan_id
from . import catalogue, dhcp_radius, duckdb_engine, record_files

MEMORY = "1500MB"
ROW_GROUP = 61440  # twice as much makes a thousand traces slower by a third, and the index smaller by 3 per cent
DICTIONARY = 8192
DICTIONARY_WIDE = 40960
_FORMAT = (
    "(format parquet, parquet_version v2, compression zstd, row_group_size %d, dictionary_size_limit %d, "
    "write_bloom_filter false)"
)
_LINES = "(format parquet, parquet_version v2, compression zstd, row_group_size 16384)"
_BYTES = ("utinyint",) * 4
_PLAIN = (
    ("protocol", "utinyint"),
    *zip("abcd", _BYTES),
    ("inside_port", "usmallint"),
    *zip("efgh", _BYTES),
    ("public_port", "usmallint"),
    ("begin_s", "uinteger"),
    ("begin_ms", "usmallint"),
    ("end_s", "uinteger"),
    ("end_ms", "usmallint"),
)
_WIDE = (*_PLAIN, *zip("pqrs", _BYTES), ("destination_port", "usmallint"))
_OTHER = (
    ("gateway", "utinyint"),
    ("protocol", "utinyint"),
    ("inside", "varchar"),
    ("inside_port", "usmallint"),
    ("public", "varchar"),
    ("public_port", "usmallint"),
    ("begin", "bigint"),
    ("end", "bigint"),
    ("destination", "varchar"),
    ("destination_port", "usmallint"),
    ("seen", "bigint"),
    ("run", "bigint"),
    ("line", "uinteger"),
    ("offset", "bigint"),
    ("length", "uinteger"),
)
_PLAN = (
    ("gateway", "utinyint"),
    ("plan", "varchar"),
    ("kind", "varchar"),
    ("pool", "varchar"),
    ("inside", "varchar"),
    ("public", "varchar"),
    ("first", "usmallint"),
    ("last", "usmallint"),
    ("line", "uinteger"),
    ("offset", "bigint"),
    ("length", "uinteger"),
)
_LINE = (("gateway", "utinyint"), ("at", "bigint"), ("line", "uinteger"), ("offset", "bigint"), ("length", "uinteger"))
_KEY = (
    "gateway",
    "protocol",
    "inside",
    "inside_port",
    "public",
    "public_port",
    "begin",
    "destination",
    "destination_port",
)


def _csv(path, columns, quote=""):
    kinds = ", ".join("%s: '%s'" % (duckdb_engine.quoted(name), kind) for name, kind in columns)
    return (
        "read_csv(%s, header=false, auto_detect=false, delim=',', quote=%s, escape=%s, new_line='\\n', columns={%s})"
        % (duckdb_engine.quoted(path), duckdb_engine.quoted(quote), duckdb_engine.quoted(quote), kinds)
    )


class Build:
    """One build, in a folder of its own."""

    def __init__(self, store_folder, folder, day, *, threads, memory, least, chunk_bytes, inventory):
        self.store = store_folder
        self.folder = folder
        self.day = day
        self.least = least
        self.threads = threads
        self.memory = memory
        self.work = os.path.join(folder, "work")
        self.sources = catalogue.sources(store_folder, day)
        self.begin = times.start(day.isoformat())
        self.chunk_bytes = chunk_bytes
        self.inventory = inventory
        self.strange = []
        self.strange_total = 0
        self.parts = os.path.join(self.work, "parts")
        self.wide = False

    def run(self):
        """Everything but the renaming; the catalogue and the bad lines."""
        os.makedirs(self.parts)
        closed = self.sources[catalogue.RECORD_CLASS]["closed"]
        files = [
            (store.host_of(path), path, closed)
            for path in catalogue.files(self.store, catalogue.RECORD_CLASS, self.day)
        ]
        self.scan = record_files.Scan(files, self.work, self.chunk_bytes)
        with contextlib.closing(
            duckdb_engine.connect(self.threads, self.memory, os.path.join(self.work, "spill"), ordered=False)
        ) as self.base:
            self._read()
            self._load_others()
            flows = self._sort()
            others = self._write_others()
            self._write_lines()
            plans = self._write_plans()
            told = self._write_holders()
        shutil.rmtree(self.work)
        catalogue.write(
            os.path.join(self.folder, "coverage.json"),
            {gateway: collector.document() for gateway, collector in zip(self.scan.gateways, self.scan.coverage)},
        )
        bad = [list(one) for one in self.scan.bad]
        foreign = {"total": self.scan.foreign_total, "lines": [list(one) for one in self.scan.foreign]}
        strange = {"total": self.strange_total, "lines": self.strange}
        catalogue.write(
            os.path.join(self.folder, "bad.json"),
            {"total": self.scan.bad_total, "lines": bad, "foreign": foreign, "not_understood": strange},
        )
        return self._document(flows, others, plans, told), bad

    def _document(self, flows, others, plans, told):
        times = [at for one in self.scan.coverage for at in (one.first, one.last) if at is not None]
        return {
            "format": catalogue.FORMAT,
            "day": self.day.isoformat(),
            "built": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "sources": self.sources,
            "least": self.least,
            "gateways": self.scan.gateways,
            "read": dict(zip(self.scan.gateways, self.scan.read)),
            "lines": dict(zip(self.scan.gateways, self.scan.lines)),
            "duplicates": self.scan.duplicates,
            "bad_total": self.scan.bad_total,
            "foreign_total": self.scan.foreign_total,
            "flows": flows,
            "others": others,
            "plans": plans,
            "holders": told,
            "not_understood": self.strange_total,
            "inventory": self.inventory,
            "texts": [min(times), max(times)] if times else None,
        }

    def _read(self):
        """Python reads one part of the day while DuckDB sorts the one before into the buckets."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            before = None
            for chunk in self.scan.chunks():
                if before:
                    self._name(before.result())
                before = pool.submit(self._take, chunk)
            if before:
                self._name(before.result())

    def _name(self, found):
        for gateway, line, reason in found:
            self.scan.name(gateway, line, reason)

    def _take(self, chunk):
        bad = []
        for kind, path, columns in (("plain", chunk.plain, _PLAIN), ("wide", chunk.wide, _WIDE)):
            if path:
                try:
                    self._partition(chunk.gateway, path, columns)
                except Exception as error:
                    if type(error).__name__ not in {"ConversionException", "InvalidInputException"}:
                        raise
                    shutil.rmtree(self._part(path), ignore_errors=True)  # it may not have come so far
                    bad += _weed(chunk, kind, path, columns)
                    self._partition(chunk.gateway, path, columns)
                os.unlink(path)
        return bad

    def _partition(self, gateway, path, columns):
        wide = columns is _WIDE
        self.wide = self.wide or (wide and not self.least)
        begin, end = ("(%s_s::bigint * 1000 + %s_ms)" % (bound, bound) for bound in ("begin", "end"))
        if self.least:
            fields = '%s // 1000 as "begin", (%s + 999) // 1000 - %s // 1000 as lasted_s' % (begin, end, begin)
        else:
            # An end before the begin (a clock was set back) is kept as it is: no whole seconds less than 0.
            lasted_ms = "((%s - %s) %% 1000 + 1000) %% 1000" % (end, begin)
            fields = (
                'inside_port, %s as "begin", ((%s - %s - %s) // 1000)::integer as lasted_s, '
                "(%s)::usmallint as lasted_ms, %s as destination, %s as destination_port"
                % (
                    begin,
                    end,
                    begin,
                    lasted_ms,
                    lasted_ms,
                    "p::uinteger * 16777216 + q::uinteger * 65536 + r::uinteger * 256 + s"
                    if wide
                    else "null::uinteger",
                    "destination_port" if wide else "null::usmallint",
                )
            )
        address = "(e::ubigint * 16777216 + f::ubigint * 65536 + g::ubigint * 256 + h)"
        self.base.execute(
            "copy (select %s * 65536 + public_port as public, protocol, "
            "a::uinteger * 16777216 + b::uinteger * 65536 + c::uinteger * 256 + d as inside, %s, "
            "%d::utinyint as gateway, case when %s < %d then %d else h %% %d end::utinyint as bucket from %s) "
            "to %s (format parquet, compression lz4, partition_by (bucket))"
            % (
                address,
                fields,
                gateway,
                begin,
                self.begin,
                catalogue.BUCKETS,
                catalogue.BUCKETS,
                _csv(path, columns),
                duckdb_engine.quoted(self._part(path)),
            )
        )

    def _part(self, path):
        return os.path.join(self.parts, os.path.basename(path))

    def _load_others(self):
        keys = ", ".join('"%s"' % name for name in _KEY)
        self.base.execute(
            'create temp table others as select %s, max("end") as "end", max(seen) as seen, '
            'arg_max(run, seen) as run, arg_max(line, coalesce("end", seen)) as line, '
            'arg_max("offset", coalesce("end", seen)) as "offset", '
            'arg_max(length, coalesce("end", seen)) as length from %s group by all'
            % (keys, _csv(self.scan.others, _OTHER))
        )

    def _sort(self):
        flows = {}
        most = DICTIONARY_WIDE if self.wide else DICTIONARY
        for bucket in range(catalogue.BUCKETS + 1):
            name = catalogue.BEFORE if bucket == catalogue.BUCKETS else str(bucket)
            files = [
                entry.path
                for part in sorted(os.listdir(self.parts))
                for entry in _entries(os.path.join(self.parts, part, "bucket=%d" % bucket))
            ]
            if not files:
                continue
            (rows,) = self.base.execute(
                "select count(*) from read_parquet(%s)" % duckdb_engine.listed(files)
            ).fetchone()
            # Groups of one size: in a small last one dictionaries would be made of what hardly repeats.
            group = _even(rows)
            form = _FORMAT % (group, min(most, group // 3))
            path = os.path.join(self.folder, catalogue.flows_name(name))
            self.base.execute(
                'copy (from read_parquet(%s, hive_partitioning=false) order by public, protocol, "begin") to %s %s'
                % (duckdb_engine.listed(files), duckdb_engine.quoted(path), form)
            )
            unit = 1000 if self.least else 1
            end = '"begin" + lasted_s' if self.least else '"begin" + lasted_s::bigint * 1000 + lasted_ms'
            rows, first, last, end = self.base.execute(
                'select count(*), min("begin"), max("begin"), max(%s) from read_parquet(%s)'
                % (end, duckdb_engine.quoted(path))
            ).fetchone()
            flows[name] = [rows, first * unit, last * unit + unit - 1, end * unit]
            for file in files:
                os.unlink(file)
        return flows

    def _write_others(self):
        if not self.scan.others_total:
            return None
        ended = [path for path in _paths(self.folder) if os.path.basename(path).startswith("flows-")]
        if ended and not self.least:
            self._drop_ended(ended)
        path = os.path.join(self.folder, "others.parquet")
        self.base.execute(
            'copy (from others order by public, public_port, protocol, "begin") to %s %s'
            % (duckdb_engine.quoted(path), _FORMAT % (ROW_GROUP, DICTIONARY))
        )
        rows, first, last, end, going = self.base.execute(
            'select count(*), min("begin"), max("begin"), max("end"), count(*) - count("end") from others'
        ).fetchone()
        return [rows, first, last, None if going else end] if rows else None

    def _drop_ended(self, ended):
        """A translation that went on when it was written, and ended later in the day, is one."""
        number = " + ".join("split_part(%%s, '.', %d)::ubigint * %d" % (i + 1, 256 ** (3 - i)) for i in range(4))
        public, inside, destination = (number.replace("%s", name) for name in ("public", "inside", "destination"))
        self.base.execute(
            "create temp table going as select rowid as id, gateway, protocol, (%s) * 65536 + public_port as public, "
            '(%s)::uinteger as inside, inside_port, "begin", '
            "case when destination is null then null else (%s)::uinteger end as destination, destination_port "
            "from others where \"end\" is null and public not like '%%:%%' and inside not like '%%:%%'"
            % (public, inside, destination)
        )
        self.base.execute(
            "delete from others where rowid in (select id from going join read_parquet(%s) as f on "
            'f.public = going.public and f.protocol = going.protocol and f."begin" = going."begin" and '
            "f.inside = going.inside and f.inside_port = going.inside_port and f.gateway = going.gateway and "
            "f.destination is not distinct from going.destination and "
            "f.destination_port is not distinct from going.destination_port)" % duckdb_engine.listed(ended)
        )

    def _write_lines(self):
        self.base.execute(
            'copy (from %s order by gateway, "at", line) to %s %s'
            % (
                _csv(self.scan.texts, _LINE),
                duckdb_engine.quoted(os.path.join(self.folder, "lines.parquet")),
                _LINES,
            )
        )

    def _write_plans(self):
        found = {}
        path = os.path.join(self.work, "plans.csv")
        with open(path, "w", encoding="ascii") as file:
            for (gateway, identity), parts in sorted(self.scan.plans.items()):
                whole = sorted(parts)
                entries = [entry for part in whole for entry in parts[part][1]]
                complete = [number for number, _total in whole] == list(range(1, whole[0][1] + 1)) and plan_id(
                    entries
                ) == identity
                known = found.setdefault(identity, {"gateways": [], "complete": False, "rows": 0})
                known["gateways"].append(self.scan.gateways[gateway])
                known["complete"] = known["complete"] or complete
                for part in whole:
                    place, rows = parts[part]
                    for row in rows:
                        known["rows"] += 1
                        file.write(self._plan_row(gateway, identity, row, place))
        if found:
            self.base.execute(
                "copy (from %s order by plan, public, first, gateway) to %s %s"
                % (
                    _csv(path, _PLAN),
                    duckdb_engine.quoted(os.path.join(self.folder, "plans.parquet")),
                    _FORMAT % (ROW_GROUP, DICTIONARY),
                )
            )
        return found

    def _write_holders(self):
        """What the day's records of class session say of inside addresses."""
        path = os.path.join(self.work, "holders.csv")
        with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            for source in catalogue.files(self.store, catalogue.HOLDER_CLASS, self.day):
                for event, place in dhcp_radius.events(source):
                    writer.writerow((*event, store.host_of(source), *place))
                    if event.holds is None:
                        self._name_strange(os.path.basename(source), event, place)
        if not os.path.getsize(path):
            return None
        self.base.execute("create temp table told as from " + _csv(path, dhcp_radius.COLUMNS, quote='"'))
        self.base.execute(
            'copy (from told order by address, "at") to %s %s'
            % (duckdb_engine.quoted(os.path.join(self.folder, "holders.parquet")), _LINES)
        )
        return list(self.base.execute('select count(*), min("at"), max("at") from told').fetchone())

    def _name_strange(self, name, event, place):
        self.strange_total += 1
        if len(self.strange) < record_files.MOST_BAD:
            about = "no address that can be read" if event.address == dhcp_radius.UNREADABLE else event.address
            self.strange.append([name, place[0], "its words of %s are none that are known" % about])

    def _plan_row(self, gateway, identity, row, place):
        fields = row.split(",")
        fields += [""] * (6 - len(fields))
        return "%d,%s,%s,%d,%d,%d\n" % (gateway, identity, ",".join(fields[:6]), *place)


def _even(rows):
    """The size of row groups of which all are about as large; DuckDB writes whole vectors of 2048."""
    groups = -(-rows // ROW_GROUP)
    return -(-rows // (groups * 2048)) * 2048


def _entries(folder):
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return []


def _paths(folder):
    return sorted(entry.path for entry in os.scandir(folder))


_MOST = {"utinyint": 255, "usmallint": 65535, "uinteger": 4294967295}


def _weed(chunk, kind, path, columns):
    """Take out of a chunk the entries that are none, though their list is the one that was written."""
    bad = []
    good = path + ".good"
    with open(path, "rb") as file, open(good, "wb") as out:
        for number, row in enumerate(file):
            fields = row.rstrip(b"\n").split(b",")
            if len(fields) == len(columns) and all(
                field.isdigit() and int(field) <= _MOST[column] for field, (_name, column) in zip(fields, columns)
            ):
                out.write(row)
            else:
                text = row[:60].decode("ascii", "replace").rstrip("\n")
                bad.append((chunk.gateway, chunk.line_of(kind, number), "the entry %r is not well-formed" % text))
    os.replace(good, path)
    return bad
