# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an index lies: in a folder, or in an object store (object_store.py).

A location is a folder's path, or C(s3://bucket/prefix/host); C(s3:) and a host's name mean the index of that host in
the store of the settings. All readers know of it is what the two classes share: the catalogues, single texts, and a
connection to DuckDB whose C(read_parquet) can open the files.
"""

from __future__ import annotations

import os
import re

from . import duckdb_engine, object_store

INDEX = "/var/lib/order82-index/nat_mapping"
_REMOTE = "s3:"
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ANEW = "; remove its files, and 'systemctl start order82-nat-index' builds them anew from the records"


def at(where):
    """The location that a text means; one is given back as it is.

    :param str where: a folder, s3://bucket/prefix/host, or s3: and the name of a host; s3: alone means this one.
    :raises duckdb_engine.ReadError: there are no settings for an object store, or the text is none of these.
    """
    if not isinstance(where, str):
        return where
    if not where.startswith(_REMOTE):
        return Folder(where)
    settings = object_store.load_settings()
    if where.startswith("s3://"):
        return object_store.Bucket(where.rstrip("/"), settings)
    host = where[len(_REMOTE) :] or settings.host
    if not _HOST.fullmatch(host):
        raise duckdb_engine.ReadError("%r is no place of an index: give s3:HOST or s3://BUCKET/PREFIX/HOST" % where)
    return object_store.Bucket(settings.url(host), settings)


class Folder:
    """An index on this machine."""

    remote = False
    own = True  # it says in which lines of this host's records things stand

    def __init__(self, root):
        self.root = root

    def catalogues(self, pattern):
        """The catalogues by file name, as text.

        :param pattern: a compiled expression that their whole name matches.
        """
        try:
            names = sorted(name for name in os.listdir(self.root) if pattern.fullmatch(name))
        except FileNotFoundError:
            return {}
        return {name: self.text(os.path.join(self.root, name)) for name in names}

    def text(self, path):
        """What a file says."""
        with open(path, encoding="utf-8") as file:
            return file.read()

    def connect(self, threads, memory):
        """A connection to DuckDB that can read the files.

        :raises duckdb_engine.MissingError: there is no duckdb.
        """
        return duckdb_engine.connect(threads=threads, memory=memory)

    def close(self):
        """End what is kept open."""

    def in_one_sentence(self):
        """What DuckDB says of a file that it can't read is told in one sentence.

        :raises duckdb_engine.ReadError: instead of DuckDB's own exception.
        """
        return duckdb_engine.in_one_sentence("the index " + self.root, _ANEW)
