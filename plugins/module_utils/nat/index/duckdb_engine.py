# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where DuckDB is started: small, without extensions from elsewhere, and only when it is needed."""

from __future__ import annotations

import sys

VERSION = "1.5.5"
LIBRARY = "/usr/lib/order82/duckdb-" + VERSION  # where the role nat_log puts it


class MissingError(RuntimeError):
    """The Python module duckdb can't be imported; says how to get it."""


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
