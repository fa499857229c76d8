#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup costs beside plain restic: the same files into two repositories each, in one run.

Both make a first backup, then several of the same files with a few changed. Ours also asks each repository whether
it is free, lists what the snapshot has, hashes what is new and backs the manifest up beside it: that is what a drill
compares with. These are three more calls of restic for each repository, and each takes half a second whatever the size:
restic makes its keys so that opening a repository takes that long. Repositories are folders on this machine, so neither
waits for a network; the alternative to each round is the other arm's round. Needs root and restic. Files are half text
and half random, so that they compress by half.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from plugins.module_utils.backup import kinds, restic, running, settings

SLOWER = 4.0
"""The most times as long that a later backup may take: of small files that hardly change it is the five calls instead of one."""
LARGER = 1.1
"""The most times as many bytes that the repositories may have."""
PLACES = ("one", "two")


def main() -> int:
    """Measure and report.

    :return: 0 if all holds, 1 if not, 2 if something did not run.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=5000, help="number of files (default: 5000)")
    parser.add_argument("--kilobytes", type=int, default=40, help="size of a file (default: 40)")
    parser.add_argument("--rounds", type=int, default=7, help="backups after the first one (default: 7)")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    options = parser.parse_args()
    if os.geteuid() or not shutil.which("restic"):
        print("root and the package restic are needed", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="order82-bench-") as folder:
            document = measure(options, Path(folder))
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(document, indent=2) if options.json else table(document))
    return 0 if document["holds"] else 1


def measure(options: argparse.Namespace, folder: Path) -> dict:
    """Both arms by turns."""
    files = make(folder / "files", options.files, options.kilobytes << 10)
    arms = {"plain": Plain(folder / "plain"), "ours": Ours(folder / "ours")}
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for number in range(options.rounds + 1):
        if number:
            change(files, number)
        for name in sorted(arms, reverse=bool(number % 2)):
            begun = time.monotonic()
            arms[name].back_up(folder / "files")
            seconds[name].append(time.monotonic() - begun)
    sizes = {name: size(arm.folder) for name, arm in arms.items()}
    later = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    ratios = {
        "first": seconds["ours"][0] / seconds["plain"][0],
        "later": later["ours"] / later["plain"],
        "bytes": sizes["ours"] / sizes["plain"],
    }
    return {
        "files": options.files,
        "first_seconds": {name: round(times[0], 2) for name, times in seconds.items()},
        "later_seconds": {name: round(value, 2) for name, value in later.items()},
        "bytes": sizes,
        "ratios": {name: round(value, 3) for name, value in ratios.items()},
        "holds": ratios["later"] <= SLOWER and ratios["bytes"] <= LARGER,
    }


def table(document: dict) -> str:
    """For a person."""
    lines = [f"{document['files']} files into two repositories", f"{'':24}{'plain restic':>14}{'ours':>14}{'ratio':>8}"]
    for key, label, ratio in (
        ("first_seconds", "first backup, s", "first"),
        ("later_seconds", "later ones, median s", "later"),
        ("bytes", "both repositories, bytes", "bytes"),
    ):
        plain, ours = document[key]["plain"], document[key]["ours"]
        lines.append(f"{label:24}{plain:>14}{ours:>14}{document['ratios'][ratio]:>8}")
    said = "holds" if document["holds"] else "DOES NOT HOLD"
    return "\n".join([*lines, f"{said}: later at most {SLOWER} times, bytes at most {LARGER} times"])


class Plain:
    """What an administrator would type, for each repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.environment = {**os.environ, "RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": str(folder / "cache")}
        for place in PLACES:
            self.restic(place, "init")

    def restic(self, place: str, *words: str) -> None:
        argv = ["restic", "--quiet", "--repo", str(self.folder / place), *words]
        subprocess.run(argv, env=self.environment, check=True, capture_output=True)

    def back_up(self, files: Path) -> None:
        for place in PLACES:
            self.restic(place, "backup", "--host=bench", str(files))


class Ours:
    """What `order82 backup run` does; only where it notes its results there is no journal here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        kinds.STAGING, running.MANIFESTS = str(folder / "staging"), str(folder / "manifests")
        running.HASHES, restic.CACHE = str(folder / "hashes-%s"), str(folder / "cache")
        running.journal.write = lambda _name, _text: None
        files = {"password": "bench"} | {f"{place}.repository": str(folder / place) for place in PLACES}
        for name, text in files.items():
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(text, encoding="ascii")
        self.settings = settings.Settings(
            host="bench",
            sets={},
            repositories={place: str(folder / f"{place}.repository") for place in PLACES},
            domains={},
            password_file=str(folder / "password"),
            ca_file="/etc/ssl/certs/ca-certificates.crt",
            scratch=str(folder / "scratch"),
        )
        for place in restic.repositories(self.settings).values():
            place.run("init")

    def back_up(self, files: Path) -> None:
        results = running.run(self.settings, [settings.Set("files", "files", (str(files),))])
        errors = [one["error"] for one in results if "error" in one]
        if errors or len(results) != len(PLACES):
            raise RuntimeError(f"not backed up: {errors}")


def make(folder: Path, number: int, length: int) -> list[Path]:
    """Files, half of each text."""
    folder.mkdir()
    chance = random.Random(82)
    files = [folder / f"{one:06}" for one in range(number)]
    for file in files:
        file.write_bytes(b"a line of a log\n" * (length // 32) + chance.randbytes(length // 2))
    return files


def change(files: list[Path], number: int) -> None:
    """One in a hundred gets another line."""
    for file in files[number::100]:
        with file.open("a", encoding="ascii") as out:
            out.write(f"line {number}\n")


def size(folder: Path) -> int:
    """Bytes in both repositories."""
    return sum(file.stat().st_size for place in PLACES for file in (folder / place).rglob("*") if file.is_file())


if __name__ == "__main__":
    sys.exit(main())
