# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the index of NAT records, a day at a time, and put it in the place of the old one.

It is never the evidence and can be built again at any time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil

from ...records import store
from . import catalogue, parquet, record_files


class BuildError(RuntimeError):
    """The index can't be built now: one sentence."""


def build(
    store_folder,
    index_folder,
    day,
    *,
    threads=2,
    memory=parquet.MEMORY,
    least=False,
    chunk_bytes=record_files.CHUNK_BYTES,
    inventory=None,
):
    """Build the index of one day, and put it in the place of the old one.

    What is there stays in use until the new one is complete and on the disk, so a build that is killed changes
    nothing; what it leaves is removed by the next.

    :param str store_folder: of the records.
    :param str index_folder: is made if it is not there.
    :param datetime.date day: of reception.
    :param int threads: of DuckDB.
    :param str memory: of DuckDB.
    :param bool least: only what answers whose it was: whole seconds, without inside port and destination, and so
        without a way back to the record.
    :param dict inventory: C(gateways) and C(others), lists of hosts that translate addresses and that don't; None
        where nobody says, and then any host may be one.
    :return: dict: the new catalogue (see L(catalogue.Day)), with C(bad), (file, line, reason) of up to 1000 lines, and
        C(strange), the same of words about inside addresses that were not understood.
    :raises BuildError: there are no records of this day, or another build is at work.
    :raises engine.MissingError: there is no duckdb.
    """
    source = store.folder(store_folder, catalogue.RECORD_CLASS, day)
    if not os.path.isdir(source):
        raise BuildError("there are no NAT records of %s: %s is missing" % (day, source))
    os.makedirs(index_folder, mode=0o750, exist_ok=True)
    with alone(index_folder):
        _clean(index_folder)
        folder = os.path.join(index_folder, ".building-%s" % day)
        os.mkdir(folder, 0o750)
        try:
            work = parquet.Build(
                store_folder,
                folder,
                day,
                threads=threads,
                memory=memory,
                least=least,
                chunk_bytes=chunk_bytes,
                inventory=inventory,
            )
            document, bad = work.run()
            name = "%s.%s" % (day, secrets.token_hex(4))
            document["folder"] = name
            _sync(folder)
            os.rename(folder, os.path.join(index_folder, name))
            catalogue.write(os.path.join(index_folder, ".building-%s.json" % day), document)
            os.replace(
                os.path.join(index_folder, ".building-%s.json" % day), os.path.join(index_folder, "%s.json" % day)
            )
            _sync_folder(index_folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # it is gone where the build ended well
        _clean(index_folder)
    return dict(document, bad=bad, strange=work.strange)


def stale(store_folder, index_folder):
    """The days whose records have changed since their index was built, or that have none; oldest first.

    Behind them comes one day that an earlier version read, which took some words of DHCP for others: one at a time, so
    that the days that change need not wait for all of them.

    :return: list of datetime.date.
    """
    found, misread = [], []
    for day in store.days(store_folder, catalogue.RECORD_CLASS):
        try:
            document = catalogue.read(index_folder, "%s.json" % day).document
        except (FileNotFoundError, ValueError):  # none, or another version's
            document = None
        # Earlier versions counted what strangers wrote as damage of ours.
        miscounted = document is not None and document["bad_total"] and "foreign_total" not in document
        if document is None or miscounted or document["sources"] != catalogue.sources(store_folder, day):
            found.append(day)
        elif "not_understood" not in document:
            misread.append(day)
    return found + misread[-1:]


def forget(store_folder, index_folder):
    """Remove the index of days whose records are past retention and gone.

    :return: list of str: the days.
    """
    kept = {str(day) for day in store.days(store_folder, catalogue.RECORD_CLASS)}
    gone = [day.name for day in catalogue.load(index_folder) if day.name not in kept]
    if gone:
        with alone(index_folder):
            for name in gone:
                os.unlink(os.path.join(index_folder, name + ".json"))
            _clean(index_folder)
    return gone


@contextlib.contextmanager
def alone(index_folder):
    """Nobody else builds or publishes an index within it.

    :raises BuildError: somebody does.
    """
    with open(os.path.join(index_folder, ".lock"), "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BuildError("another build of %s is at work" % index_folder) from error
        yield


def _clean(index_folder):
    """Remove what no catalogue names: what a killed build left, and what was replaced."""
    used = set()
    names = os.listdir(index_folder)
    for name in names:
        if name.endswith(".json") and not name.startswith("."):
            try:
                with open(os.path.join(index_folder, name), encoding="utf-8") as file:
                    used.add(json.load(file)["folder"])
            except (ValueError, KeyError, TypeError):
                continue
    for name in names:
        path = os.path.join(index_folder, name)
        if name.startswith(".building-") or (name[10:11] == "." and os.path.isdir(path) and name not in used):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)


def _sync(folder):
    for entry in os.scandir(folder):
        fd = os.open(entry.path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    _sync_folder(folder)


def _sync_folder(folder):
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
