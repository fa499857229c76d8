# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between several ./baseline on one machine: for one lab at a time, and for what all labs share."""

from __future__ import annotations

import fcntl
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import BaselineError
from ..paths import CACHE, state_of
from ..progress import say


@contextmanager
def changing(lab: str) -> Iterator[None]:
    """Be the only one that changes this lab, or refuse naming the one that does."""
    state_of(lab).mkdir(parents=True, exist_ok=True)
    with (state_of(lab) / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise BaselineError(f"the lab {lab} is in use by {holder}: wait for its end, or stop it") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} ({shlex.join(['baseline', *sys.argv[1:]])})\n")
        file.flush()
        yield
        file.truncate(0)


@contextmanager
def waiting_for(thing: str) -> Iterator[None]:
    """Be the only one that makes a shared thing; whoever comes second waits and then finds it made."""
    folder = CACHE / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / thing).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another ./baseline that makes {thing}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
