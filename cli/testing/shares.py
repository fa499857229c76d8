# SPDX-License-Identifier: GPL-3.0-or-later
"""What each step gets of this machine's processors, with the hosts that it makes, where several want them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup/cpu")
"""Where cgroups v1 share processors. What a step starts stays in the step's group, the hosts of its lab too."""
LONGEST, OTHERS = 3072, 1024
"""The shares of the step for which all others wait in the end, and of each other (cpu.shares).

Four tests of a lab that take 11 s alone took 36 s beside four busy sessions without groups, and 17 s with these.
"""
YIELD = ("nice", "-n", "3")
"""With which a program gets half as much as the longest step's, where there are no such groups. It says nothing to the
hosts: the kernel shares processors among sessions, and each of their services is one (sched(7))."""
ENTER = 'echo $$ >"$0" && exec "$@"'


@contextmanager
def share(step: str, longest: bool, groups: Path = GROUPS) -> Iterator[list[str]]:
    """Have a group for a step while it runs, and give the words that start a program in it.

    Within it all is as it would be without: what a unit says of its niceness counts among its own hosts alone.
    """
    if not (groups / "cpu.shares").exists() or not os.access(groups, os.W_OK):
        yield [] if longest else [*YIELD]
        return
    group = groups / f"order82-test-{step.replace(' ', '-')}"
    group.mkdir(exist_ok=True)  # one stays where hosts of a run that was broken off were in it
    (group / "cpu.shares").write_text(str(LONGEST if longest else OTHERS))
    try:
        yield ["sh", "-c", ENTER, str(group / "cgroup.procs")]
    finally:
        with suppress(OSError):
            group.rmdir()
