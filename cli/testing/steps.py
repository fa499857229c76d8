# SPDX-License-Identifier: GPL-3.0-or-later
"""A step of the tests: one program, its whole output in a file, and how many tests it stands for."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..paths import CHECKOUT, LOCAL_CACHE
from ..process import run
from ..progress import say

LOGS = LOCAL_CACHE / "test"
TAIL = 40
# pytest's last line: "=== 1 failed, 9 passed, 2 skipped in 3.21s ===".
CLOSING = re.compile(r"^=*\s*((?:\d+ [a-z]+,? ?)+) in [\d.]+s.*$", re.MULTILINE)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Count:
    """How many tests passed and failed."""

    passed: int = 0
    failed: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed)


def pytest_count(output: str) -> Count:
    """Add up what every pytest in this output says of itself."""
    total = Count()
    for closing in CLOSING.finditer(COLOURS.sub("", output)):
        numbers = {word.rstrip("s"): int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", closing[1])}
        total += Count(numbers.get("passed", 0), numbers.get("failed", 0) + numbers.get("error", 0))
    return total


def as_one(_output: str, code: int) -> Count:
    """A program that is one test."""
    return Count(passed=1) if code == 0 else Count(failed=1)


def as_pytest(output: str, code: int) -> Count:
    """A program that is pytest: its tests count. Ending badly without a failed test is a failure too."""
    count = pytest_count(output)
    return count if count.failed or (code == 0 and count.passed) else count + Count(failed=1)


def as_scenario(output: str, code: int) -> Count:
    """A molecule scenario: it counts beside its pytest tests, and one in which none ran has proved nothing."""
    count = pytest_count(output)
    return count + (Count(passed=1) if code == 0 and count.passed and not count.failed else Count(failed=1))


@dataclass(frozen=True)
class Step:
    """One program among the tests."""

    name: str
    command: list[str]
    counted: Callable[[str, int], Count] = as_one
    folder: Path = CHECKOUT
    env: Mapping[str, str] = field(default_factory=dict)
    notable: str = ""
    """What the lines that tell of a failure match, for a program that says much else. Usually its last lines tell."""

    def run(self) -> Count:
        """Run it to its end, whatever it finds, and say in one line how it went."""
        begun = time.monotonic()
        log = LOGS / f"{self.name.replace(' ', '-')}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        env = os.environ | {"NO_COLOR": "1", "PY_COLORS": "0"} | self.env
        with log.open("w") as file:
            code = run(self.command, stdout=file, stderr=subprocess.STDOUT, cwd=self.folder, env=env).returncode
        output = log.read_text(errors="replace")
        count = self.counted(output, code)
        took = f"{time.monotonic() - begun:.1f} s"
        if count.failed:
            lines = [line for line in output.rstrip().splitlines() if re.match(self.notable, line)]
            tail = "\n".join(f"    {line}" for line in lines[-TAIL:])
            say(f"FAILED  {self.name} ({count.passed} passed, {count.failed} failed, {took}), see {log}\n{tail}")
        else:
            say(f"ok      {self.name} ({count.passed} passed, {took})")
        return count
