# SPDX-License-Identifier: GPL-3.0-or-later
"""A watch of the kernel over folders, as clamonacc has one (fanotify(7))."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from laid_place import place

__all__ = ["place"]

CLASS_CONTENT, MARK_ADD, OPEN_PERM, EVENT_ON_CHILD = 4, 1, 0x10000, 0x08000000
AT_FDCWD = -100


class Watch:
    """It is asked about each open in the folders that are added, and never answers."""

    def __enter__(self) -> Watch:
        self._kernel = ctypes.CDLL(None, use_errno=True)
        self._watch = self._kernel.fanotify_init(CLASS_CONTENT, os.O_RDONLY)
        if self._watch < 0:
            pytest.skip(f"this kernel has no such watch: {os.strerror(ctypes.get_errno())}")
        return self

    def __exit__(self, *_why: object) -> None:
        self.close()

    def close(self) -> None:
        """All who ask may open it."""
        if self._watch >= 0:
            os.close(self._watch)
        self._watch = -1

    def add(self, folder: Path) -> None:
        """Watch what lies in a folder, and not in those below it."""
        asked = ctypes.c_uint64(OPEN_PERM | EVENT_ON_CHILD)
        if self._kernel.fanotify_mark(self._watch, MARK_ADD, asked, AT_FDCWD, os.fsencode(folder)):
            pytest.skip(f"this kernel has no such watch: {os.strerror(ctypes.get_errno())}")


@pytest.fixture
def watch() -> Iterator[Watch]:
    """A watch, over nothing yet."""
    with Watch() as one:
        yield one
