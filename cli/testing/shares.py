# SPDX-License-Identifier: GPL-3.0-or-later
"""What each step gets of this machine's processors, with the hosts that it makes, where several want them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup/cpu")
"""Where cgroups v1 share processors. What a step starts stays in the step's group, the hosts of its lab too."""
LONGEST, OTHERS = 3072, 1024
"""The shares of the two steps for which all others wait in the end, and of each other (cpu.shares).

Four tests of a lab that take 11 s alone took 36 s beside four busy sessions without groups, and 17 s with these.
"""
YIELD = ("nice", "-n", "3")
"""With which a program gets half as much as the longest step's, where there are no such groups. It says nothing to the
hosts: the kernel shares processors among sessions, and each of their services is one (sched(7))."""
ENTER = '{ mkdir -p "${0%/*}" && echo $$ >"$0"; } 2>/dev/null; exec "$@"'
"""Another run may just have taken the group away; a step without one is no error of its tests."""


@contextmanager
def share(step: str, longest: bool, groups: Path = GROUPS) -> Iterator[list[str]]:
    """Have a group for a step while it runs, and give the words that start a program in it.

    Within it all is as it would be without: what a unit says of its niceness counts among its own hosts alone.
    """
    group = groups / f"order82-test-{step.replace(' ', '-')}"
    try:
        group.mkdir(exist_ok=True)  # one stays where hosts of a run that was broken off were in it
        if not (group / "cpu.shares").exists():
            raise FileNotFoundError(group)
        (group / "cpu.shares").write_text(str(LONGEST if longest else OTHERS))
    except OSError:  # no such groups, or none for who runs this
        with suppress(OSError):
            group.rmdir()
        yield [] if longest else [*YIELD]
        return
    try:
        yield ["sh", "-c", ENTER, str(group / "cgroup.procs")]
    finally:
        with suppress(OSError):
            group.rmdir()
