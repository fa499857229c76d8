# SPDX-License-Identifier: GPL-3.0-or-later
"""A collector with a store, a key and a clock that the test sets: what it says is filed where two collectors have it."""

from __future__ import annotations

import calendar
import datetime
import grp
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from ansible_collections.order82.baseline.plugins.module_utils.records import (
    chain,
    claims,
    comparing,
    holdings,
    keys,
    shares,
    spoken,
    store,
    tending,
    verifying,
    witness,
)
from ansible_collections.order82.baseline.plugins.module_utils.records import settings as record_settings

NOON = calendar.timegm((2026, 11, 24, 12, 0, 0))
DAY = 86400
TODAY = datetime.date(2026, 11, 24)


def back(days: int) -> str:
    return str(TODAY - datetime.timedelta(days=days))


def free(folder: Path) -> None:
    """Take the attributes from what has them: neither a symlink nor a pipe can."""
    subprocess.run(["find", folder, "-type", "f,d", "-exec", "chattr", "-a", "-i", "{}", "+"], check=True)


class Collector:
    """One of two collectors."""

    def __init__(
        self, folder: Path, monkeypatch, name: str = "collector1", classes=("session", "measure_state")
    ) -> None:
        self.folder, self.name, self.monkeypatch, self.number = folder, name, monkeypatch, 0
        self.root = folder / "records"
        self.root.mkdir(parents=True)
        self.said: list[str] = []
        self.settings = record_settings.Settings(
            str(self.root),
            tuple(classes),
            ("collector1", "collector2", "web"),
            pwd.getpwuid(os.geteuid())[0],
            60,
            1,
            0,
            host=name,
            collectors=("collector1", "collector2"),
        )
        monkeypatch.setattr(record_settings, "group_of", lambda _class: grp.getgrgid(os.getegid())[0])
        self.here()

    def here(self) -> None:
        """The code runs on this one now."""
        for module, name in (
            (claims, "SEEN"),
            (holdings, "SEEN"),
            (shares, "SEEN"),
            (shares, "HELD"),
            (witness, "SEEN"),
        ):
            self.monkeypatch.setattr(module, name, str(self.folder / f"{module.__name__.rpartition('.')[2]}.{name}"))
        self.monkeypatch.setattr(keys, "FOLDER", str(self.folder / "seal"))
        self.monkeypatch.setattr(spoken.journal, "write", lambda _program, text: self.said.append(text))
        self.monkeypatch.setattr(record_settings, "load", lambda: self.settings)

    def day(self, days: int, record_class: str = "session") -> Path:
        return self.root / record_class / back(days)

    def write(self, days: int, text: str = "one\n", host: str = "web", record_class: str = "session") -> None:
        """What arrived on a day that is still open."""
        path = self.day(days, record_class) / f"{host}.log"
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(text)

    def tend(self, days: int = 0, to: tuple[Collector, ...] = (), seconds: float = 0) -> tending.Report:
        """As the timer does at noon; what it says is filed as the forwarders bring it, a minute later."""
        report, now = tending.Report(), NOON - days * DAY + seconds
        tending.tend(self.settings, now, report)
        for text in [*report.done, *report.holds]:
            for one in to:
                one.file(now, self.name, text)
        return report

    def file(self, now: float, host: str, text: str) -> None:
        """A record of another collector's own words."""
        self.number += 1
        moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
        path = self.root / "measure_state" / str(moment.date()) / f"{host}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(
                f"<14>1 {moment.isoformat()} {host} order82 {self.number} - "
                '[order82@32473 class="measure_state" boot="b" uid="0" audit="" claims="" login="" unit="order82-records.service"]'
                f'[stored@32473 at="{moment.isoformat()}" from="{host}" marks=""] {text}\n'
            )

    def verify(self, **more) -> list[str]:
        """What a person is told."""
        self.here()
        found = verifying.verify(self.settings, self.settings.classes, now=NOON, **more)
        faults = {*found.faults, *comparing.own(self.settings, self.settings.classes, NOON, whole=True)}
        return [str(fault) for fault in sorted(faults)]

    def accuses(self, other: str) -> list[str]:
        """What the other one's words kept here tell of it."""
        return [str(fault) for fault in comparing.others(self.settings, NOON, whole=True)[other][0]]

    def loosen(self) -> None:
        """Root clears all attributes."""
        free(self.root)

    def tighten(self) -> None:
        """And sets them again."""
        for path in sorted(self.root.glob("*/*")):
            if path.name < back(0) and (path / store.SIGNATURE).exists():
                for one in [*path.iterdir(), path]:
                    if not one.is_symlink():
                        store.set_flags(one, store.IMMUTABLE)

    def resign(self, days: int, record_class: str = "session") -> None:
        """Who has the key makes seals for what lies there now, from a day on to the last: all of them are right."""
        self.here()
        self.loosen()
        for path in self.root.glob("*/*/*.log*"):
            store.set_flags(path, store.IMMUTABLE)
        for day in range(days, 0, -1):
            folder = self.day(day, record_class)
            if folder.is_dir():
                for name in (store.MANIFEST, store.SIGNATURE):
                    (folder / name).unlink(missing_ok=True)
        report = tending.Report()
        tending.seal_days(self.settings, record_class, NOON, report)
        assert report.alarms == []
        self.tighten()

    def forget(self) -> None:
        """What it has said is to be said anew, as on the next day."""
        Path(witness.SEEN).unlink(missing_ok=True)

    def seals(self, record_class: str = "session") -> list[chain.Seal]:
        return chain.seals(str(self.root), record_class)

    def gone(self) -> None:
        free(self.folder)
        shutil.rmtree(self.folder)
