# SPDX-License-Identifier: GPL-3.0-or-later
"""What each step gets and takes of this machine's processors, with the hosts that it makes, where several want them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup/cpu")
"""Where cgroups v1 share processors. What a step starts stays in the step's group, the hosts of its lab too."""
ACCOUNTS = Path("/sys/fs/cgroup/cpuacct")
"""Where they count what a group takes."""
LONGEST, OTHERS = 3072, 1024
"""The shares of the two steps for which all others wait in the end, and of each other (cpu.shares).

Four tests of a lab that take 11 s alone took 36 s beside four busy sessions without groups, and 17 s with these.
"""
YIELD = ("nice", "-n", "3")
"""With which a program gets half as much as the longest step's, where there are no such groups. It says nothing to the
hosts: the kernel shares processors among sessions, and each of their services is one (sched(7))."""
ENTER = 'while [ "$1" != -- ]; do { mkdir -p "${1%/*}" && echo $$ >"$1"; } 2>/dev/null; shift; done; shift; exec "$@"'
"""Another run may just have taken a group away; a step without one is no error of its tests."""


@dataclass(frozen=True)
class Share:
    """A step's part of the processors.

    C(words) start a program in it. C(account) is the file with the nanoseconds that all in it have taken, if there is
    one (cpuacct.usage): those of the hosts, too, and of who was not waited for.
    """

    words: tuple[str, ...]
    account: Path | None

    def taken(self) -> float | None:
        """Seconds of CPU until now; None where nobody counts them."""
        return int(self.account.read_text()) / 1e9 if self.account else None


@contextmanager
def share(step: str, longest: bool, groups: Path = GROUPS, accounts: Path = ACCOUNTS) -> Iterator[Share]:
    """Have a group for a step while it runs.

    Within it all is as it would be without: what a unit says of its niceness counts among its own hosts alone.
    """
    name = f"order82-test-{step.replace(' ', '-')}"
    group, account = groups / name, accounts / name
    shared = _made(group / "cpu.shares", str(LONGEST if longest else OTHERS))
    counted = _made(account / "cpuacct.usage", "0")
    entered = [str(one / "cgroup.procs") for one, there in ((group, shared), (account, counted)) if there]
    words = ("sh", "-c", ENTER, "sh", *entered, "--") if entered else ()
    try:
        yield Share((*words, *(() if shared or longest else YIELD)), account / "cpuacct.usage" if counted else None)
    finally:
        for one in (group, account):
            with suppress(OSError):
                one.rmdir()


def _made(setting: Path, value: str) -> bool:
    """Make a group and give a setting its value: whether there are such groups, and who runs this may have one."""
    try:
        setting.parent.mkdir(exist_ok=True)  # one stays where hosts of a run that was broken off were in it
        if not setting.exists():
            raise FileNotFoundError(setting)
        setting.write_text(value)
    except OSError:
        with suppress(OSError):
            setting.parent.rmdir()
        return False
    return True
