# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sees while long work goes on. It goes to standard error: standard output is for results."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(line: str) -> None:
    """Print one line now, whole, also when several threads talk."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Announce a step, and say how long it took once it is done."""
    say(f"{what} ...")
    start = time.monotonic()
    yield
    say(f"{what}: done in {time.monotonic() - start:.1f} s")
