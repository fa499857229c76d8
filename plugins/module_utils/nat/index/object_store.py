# SPDX-License-Identifier: GPL-3.0-or-later
"""An index in an S3-compatible object store, where any node can read it."""

from __future__ import annotations

import json
import os
import sys
from typing import NamedTuple

from . import duckdb_engine

SETTINGS = "/etc/order82/nat_object_store.json"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
_EXTENSION = "duckdb_extension_httpfs/extensions/v" + duckdb_engine.VERSION + "/httpfs.duckdb_extension"
_TIMEOUT_SECONDS = 20
_REQUESTS = 4  # how many catalogues are got at once: threads that wait, and do not work


class Settings(NamedTuple):
    """How to reach the object store, as the role nat_log wrote it.

    C(endpoint) is host:port, C(prefix) what stands before the hosts, C(host) under which name this one publishes,
    C(ca_file) the certificates of authorities that are trusted.
    """

    endpoint: str
    bucket: str
    prefix: str
    host: str
    region: str
    tls: bool
    ca_file: str
    key_id: str
    secret: str

    def url(self, host):
        """Where the index of a host lies."""
        return "s3://" + "/".join(filter(None, (self.bucket, self.prefix, host)))


def load_settings(path=None):
    """Read the settings of the object store.

    :param str path: C(SETTINGS) if left out.
    :raises duckdb_engine.ReadError: no such file, not readable by this account, or nothing that can be used.
    """
    path = path or SETTINGS
    try:
        with open(path, encoding="utf-8") as file:
            raw = json.load(file)
        return Settings(**{name: raw[name] for name in Settings._fields})
    except FileNotFoundError as error:
        raise duckdb_engine.ReadError(
            "%s is missing: this host has no object store (nat_log_object_store of the role nat_log)" % path
        ) from error
    except PermissionError as error:
        raise duckdb_engine.ReadError("%s can't be read by this account: use sudo" % path) from error
    except (ValueError, KeyError, TypeError) as error:
        raise duckdb_engine.ReadError(
            "%s can't be used (%s): apply the role nat_log again" % (path, type(error).__name__)
        ) from error


class Bucket:
    """An index in an object store, with one connection for everything.

    :param str root: s3://bucket/prefix/host.
    """

    remote = True

    def __init__(self, root, settings):
        self.root = root
        self.settings = settings
        self.own = root == settings.url(settings.host)  # another collector wrote its lines in another order
        self._base = None

    def catalogues(self, pattern):
        """The catalogues by file name, as text.

        :param pattern: a compiled expression that their whole name matches.
        :raises duckdb_engine.ReadError: the store can't be read, or has none.
        """
        with self.in_one_sentence():
            rows = (
                self.connect(_REQUESTS, "512MB")
                .execute("select filename, content from read_text(?)", [self.root + "/*.json"])
                .fetchall()
            )
        found = {os.path.basename(path): text for path, text in rows}
        if not found:
            raise duckdb_engine.ReadError("%s at %s holds no index" % (self.root, self.settings.endpoint))
        return {name: found[name] for name in sorted(found) if pattern.fullmatch(name)}

    def names(self):
        """The names of all files below, with their folders.

        :return: set of str.
        :raises duckdb_engine.ReadError: the store can't be read.
        """
        with self.in_one_sentence():
            rows = self.connect(1, "512MB").execute("select file from glob(?)", [self.root + "/**"]).fetchall()
        return {path[len(self.root) + 1 :] for (path,) in rows}

    def text(self, path):
        """What a file says.

        :raises duckdb_engine.ReadError: the store can't be read.
        """
        with self.in_one_sentence():
            ((text,),) = self.connect(1, "512MB").execute("select content from read_text(?)", [path]).fetchall()
        return text

    def connect(self, threads, memory):
        """A connection to DuckDB that can read the files; always the same one.

        :raises duckdb_engine.MissingError: there is no duckdb.
        :raises duckdb_engine.ReadError: there is no httpfs, or the file of authorities is missing.
        """
        if self._base is None:
            base = duckdb_engine.connect(threads=threads, memory=memory)
            try:
                with self.in_one_sentence():
                    self._prepare(base)
            except BaseException:
                base.close()
                raise
            self._base = base
        self._base.execute("set threads = %d" % threads)
        self._base.execute("set memory_limit = " + duckdb_engine.quoted(memory))
        return self._base

    def _prepare(self, base):
        base.execute("load " + duckdb_engine.quoted(_extension()))
        base.execute("set http_timeout = %d" % _TIMEOUT_SECONDS)
        base.execute("set http_retries = 1")
        base.execute("set httpfs_connection_caching = true")  # else each file costs a TLS handshake
        base.execute("set enable_global_s3_configuration = false")  # nobody else's keys from the environment
        if self.settings.tls:
            authorities = self.settings.ca_file or AUTHORITIES
            if not os.path.isfile(authorities):
                raise duckdb_engine.ReadError(
                    "%s is missing: without it nobody can tell whose the object store is" % authorities
                )
            base.execute("set enable_server_cert_verification = true")  # DuckDB's default is to believe anybody
            base.execute("set ca_cert_file = " + duckdb_engine.quoted(authorities))
        base.execute(
            "create secret (type s3, provider config, key_id ?, secret ?, endpoint ?, region ?, "
            "url_style 'path', use_ssl ?)",
            [
                self.settings.key_id,
                self.settings.secret,
                self.settings.endpoint,
                self.settings.region,
                self.settings.tls,
            ],
        )

    def close(self):
        """End the connection."""
        if self._base is not None:
            self._base.close()
            self._base = None

    def in_one_sentence(self):
        """What DuckDB says of the store is told in one sentence, and not as a trace of its own.

        :raises duckdb_engine.ReadError: instead of DuckDB's own exception.
        """
        return duckdb_engine.in_one_sentence("%s at %s" % (self.root, self.settings.endpoint))


def _extension():
    """The path of httpfs, which lies where DuckDB does or in another folder of modules."""
    for folder in filter(os.path.isabs, sys.path):
        path = os.path.join(folder, _EXTENSION)
        if os.path.isfile(path):
            return path
    raise duckdb_engine.MissingError(
        "DuckDB's httpfs is missing on this host: apply the role nat_log with nat_log_object_store, or pip install "
        "duckdb-extension-httpfs==" + duckdb_engine.VERSION
    )
