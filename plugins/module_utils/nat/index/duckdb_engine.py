# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where DuckDB is started: small, without extensions from elsewhere, and only when it is needed."""

from __future__ import annotations

import contextlib
import sys

VERSION = "1.5.5"
LIBRARY = "/usr/lib/order82/duckdb-" + VERSION  # where the role nat_log puts it


class MissingError(RuntimeError):
    """The Python module duckdb can't be imported; says how to get it."""


class ReadError(OSError):
    """An index can't be read where it should lie: one sentence says why."""


def connect(threads=1, memory="512MB", temporary=None, ordered=True):
    """A connection to an empty database in memory.

    :param int threads: 1 starts fastest.
    :param str memory: what DuckDB may take before it writes to C(temporary).
    :param str temporary: a folder; nothing is ever written if left out.
    :param bool ordered: keep rows in the order of their files; a sort doesn't need it, and takes more memory with it.
    :raises MissingError: there is no duckdb.
    """
    if LIBRARY not in sys.path:
        sys.path.append(LIBRARY)
    try:
        import duckdb  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        raise MissingError(
            "the Python module duckdb is missing on this host: apply the role nat_log, or pip install duckdb=="
            + VERSION
        ) from error
    base = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": memory,
            "temp_directory": temporary or "",
            "preserve_insertion_order": ordered,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    base.execute("set enable_progress_bar = false")  # else a long query writes to standard output
    return base


def quoted(text):
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def listed(paths):
    """Paths as a list of SQL."""
    return "[" + ", ".join(quoted(path) for path in paths) + "]"


@contextlib.contextmanager
def in_one_sentence(where, advice=""):
    """Within it, what DuckDB says of files that it can't read is told in one sentence.

    :param str where: what can't be read.
    :param str advice: what stands at the end of the sentence.
    :raises ReadError: instead of DuckDB's own exception.
    """
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"duckdb", "_duckdb"}:
            raise
        raise ReadError("%s can't be read: %s%s" % (where, _said(error), advice)) from error


def _said(error):
    """The sentences before DuckDB's advice and its copy of the query."""
    lines = str(error).split("\n")
    end = next((at for at, line in enumerate(lines) if line.startswith(("LINE ", "* ", "Authentication Failure"))), 99)
    return " ".join(" ".join(lines[:end]).split())[:400]
