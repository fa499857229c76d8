# SPDX-License-Identifier: GPL-3.0-or-later
"""A step of the tests: one program, its whole output in a file, and how many tests it stands for."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..paths import CHECKOUT, LOCAL_CACHE
from ..process import cpu_seconds, run
from ..progress import say
from .shares import share

LOGS = LOCAL_CACHE / "test"
TAIL = 40
WIDTH = 300
"""So much of a line is said; the log has all of it."""
# pytest's last line: "=== 1 failed, 9 passed, 2 skipped in 3.21s ===".
CLOSING = re.compile(r"^=*\s*((?:\d+ [a-z]+,? ?)+) in [\d.]+s.*$", re.MULTILINE)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# pytest's own list of what failed, before its last line: "FAILED tests/x.py::test_y - AssertionError: why".
LISTED = re.compile(r"^(?:FAILED|ERROR) (\S*?\.py(?:::.+?)?)(?: - .*)?$", re.MULTILINE)
# Of what pytest says of one: its name, where it was, and why.
WHY = re.compile(r"_{3,} .+ _{3,}$|\S+\.py:\d+: |E  ")


@dataclass(frozen=True)
class Took:
    """What a step cost: seconds from its begin to its end, and seconds of CPU; those of a lab's hosts are in it where
    groups of processes are counted (shares.Share.taken)."""

    step: str
    seconds: float
    cpu: float


@dataclass(frozen=True)
class Count:
    """How many tests passed and failed."""

    passed: int = 0
    failed: int = 0
    failing: tuple[str, ...] = ()
    """What they are called."""
    took: tuple[Took, ...] = ()

    def __add__(self, other: Count) -> Count:
        return Count(
            self.passed + other.passed,
            self.failed + other.failed,
            self.failing + other.failing,
            self.took + other.took,
        )


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


def listed(output: str) -> list[str]:
    """The tests that a pytest in this output lists as failed."""
    return list(dict.fromkeys(LISTED.findall(COLOURS.sub("", output))))


def reason(output: str, notable: str) -> list[str]:
    """The lines of an output that tell of a failure: pytest's of its failed tests, or else the last notable ones."""
    lines = COLOURS.sub("", output).rstrip().splitlines()
    if listed(output):
        lines = list(dict.fromkeys(line for line in lines if WHY.match(line)))[:TAIL]
    else:
        lines = [line for line in lines if re.match(notable, line)][-TAIL:]
    return [line[:WIDTH] for line in lines]


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
    longest: bool = False
    """All wait for it in the end, so it gets more of the processors than each of the others."""

    def run(self) -> Count:
        """Run it to its end, whatever it finds, and say in one line how it went."""
        begun = time.monotonic()
        log = LOGS / f"{self.name.replace(' ', '-')}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        env = os.environ | {"NO_COLOR": "1", "PY_COLORS": "0"} | self.env
        cpu: list[float] = []
        with log.open("w") as file, share(self.name, self.longest) as part:
            code = run(
                [*part.words, *self.command],
                ended=lambda pid: cpu.append(cpu_seconds(pid)),
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=env,
            ).returncode
            taken = part.taken()
        output = log.read_text(errors="replace")
        took = Took(self.name, time.monotonic() - begun, sum(cpu) if taken is None else taken)
        count = replace(self.counted(output, code), took=(took,))
        if count.failed:
            why = "".join(f"\n    {line}" for line in reason(output, self.notable))
            said = f"{count.passed} passed, {count.failed} failed, {took.seconds:.1f} s"
            say(f"FAILED  {self.name} ({said}), see {log}{why}")
            names = tuple(f"{self.name}: {test}" for test in listed(output)) or (self.name,)
            return replace(count, failing=names)
        say(f"ok      {self.name} ({count.passed} passed, {took.seconds:.1f} s)")
        return count
