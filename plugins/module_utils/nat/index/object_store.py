# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an index lies: in a folder, or in an S3-compatible object store, where any node can read it.

A place is a folder's path, or C(s3://bucket/prefix/host); C(s3:) and a host's name mean the index of that host in the
store of the settings. All readers know of it is here: the catalogues, single texts, and a connection to DuckDB whose
C(read_parquet) can open the files.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from typing import NamedTuple

from ...records import settings as record_settings
from . import duckdb_engine

INDEX = "/var/lib/order82-index/nat_mapping"
SETTINGS = "/etc/order82/nat_object_store.json"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
ELSEWHERE = "the evidence of some candidates is not on this host: it lies on the collectors that have the records"
_ANEW = "; remove its files, and 'systemctl start order82-nat-index' builds them anew from the records"
_REMOTE = "s3:"
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTENSION = "duckdb_extension_httpfs/extensions/v" + duckdb_engine.VERSION + "/httpfs.duckdb_extension"
_TIMEOUT_SECONDS = 20
_REQUESTS = 4  # how many catalogues are got at once: threads that wait, and do not work


class PlaceError(OSError):
    """The object store can't be used: one sentence says why."""


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
        """The place of a host's index."""
        return "s3://" + "/".join(filter(None, (self.bucket, self.prefix, host)))


def load_settings(path=None):
    """Read the settings of the object store.

    :param str path: C(SETTINGS) if left out.
    :raises PlaceError: no such file, not readable by this account, or nothing that can be used.
    """
    path = path or SETTINGS
    try:
        with open(path, encoding="utf-8") as file:
            raw = json.load(file)
        return Settings(**{name: raw[name] for name in Settings._fields})
    except FileNotFoundError as error:
        raise PlaceError(
            "%s is missing: this host has no object store (nat_log_object_store of the role nat_log)" % path
        ) from error
    except PermissionError as error:
        raise PlaceError("%s can't be read by this account: use sudo" % path) from error
    except (ValueError, KeyError, TypeError) as error:
        raise PlaceError(
            "%s can't be used (%s): apply the role nat_log again" % (path, type(error).__name__)
        ) from error


def record_store(where):
    """The record store that holds the evidence: a node that is no collector has none, and needs none to ask a store.

    :return: str or None.
    :raises SettingsError: there is none, and the index is on this host.
    """
    try:
        return record_settings.load().store
    except record_settings.SettingsError:
        if at(where).remote and not os.path.exists(record_settings.PATH):
            return None
        raise


def at(where):
    """The place that a text means; a place is given back as it is.

    :param str where: a folder, s3://bucket/prefix/host, or s3: and the name of a host; s3: alone means this one.
    :raises PlaceError: there are no settings for an object store, or the text is none of these.
    """
    if not isinstance(where, str):
        return where
    if not where.startswith(_REMOTE):
        return Folder(where)
    settings = load_settings()
    if where.startswith("s3://"):
        return Bucket(where.rstrip("/"), settings)
    host = where[len(_REMOTE) :] or settings.host
    if not _HOST.fullmatch(host):
        raise PlaceError("%r is no place of an index: give s3:HOST or s3://BUCKET/PREFIX/HOST" % where)
    return Bucket(settings.url(host), settings)


def noted(where, answers):
    """Say in an answer where the evidence is, when the index is in an object store and this host can't show it.

    :param where: a place.
    :param list answers: of dict, see L(tracer.Tracer.ask); each is given back.
    """
    for answer in answers:
        if where.remote and any(one["evidence"] is None for one in answer["candidates"]):
            answer["notes"].append(ELSEWHERE)
    return answers


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
        """End what this place keeps open."""

    def in_one_sentence(self):
        """What DuckDB says of a file that it can't read is told in one sentence.

        :raises PlaceError: instead of DuckDB's own exception.
        """
        return _in_one_sentence("the index " + self.root, _ANEW)


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
        :raises PlaceError: the store can't be read, or has none.
        """
        with self.in_one_sentence():
            rows = (
                self.connect(_REQUESTS, "512MB")
                .execute("select filename, content from read_text(?)", [self.root + "/*.json"])
                .fetchall()
            )
        found = {os.path.basename(path): text for path, text in rows}
        if not found:
            raise PlaceError("%s at %s holds no index" % (self.root, self.settings.endpoint))
        return {name: found[name] for name in sorted(found) if pattern.fullmatch(name)}

    def names(self):
        """The names of all files below, with their folders.

        :return: set of str.
        :raises PlaceError: the store can't be read.
        """
        with self.in_one_sentence():
            rows = self.connect(1, "512MB").execute("select file from glob(?)", [self.root + "/**"]).fetchall()
        return {path[len(self.root) + 1 :] for (path,) in rows}

    def text(self, path):
        """What a file says.

        :raises PlaceError: the store can't be read.
        """
        with self.in_one_sentence():
            ((text,),) = self.connect(1, "512MB").execute("select content from read_text(?)", [path]).fetchall()
        return text

    def connect(self, threads, memory):
        """A connection to DuckDB that can read the files; always the same one.

        :raises duckdb_engine.MissingError: there is no duckdb.
        :raises PlaceError: there is no httpfs, or the file of authorities is missing.
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
                raise PlaceError("%s is missing: without it nobody can tell whose the object store is" % authorities)
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

        :raises PlaceError: instead of DuckDB's own exception.
        """
        return _in_one_sentence("%s at %s" % (self.root, self.settings.endpoint))


@contextlib.contextmanager
def _in_one_sentence(where, advice=""):
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"duckdb", "_duckdb"}:
            raise
        raise PlaceError("%s can't be read: %s%s" % (where, _said(error), advice)) from error


def _said(error):
    """The sentences before DuckDB's advice and its copy of the query."""
    lines = str(error).split("\n")
    end = next((at for at, line in enumerate(lines) if line.startswith(("LINE ", "* ", "Authentication Failure"))), 99)
    return " ".join(" ".join(lines[:end]).split())[:400]


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
