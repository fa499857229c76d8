# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a report on disk: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

MODE = 0o750
"""A report names accounts and weaknesses: not for everybody on the controller."""


def write_report(directory: Path, name: str, files: Mapping[str, str]) -> Path:
    """Write the files into C(directory/name), and let C(directory/latest) point there.

    A reader sees the whole report or none: it is written beside its place and renamed into it. Where the name is
    taken already (two reports in one second), a number follows it.

    :param files: content by file name.
    :return: the report's folder.
    :raises OSError: it can't be written; nothing half-written is left.
    """
    directory.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".new-", dir=directory))
    try:
        for file, content in files.items():
            (draft / file).write_text(content, encoding="utf-8")
            (draft / file).chmod(MODE & ~0o111)
        draft.chmod(MODE)
        target = _claim(draft, directory, name)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)  # why the report failed is told, not that its draft stays
        raise
    _point(directory / "latest", target.name)
    return target


def _claim(draft: Path, directory: Path, name: str) -> Path:
    for number in range(1, 1000):
        target = directory / (name if number == 1 else f"{name}-{number}")
        if not target.exists():
            with contextlib.suppress(FileExistsError, NotADirectoryError):
                os.rename(draft, target)
                return target
    raise FileExistsError(f"{directory} has a thousand reports named {name}")


def _point(link: Path, name: str) -> None:
    """Let the link point at the report, without a moment in which there is no link."""
    fresh = link.with_name(f".latest-{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(name)
    os.replace(fresh, link)
