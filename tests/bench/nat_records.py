#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""NAT records: bytes a record, how long a day takes to index, and how long a trace takes, beside nfdump in the same run.

The day is made up (_nat_day.py). nfdump gets up to 5 million of the same sessions as IPFIX over loopback. Needs the
Debian packages nfdump and zstd, and the Python module duckdb. 50 million records need 12 GB in the temporary folder
(TMPDIR) and about 15 minutes. Times are those of a shared machine: the processor time of the build stands beside them.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import random
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _nat_day import BEGIN, DAY, PLUGINS, write_day  # and with it the path of module_utils
from _nfdump import Nfdump, run
from module_utils.nat import times
from module_utils.nat.answer import request
from module_utils.nat.answer.tracer import Tracer
from module_utils.nat.index import catalogue, duckdb_engine

FULL, PLAIN, LEAST = 13, 10, 5
"""The most bytes of index a record: all there is; without destination; whole seconds without ports of the inside."""
RAW = 30
"""The most bytes of evidence a record, compressed with zstd -3."""
NFDUMP_RATIO = 100
"""How much faster than nfdump's scan a trace must be; judged from 50 million records on."""
COLD_SECONDS = 0.25
"""The whole command, index evicted from the page cache: the day known."""
DAYS_RATIO = 1.25
"""The most that a trace over 60 days may take, the day known, in traces over one day of the same run."""
WITHOUT_DAY_SECONDS = 1.0
MANY_SECONDS = 1.0
"""1,000 requests to one day in one call, evidence included."""
BUILD_RATE = 50_000_000 / 90
"""The fewest records indexed a second."""
BUILD_MEGABYTES = 2500
"""The most memory of a build (resident, with the pages of files it maps)."""

DAYS = 60
JUDGED_FROM = 50_000_000


