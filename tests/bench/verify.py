#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a collector verifies its sealed days, beside sha256sum over the same files, by turns in the same run.

The days are sealed by the collector's own code. Their content is random, so that it takes as much room compressed as
plain: what is verified is what lies there. All of it is read once before; where it fits into memory, nobody waits for
the disk. Needs root (chattr), zstd and ssh-keygen, and twice as much room in the temporary folder (TMPDIR).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "plugins"))

from module_utils.records import keys, sealing
from module_utils.records import store as record_store

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
RATIO = 4
"""How many times as fast as sha256sum the whole command must be, on all processors."""
MEGABYTES = 150
"""The most memory that it may take."""
CLASSES, DAYS, HOSTS = ("maintenance", "session"), 20, 5
GIGABYTES = 20
FIRST = datetime.date(2026, 1, 1)
BLOCK = 1 << 20
VERIFY = """
import json, resource, sys
sys.path.insert(0, sys.argv[1])
from module_utils import host_command
from module_utils.records import keys, settings
keys.FOLDER = sys.argv[3]
known = settings.Settings(sys.argv[2], tuple(sys.argv[4].split()), (), "root", 60, 1, 0, host="bench", collectors=("bench",))
settings.load = lambda: known
code = host_command.main(["records", "verify"])
print(json.dumps([code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def main() -> int:
    """Measure and report.

    :return: 0 if the limits hold, 1 if not, 2 if something did not run.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--gigabytes", type=float, default=GIGABYTES, help=f"of sealed files (default: {GIGABYTES}, or what fits)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed, in turn (default: 3)")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    options = parser.parse_args()
    missing = [name for name in ("zstd", "ssh-keygen", "sha256sum") if not shutil.which(name)]
    if missing or os.geteuid():
        print(f"{', '.join(missing) or 'root'} missing: what is sealed is made immutable by root", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="order82-bench-"))
    try:
        document = measure(options, folder)
    except (RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        subprocess.run(["chattr", "-R", "-a", "-i", folder], check=False, capture_output=True)
        shutil.rmtree(folder)
    if options.json:
        print(json.dumps(document))
    else:
        report(document)
    return 0 if document["holds"] else 1


def measure(options: argparse.Namespace, folder: Path) -> dict:
    """Make days, seal them, verify them.

    :raises RuntimeError: a command did not do what it should.
    """
    room = shutil.disk_usage(folder).free / 1e9
    asked = min(options.gigabytes, room / 2)
    begin = time.perf_counter()
    files = make(folder / "records", folder / "seal", int(asked * 1e9))
    sealed = time.perf_counter() - begin
    size = sum(path.stat().st_size for path in files)
    verified, summed, peaks = [], [], []
    for number in range(options.rounds + 1):
        begin = time.perf_counter()
        peak = verify(folder)
        middle = time.perf_counter()
        sums(files)
        end = time.perf_counter()
        if number:  # the first one only reads them into memory
            verified.append(middle - begin)
            summed.append(end - middle)
            peaks.append(peak)
    ratio = statistics.median(summed) / statistics.median(verified)
    document = {
        "gigabytes": size / 1e9,
        "days": len(CLASSES) * DAYS,
        "files": len(files),
        "processors": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "seal_seconds": sealed,
        "verify_seconds": statistics.median(verified),
        "sha256sum_seconds": statistics.median(summed),
        "ratio": ratio,
        "megabytes": max(peaks) / 1000,
        "limits": {"ratio": ratio >= RATIO, "megabytes": max(peaks) / 1000 <= MEGABYTES},
    }
    document["holds"] = all(document["limits"].values())
    return document


def make(store: Path, seal: Path, size: int) -> list[Path]:
    """Days of about so many bytes, sealed; the files that lie there then."""
    keys.FOLDER = str(seal)
    each = max(size // (len(CLASSES) * DAYS * HOSTS), BLOCK)
    for record_class in CLASSES:
        sealer = sealing.Sealer(str(store), record_class, "bench", (os.geteuid(), os.getegid()))
        for number in range(DAYS):
            day = FIRST + datetime.timedelta(days=number)
            folder = store / record_class / str(day)
            folder.mkdir(mode=0o750, parents=True)
            for host in range(HOSTS):
                with open(folder / f"host{host}.log", "wb") as file:
                    for _block in range(each // BLOCK):
                        file.write(os.urandom(BLOCK))
            sealer.seal(day)
    return sorted(path for path in store.glob("*/*/*") if path.name.endswith(record_store.COMPRESSED))


def verify(folder: Path) -> int:
    """The whole command; its peak of resident memory in kB."""
    words = [
        sys.executable,
        "-c",
        VERIFY,
        str(PLUGINS),
        str(folder / "records"),
        str(folder / "seal"),
        " ".join(CLASSES),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"verify did not end well:\n{done.stderr}")
    code, peak = json.loads(done.stdout.splitlines()[-1])
    if code:
        raise RuntimeError(f"verify found what is not there:\n{done.stdout}")
    return peak


def sums(files: list[Path]) -> None:
    """The same files by sha256sum."""
    subprocess.run(["sha256sum", *map(str, files)], stdout=subprocess.DEVNULL, check=True)


def report(document: dict) -> None:
    """Print what was measured."""
    marks = {True: "", False: "  MISSED"}
    print(
        f"sealed       {document['gigabytes']:.1f} GB, {document['files']} files, {document['days']} days, in {document['seal_seconds']:.0f} s\n"
        f"sha256sum    {document['sha256sum_seconds']:.2f} s\n"
        f"verify       {document['verify_seconds']:.2f} s on {document['processors']} processors (load {document['load_average']:.1f})\n"
        f"ratio        {document['ratio']:.2f} (at least {RATIO}){marks[document['limits']['ratio']]}\n"
        f"memory       {document['megabytes']:.0f} MB (at most {MEGABYTES}){marks[document['limits']['megabytes']]}"
    )


if __name__ == "__main__":
    sys.exit(main())
