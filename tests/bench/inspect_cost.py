#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inspection costs beside a ping: the wall time of both, and their ratio.

The inspection is the whole playbook: it observes one host with 200 checks, judges and writes the report. The checks are
those that the host has, repeated in a copy of the collection until there are so many, with other paths and other systemd
units in each repetition, and every fourth path with a Jinja expression in it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
PARTS = ("law", "meta", "playbooks", "plugins", "roles", "galaxy.yml")
LIMIT = 1.5
"""The most that the inspection may take, in pings of the same run."""

UNITS = tuple(
    f"{name}.service"
    for name in (
        "cron",
        "dbus",
        "ssh",
        "systemd-journald",
        "systemd-journal-flush",
        "systemd-logind",
        "systemd-random-seed",
        "systemd-remount-fs",
        "systemd-sysctl",
        "systemd-sysusers",
        "systemd-timesyncd",
        "systemd-tmpfiles-setup",
        "systemd-udevd",
        "systemd-update-utmp",
        "systemd-user-sessions",
        "user@0",
    )
)


def main() -> int:
    """Measure and report.

    :return: 0 if the ratio is within LIMIT, 1 if not, 2 if something did not run.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-i", "--inventory", type=Path, default=CHECKOUT / "inventories" / "lab")
    parser.add_argument("host", nargs="?", default="web")
    parser.add_argument("--checks", type=int, default=200, help="how many checks the host has (default: 200)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed, in turn (default: 5)")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="order82-bench-") as folder:
        try:
            document = measure(options, Path(folder))
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 2
    if options.json:
        print(json.dumps(document))
    else:
        print(
            f"ping        {document['ping_seconds']:.2f} s (median of {options.rounds})\n"
            f"inspection  {document['inspection_seconds']:.2f} s ({document['checks']} checks on {options.host})\n"
            f"ratio       {document['ratio']:.2f} (at most {LIMIT})"
        )
    return 0 if document["holds"] else 1


def measure(options: argparse.Namespace, folder: Path) -> dict:
    """Time ping and inspection in turn.

    :param options: the command line.
    :param folder: an empty folder for the copy of the collection and for the reports.
    :raises RuntimeError: a command did not do what it should; the text says which and why.
    """
    collection = folder / "ansible_collections" / "order82" / "baseline"
    for part in PARTS:
        source = CHECKOUT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, _made(collection) / part)
    own = inspect(options, folder)
    repeat_checks(collection / "roles", [one["check"] for one in own], options.checks)
    pings, inspections = [], []
    for _round in range(options.rounds):
        begin = time.monotonic()
        ping(options, folder)
        middle = time.monotonic()
        seen = inspect(options, folder)
        inspections.append(time.monotonic() - middle)
        pings.append(middle - begin)
    if len(seen) != options.checks:
        raise RuntimeError(f"{len(seen)} checks were seen, {options.checks} were to be measured")
    ratio = statistics.median(inspections) / statistics.median(pings)
    return {
        "host": options.host,
        "checks": len(seen),
        "rounds": options.rounds,
        "ping_seconds": statistics.median(pings),
        "inspection_seconds": statistics.median(inspections),
        "pings": pings,
        "inspections": inspections,
        "ratio": ratio,
        "limit": LIMIT,
        "holds": ratio <= LIMIT,
    }


def repeat_checks(roles: Path, names: list[str], number: int) -> None:
    """Write the checks that a host has again and again into the roles' files, until it has so many."""
    files = {role: roles / role / "checks.yml" for role in {name.partition(".")[0] for name in names}}
    checks = {role: yaml.safe_load(path.read_text(encoding="utf-8")) for role, path in files.items()}
    by_name = {check["id"]: check for entries in checks.values() for check in entries}
    written = [
        name for name in names if name in by_name
    ]  # a role's comparison is in no file, and once in an inspection
    for index in range(number - len(names)):
        check = by_name[written[index % len(written)]]
        [(observer, arguments)] = check["observe"].items()
        checks[check["id"].partition(".")[0]].append(
            {
                **check,
                "id": f"{check['id']}_{index}",
                "observe": {observer: {key: _other(key, value, index) for key, value in (arguments or {}).items()}},
            }
        )
    for role, path in files.items():
        path.write_text(yaml.safe_dump(checks[role], allow_unicode=True), encoding="utf-8")


def _other(key: str, value: object, index: int) -> object:
    if key == "path":
        return f"{value}-{index}{'{{ order82_retention_days }}' if index % 4 == 0 else ''}"
    if key == "unit":
        return UNITS[index % len(UNITS)]
    return value


def inspect(options: argparse.Namespace, folder: Path) -> list[dict]:
    """Run the whole inspection once, and give back the results of the checks that were seen."""
    reports = folder / "reports"
    done = _ansible(
        "ansible-playbook",
        options,
        folder,
        str(folder / "ansible_collections/order82/baseline/playbooks/inspect.yml"),
        "--limit",
        options.host,
        "-e",
        json.dumps({"order82_reports": str(reports)}),
    )
    path = reports / "latest" / "result.json"
    if not path.is_file():
        raise RuntimeError(f"the inspection wrote no report:\n{done.stdout}{done.stderr}")
    result = json.loads(path.read_text(encoding="utf-8"))
    seen = [one for one in result["results"] if one["at"]]
    if not seen:
        raise RuntimeError(f"no check was seen on '{options.host}': {result['summary']['alarms']}")
    return seen


def ping(options: argparse.Namespace, folder: Path) -> None:
    """Ask the host for a sign of life, as Ansible's ad-hoc command does."""
    done = _ansible("ansible", options, folder, options.host, "-m", "ansible.builtin.ping")
    if done.returncode:
        raise RuntimeError(f"'{options.host}' does not answer a ping:\n{done.stdout}{done.stderr}")


def _ansible(command: str, options: argparse.Namespace, folder: Path, *words: str) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(folder),
    }
    return subprocess.run(
        [str(Path(sys.executable).parent / command), "-i", str(options.inventory), *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
