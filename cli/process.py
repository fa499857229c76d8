# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting other programs, and leaving none of them behind.

An interrupt (Ctrl-C, or a TERM signal) must end everything that was started. Ansible's workers and many daemons leave
their parent's session, so this process adopts every orphan (PR_SET_CHILD_SUBREAPER) and ends its whole tree of
descendants. Containers are spared: podman's monitor (conmon) and what runs below it are a lab's, and the lab decides.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from .errors import BaselineError

PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 5.0

Item = TypeVar("Item")
Result = TypeVar("Result")

_stopping = threading.Event()


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, and treat TERM like Ctrl-C."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    signal.signal(signal.SIGTERM, signal.default_int_handler)


def run(
    command: Sequence[str | Path], *, failing: str = "", ended: Callable[[int], None] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end with its output captured, in a process group that a terminal's Ctrl-C does not reach.

    With failing (what it was to do), an exit code other than 0 is a BaselineError that ends with its last lines.
    ended is called with its process id when it has ended and the kernel still knows it: only with output to a file.
    """
    if _stopping.is_set():
        raise BaselineError("interrupted")
    words = [str(word) for word in command]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
    text = options.pop("input", None)
    if text is not None:
        options["stdin"] = subprocess.PIPE
    try:
        with subprocess.Popen(words, text=True, errors="replace", process_group=0, **options) as child:
            if ended:
                os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
                ended(child.pid)
            out, err = child.communicate(text)
    except FileNotFoundError as error:
        raise BaselineError(f"{failing or words[0]} failed: there is no program {error.filename} here") from error
    if _stopping.is_set():
        raise BaselineError("interrupted")
    if child.returncode and failing:
        raise BaselineError(f"{failing} failed (exit code {child.returncode}): {last_lines(err or out)}")
    return subprocess.CompletedProcess(words, child.returncode, out, err)


def foreground(command: Sequence[str | Path], **options: Any) -> int:
    """Run a program that talks to the person: it keeps the terminal and its output. Returns its exit code."""
    with subprocess.Popen([str(word) for word in command], **options) as child:
        return child.wait()


def become(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> NoReturn:
    """Turn into a program, so that its input, its signals and its exit code are untouched."""
    words = [str(word) for word in command]
    os.execvpe(words[0], words, dict(env or os.environ))


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item], at_once: int = 8) -> list[Result]:
    """Do the same for several items at once, and give the results in their order; the first error wins."""
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        tasks = [pool.submit(work, item) for item in items]
        try:
            return [task.result() for task in tasks]
        except KeyboardInterrupt:
            end_descendants()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def end_descendants() -> None:
    """End everything this process started, directly or not. Nothing new starts then, except in `uninterrupted`."""
    _stopping.set()
    for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, 1.0)):
        told: set[int] = set()
        deadline = time.monotonic() + patience
        while (alive := descendants()) and time.monotonic() < deadline:
            for pid in alive - told:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            told |= alive
            time.sleep(0.05)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Clean up after an interrupt: programs can be started again, and another Ctrl-C does not leave it half done."""
    _stopping.clear()
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def descendants() -> set[int]:
    """The living processes below this one, without containers and without the dead that nobody has waited for yet."""
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            pid, parent, name, state = parse_stat(stat.read_text())
            if state != "Z" and name != "conmon":
                below.setdefault(parent, []).append(pid)
    found: set[int] = set()
    todo = [os.getpid()]
    while todo:
        children = below.get(todo.pop(), [])
        found.update(children)
        todo.extend(children)
    return found


def cpu_seconds(pid: int) -> float:
    """The CPU time of a child that has ended, with that of all whose end was waited for below it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def parse_stat(line: str) -> tuple[int, int, str, str]:
    """Read pid, parent, name and state from /proc/PID/stat, where the name may hold spaces and brackets."""
    pid, rest = line.split(" (", 1)
    name, fields = rest.rsplit(") ", 1)
    state, parent = fields.split()[:2]
    return int(pid), int(parent), name, state


def last_lines(output: str, count: int = 3) -> str:
    """The end of a program's output on one line: where programs say why they failed."""
    return " | ".join(line.strip() for line in output.strip().splitlines()[-count:]) or "it said nothing"