def main() -> int:
    """Measure and report.

    :return: 0 if all limits hold, 1 if not, 2 if something did not run.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=5_000_000, help="how many (default: 5,000,000)")
    parser.add_argument("--rounds", type=int, default=100, help="how many traces are timed (default: 100)")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    options = parser.parse_args()
    missing = [name for name in ("nfcapd", "nfdump", "zstd") if not shutil.which(name)]
    if missing:
        print(f"{', '.join(missing)} missing: apt-get install nfdump zstd", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="order82-bench-") as folder:
        try:
            document = measure(options, Path(folder))
        except (RuntimeError, OSError) as error:
            print(error, file=sys.stderr)
            return 2
    if options.json:
        print(json.dumps(document))
    else:
        report(document)
    return 0 if document["holds"] else 1


def measure(options: argparse.Namespace, folder: Path) -> dict:
    """Make the day, index it, ask.

    :param options: the command line.
    :param folder: an empty folder.
    :raises RuntimeError: a command did not do what it should.
    """
    plain = folder / "plain"
    write_day(plain, options.records, destinations=False)
    raw_plain = compressed(plain) / options.records
    built = build(plain, folder / "index-plain")
    bytes_plain = size(folder / "index-plain") / options.records
    shutil.rmtree(plain)
    shutil.rmtree(folder / "index-plain")

    store = folder / "store"
    nfdump = Nfdump(folder / "nfdump")
    write_day(store, options.records, destinations=True, also=nfdump.feed)
    nfdump.finish()
    raw = compressed(store) / options.records
    build(store, folder / "index-least", least=True)
    bytes_least = size(folder / "index-least") / options.records
    shutil.rmtree(folder / "index-least")
    index = folder / "index"
    built = build(store, index)
    truth = sample(index, options.rounds + 1000)
    document = {
        "records": options.records,
        "load_average": os.getloadavg()[0],
        "processors": os.cpu_count(),
        "bytes": {
            "raw_zstd": raw,
            "raw_zstd_without_destination": raw_plain,
            "full": size(index) / options.records,
            "without_destination": bytes_plain,
            "least": bytes_least,
        },
        "build": {**built, "records_a_second": options.records / built["seconds"]},
        "nfdump": nfdump.scan(truth, options.records),
        "many": many(store, index, truth[-1000:]),
    }
    months = folder / "sixty"
    sixty(index, months)
    document["trace"], document["sixty_days"] = traces(store, (index, months), truth[: options.rounds])
    document["cold"], document["sixty_days_cold"] = cold(store, (index, months), truth[:11])
    [document["without_day"]] = traces(store, (months,), truth[:11], timed=False)
    document["nfdump_ratio"] = document["nfdump"]["scan_seconds"] / document["trace"]["median"]
    document["limits"] = limits(document)
    document["holds"] = all(document["limits"].values())
    return document


def limits(document: dict) -> dict:
    """Which of the limits hold."""
    found = {
        "raw": document["bytes"]["raw_zstd"] <= RAW,
        "full": document["bytes"]["full"] <= FULL,
        "without_destination": document["bytes"]["without_destination"] <= PLAIN,
        "least": document["bytes"]["least"] <= LEAST,
        "build_rate": document["build"]["records_a_second"] >= BUILD_RATE,
        "build_memory": document["build"]["megabytes"] <= BUILD_MEGABYTES,
        "cold": document["cold"]["median"] <= COLD_SECONDS,
        "sixty_days": document["sixty_days"]["median"] <= DAYS_RATIO * document["trace"]["median"],
        "sixty_days_cold": document["sixty_days_cold"]["median"] <= COLD_SECONDS,
        "without_day": document["without_day"]["median"] <= WITHOUT_DAY_SECONDS,
        "many": document["many"]["seconds"] <= MANY_SECONDS,
    }
    if document["records"] >= JUDGED_FROM:
        found["nfdump_ratio"] = document["nfdump_ratio"] >= NFDUMP_RATIO
    return found


def compressed(store: Path) -> int:
    """The bytes of all records after zstd -3."""
    [path] = store.glob("nat_mapping/*/*.log")
    with subprocess.Popen(["zstd", "-3", "-q", "-c", str(path)], stdout=subprocess.PIPE) as process:
        return sum(iter(lambda: len(process.stdout.read(1 << 20)), 0))


def build(store: Path, index: Path, least: bool = False) -> dict:
    """Build the index in a process of its own."""
    program = (
        "import datetime, sys; sys.path.insert(0, sys.argv[1]); from module_utils.nat.index import build; "
        "build.build(sys.argv[2], sys.argv[3], datetime.date.fromisoformat(sys.argv[4]), least=sys.argv[5] == 'True'); "
        "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    )
    begin = time.perf_counter()
    before = os.times()
    peak = run([sys.executable, "-c", program, str(PLUGINS), str(store), str(index), DAY.isoformat(), str(least)])
    after = os.times()
    return {
        "seconds": time.perf_counter() - begin,
        "processor_seconds": after.children_user
        + after.children_system
        - before.children_user
        - before.children_system,
        "megabytes": int(peak) / 1000,
    }


def size(index: Path) -> int:
    """The bytes of an index, all its files."""
    return sum(path.stat().st_size for path in index.rglob("*") if path.is_file())


def sample(index: Path, number: int) -> list[dict]:
    """Sessions to be asked for, and the truth about them."""
    base = duckdb_engine.connect()
    [day] = catalogue.load(str(index))
    rows = []
    for bucket in range(catalogue.BUCKETS):
        [path] = [path for path in day.flow_files(bucket, BEGIN, BEGIN + times.DAY) if catalogue.BEFORE not in path]
        rows += base.execute(
            'select public, protocol, inside, inside_port, "begin" + (lasted_s::bigint * 1000 + lasted_ms) // 2 '
            f"from read_parquet({duckdb_engine.quoted(path)}) using sample {number // catalogue.BUCKETS + 1} rows"
        ).fetchall()
    random.Random(82).shuffle(rows)
    return [
        {
            "public_address": socket.inet_ntoa(struct.pack(">I", public >> 16)),
            "public_port": public & 65535,
            "protocol": protocol,
            "inside": (socket.inet_ntoa(struct.pack(">I", inside)), inside_port),
            "time": times.iso(middle),
        }
        for public, protocol, inside, inside_port, middle in rows[:number]
    ]


def question(row: dict, timed: bool = True) -> request.Request:
    """A sampled session as it is asked for."""
    return request.request(
        row["public_address"],
        port=row["public_port"],
        protocol=row["protocol"],
        time=row["time"] if timed else None,
        tolerance_seconds=1 if timed else 0,
    )


def traces(store: Path, indexes: tuple[Path, ...], truth: list[dict], timed: bool = True) -> list[dict]:
    """Ask one after the other in one process, each of the indexes in turn, and check each answer."""
    tracers = [Tracer(str(store), str(index), threads=1) for index in indexes]
    taken = [[] for _index in indexes]
    ambiguous = 0
    for tracer in tracers:
        tracer.ask([question(truth[0], timed)])
    for row in truth:
        for tracer, seconds in zip(tracers, taken, strict=True):
            begin = time.perf_counter()
            [answer] = tracer.ask([question(row, timed)])
            seconds.append(time.perf_counter() - begin)
            _check(row, answer, timed)
        ambiguous += answer["ambiguous"]
    return [
        {"median": statistics.median(seconds), "p95": _p95(seconds), "ambiguous": ambiguous / len(truth)}
        for seconds in taken
    ]


def many(store: Path, index: Path, truth: list[dict]) -> dict:
    """Ask a thousand at once."""
    taken = []
    with Tracer(str(store), str(index)) as tracer:
        for _round in range(3):
            begin = time.perf_counter()
            answers = tracer.ask([question(row) for row in truth])
            taken.append(time.perf_counter() - begin)
    for row, answer in zip(truth, answers, strict=True):
        _check(row, answer, True)
    return {"requests": len(truth), "seconds": statistics.median(taken)}


def _check(row: dict, answer: dict, timed: bool) -> None:
    found = [one for one in answer["candidates"] if (one["inside_address"], one["inside_port"]) == row["inside"]]
    proven = not timed or (found and found[0]["evidence"] and answer["status"] in {"one", "ambiguous"})
    if not found or not proven:
        raise RuntimeError(f"a wrong answer: {row} {answer}")


def cold(store: Path, indexes: tuple[Path, ...], truth: list[dict]) -> list[dict]:
    """The whole command, each time with the index and the catalogue evicted from the page cache."""
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); from module_utils.nat.answer import request, tracer; "
        "print(json.dumps(tracer.trace(sys.argv[2], sys.argv[3], request.request(sys.argv[4], port=sys.argv[5], "
        "protocol=sys.argv[6], time=sys.argv[7], tolerance_seconds=1))))"
    )
    taken = [[] for _index in indexes]
    for row in truth:
        for index, seconds in zip(indexes, taken, strict=True):
            evict(index)
            begin = time.perf_counter()
            answer = run(
                [
                    *(sys.executable, "-c", program, str(PLUGINS), str(store), str(index)),
                    *(row["public_address"], str(row["public_port"]), str(row["protocol"]), row["time"]),
                ]
            )
            seconds.append(time.perf_counter() - begin)
            _check(row, json.loads(answer), True)
    return [{"median": statistics.median(seconds), "p95": _p95(seconds)} for seconds in taken]


def evict(index: Path) -> None:
    """Drop the files of an index from the page cache."""
    for folder, _folders, names in os.walk(index, followlinks=True):
        for name in names:
            fd = os.open(os.path.join(folder, name), os.O_RDONLY)
            try:
                os.fdatasync(fd)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(fd)


def sixty(index: Path, months: Path) -> None:
    """An index of 60 days, of which each is the one day again, at another time."""
    months.mkdir()
    [path] = index.glob("*.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    folder = index / document["folder"]
    for number in range(DAYS):
        shift = (number - DAYS // 2) * times.DAY
        name = (DAY + datetime.timedelta(days=number - DAYS // 2)).isoformat()
        link = f"{name}.{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        (months / link).symlink_to(folder)
        moved = {
            **document,
            "day": name,
            "folder": link,
            "flows": {
                bucket: [rows, *[at + shift for at in times]] for bucket, (rows, *times) in document["flows"].items()
            },
            "texts": [at + shift for at in document["texts"]],
        }
        (months / f"{name}.json").write_text(json.dumps(moved), encoding="utf-8")


def report(document: dict) -> None:
    """Print what was measured."""
    marks = {True: "", False: "  MISSED"}
    held = document["limits"]
    sizes, built = document["bytes"], document["build"]
    trace, sixty_days = document["trace"], document["sixty_days"]

    def row(name: str, value: str, limit: str = "") -> None:
        print(f"{name:<44}{value:>26}{marks[held.get(limit, True)]}")

    row("records", f"{document['records']:,}")
    row("load average while measuring", f"{document['load_average']:.1f}")
    row(f"evidence, zstd -3 (at most {RAW} bytes)", f"{sizes['raw_zstd']:.1f} B", "raw")
    row("  without destination", f"{sizes['raw_zstd_without_destination']:.1f} B")
    row(f"index, full (at most {FULL})", f"{sizes['full']:.2f} B", "full")
    row(f"  without destination (at most {PLAIN})", f"{sizes['without_destination']:.2f} B", "without_destination")
    row(f"  least (at most {LEAST})", f"{sizes['least']:.2f} B", "least")
    row("nfdump, LZ4", f"{document['nfdump']['bytes']:.1f} B")
    row(
        f"build (at least {BUILD_RATE:,.0f} records/s)",
        f"{built['records_a_second']:,.0f}/s {built['seconds']:.0f} s",
        "build_rate",
    )
    row("  processor time", f"{built['processor_seconds']:.0f} s")
    row(f"  memory (at most {BUILD_MEGABYTES} MB)", f"{built['megabytes']:.0f} MB", "build_memory")
    row("nfdump's scan", f"{document['nfdump']['scan_seconds'] * 1000:.0f} ms")
    row("trace, median / p95", f"{trace['median'] * 1000:.1f} / {trace['p95'] * 1000:.1f} ms")
    row(f"  times faster (at least {NFDUMP_RATIO} at 50 M)", f"{document['nfdump_ratio']:.0f}", "nfdump_ratio")
    row("  more than one candidate at 1 s", f"{trace['ambiguous']:.1%}")
    row(
        f"trace over {DAYS} days (at most {DAYS_RATIO} x)",
        f"{sixty_days['median'] * 1000:.1f} / {sixty_days['p95'] * 1000:.1f} ms",
        "sixty_days",
    )
    row(
        f"  no time given (at most {WITHOUT_DAY_SECONDS} s)",
        f"{document['without_day']['median'] * 1000:.0f} / {document['without_day']['p95'] * 1000:.0f} ms",
        "without_day",
    )
    row(f"whole command, cold (at most {COLD_SECONDS} s)", f"{document['cold']['median'] * 1000:.0f} ms", "cold")
    row(f"  over {DAYS} days", f"{document['sixty_days_cold']['median'] * 1000:.0f} ms", "sixty_days_cold")
    row(f"1,000 requests (at most {MANY_SECONDS} s)", f"{document['many']['seconds'] * 1000:.0f} ms", "many")


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


if __name__ == "__main__":
    sys.exit(main())
