# SPDX-License-Identifier: GPL-3.0-or-later
"""What each kind of set is: how a consistent copy is taken, what the copy holds, and how a restored one is tried."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
from typing import NamedTuple

from .. import processes
from . import manifest, mariadb, postgresql, secret_files

STAGING = "/var/lib/order82-backup/staging"
_SYSTEM_FILES = (
    (
        "packages",
        ["dpkg-query", "--show", "--showformat=${Package}\\t${Version}\\t${Architecture}\\t${db:Status-Status}\\n"],
    ),
    ("packages-by-hand", ["apt-mark", "showmanual"]),
    ("diversions", ["dpkg-divert", "--list"]),
    ("disks.json", ["lsblk", "--json", "--output-all"]),
    ("file-systems.json", ["findmnt", "--json", "--real"]),
    ("addresses.json", ["ip", "-json", "address"]),
    ("routes.json", ["ip", "-json", "route"]),
)
_LDIF = "directory.ldif"
_BY_COPY = ("postgresql", "mariadb", "sqlite", "ldap")


PASSAGE = 0o711
"""The mode of a folder of root's through which a database's own account reaches its copy."""
TROUBLES = (OSError, ValueError, KeyError, sqlite3.Error, subprocess.SubprocessError)
"""What taking or trying a copy may raise: one set that can't be had keeps nothing from the others."""


class Taken(NamedTuple):
    """C(paths) are what goes into the snapshot; C(exclude) are restic's patterns."""

    paths: tuple
    exclude: tuple = ()


def staging(one):
    """The folder of a set's copy: always the same, so that restic finds what it had before."""
    return os.path.join(STAGING, one.name)


def take(one):
    """Make the copy where the kind needs one, and say what goes into the snapshot.

    :raises OSError: it can't be had; one sentence.
    """
    clear(one)
    os.makedirs(STAGING, mode=PASSAGE, exist_ok=True)
    os.chmod(STAGING, PASSAGE)  # whatever the umask of who asked for the backup
    return _TAKE[one.kind](one, staging(one))


def _take_files(one, _folder):
    for path in one.paths:
        if not os.path.lexists(path):
            raise FileNotFoundError("the set %s names %s, which is not there" % (one.name, path))
        if os.path.islink(path) and not _has_target(path, one.paths):
            said = "the set %s names %s, which only leads to %s: name that too, or a folder that has both"
            raise NotADirectoryError(said % (one.name, path, os.path.realpath(path)))
    return Taken(one.paths, (*one.exclude, *secret_files.NEVER))


def _has_target(link, paths):
    """Of a symlink the backup has where it leads, and nothing of what is there."""
    real = os.path.realpath(link)
    return any(is_in(real, os.path.realpath(path)) for path in paths if not os.path.islink(path))


def is_in(path, top):
    """Whether a path is a folder's, or in it."""
    return path == top or path.startswith(top.rstrip("/") + "/")


def _take_system(one, folder):
    os.mkdir(folder, 0o700)
    for name, argv in _SYSTEM_FILES:
        with open(os.path.join(folder, name), "wb") as file:
            file.write(processes.run(argv).stdout)
    keys = [path for path in secret_files.found() if not path.startswith(secret_files.OURS + "/")]
    with open(os.path.join(folder, secret_files.LIST), "w", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(path + "\n" for path in keys)
    never = (*secret_files.NEVER, *secret_files.SYSTEM, *map(secret_files.pattern, keys))
    return Taken(("/etc", folder), (*one.exclude, *never))


def _take_sqlite(one, folder):
    os.mkdir(folder, 0o700)
    for path in one.paths:
        _copy_sqlite(path, folder)
    return Taken((folder,))


def _take_postgresql(one, folder):
    postgresql.copy(postgresql.cluster(one.cluster), folder)
    return Taken((folder,))


def _take_mariadb(_one, folder):
    mariadb.copy(folder)
    return Taken((folder,))


def _take_ldap(_one, folder):
    os.mkdir(folder, 0o700)
    # As the server's own account: its settings, which are that account's, name programs to load (olcModuleLoad).
    done = processes.run(processes.as_user("openldap", ["slapcat"]), seconds=postgresql.COPY_SECONDS)
    if done.returncode:
        raise OSError("the directory can't be read: %s" % done.stderr.decode("utf-8", "replace").strip()[:300])
    with open(os.path.join(folder, _LDIF), "wb") as file:
        file.write(done.stdout)
    return Taken((folder,))


_TAKE = {
    "files": _take_files,
    "records": _take_files,
    "system": _take_system,
    "sqlite": _take_sqlite,
    "postgresql": _take_postgresql,
    "mariadb": _take_mariadb,
    "ldap": _take_ldap,
}


def clear(one):
    """Remove the copy, and what a run that was killed left of it."""
    for path in (staging(one), staging(one) + ".socket"):
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)


def describe(one, nodes, hashes):
    """What a snapshot that was just made must give back: the hashes of its files."""
    return manifest.of_files(nodes, grows=one.kind == "records", hashes=hashes)


def count(one):
    """What the copy of a database holds. It may be started for that and is no copy then, so the snapshot comes first.

    :return: dict: table to [rows, hash]; empty for what is no database.
    """
    return counted(one.kind, programs_of(one), staging(one))


def programs_of(one):
    """What a restored copy is started with, as the manifest has it."""
    return postgresql.cluster(one.cluster).programs if one.kind == "postgresql" else ""


def tried(kind, programs, folder):
    """Start or open what was restored, and count what it holds.

    :param str folder: the restored copy.
    :raises OSError: it can't be used.
    """
    if kind == "postgresql":
        postgresql.verify(programs, folder)
    return counted(kind, programs, folder)


def counted(kind, programs, folder):
    """Start or open the copy in a folder, and count; the hash is empty where files are compared by theirs."""
    if kind == "postgresql":
        with postgresql.started(programs, folder) as socket:
            return postgresql.counts(programs, socket)
    if kind == "mariadb":
        with mariadb.started(folder) as socket:
            return mariadb.counts(socket)
    if kind == "sqlite":
        return _sqlite_counts(folder)
    if kind == "ldap":
        with open(os.path.join(folder, _LDIF), "rb") as file:
            return {"entries": [sum(line.startswith(b"dn:") for line in file), ""]}
    return {}


def _sqlite_counts(folder):
    """Rows by path and table.

    :raises OSError: a database is damaged.
    """
    found = {}
    for path, _folders, files in os.walk(folder):
        for name in files:
            file = os.path.join(path, name)
            with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % file, uri=True)) as database:
                # A virtual table has no page, and its module (such as a tokenizer for Chinese) may be missing here.
                # What it keeps lies in ordinary ones.
                tables = database.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 ORDER BY name"
                )
                quoted = {table: '"%s"' % table.replace('"', '""') for (table,) in tables.fetchall()}
                said = _sqlite_damage(database, quoted.values())
                if said != "ok":
                    raise OSError("the SQLite database %s is damaged: %s" % (file[len(folder) :], said))
                for table, it in quoted.items():
                    [(rows,)] = database.execute("SELECT count(*) FROM " + it)
                    found["%s/%s" % (file[len(folder) :], table)] = [rows, ""]
    return found


def _sqlite_damage(database, names):
    """What is damaged first, or C(ok). Since SQLite 3.44 all is asked of virtual tables, too: then table by table."""
    try:
        [(said,)] = database.execute("PRAGMA integrity_check(1)")
    except sqlite3.OperationalError:
        each = (database.execute("PRAGMA integrity_check(%s)" % name).fetchone() for name in names)
        said = next((one for (one,) in each if one != "ok"), "ok")
    return said


def is_copy(kind):
    """Whether the snapshot has a copy in the staging folder, and not the files where they lie."""
    return kind in _BY_COPY


def _copy_sqlite(path, folder):
    """SQLite's online backup: consistent while others write (sqlite.org/backup.html)."""
    if not os.path.isfile(path):
        raise FileNotFoundError("the SQLite database %s is not there" % path)
    target = os.path.join(folder, path.lstrip("/"))
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)))
        source.backup(stack.enter_context(contextlib.closing(sqlite3.connect(target))))
    found = os.stat(path)
    os.chown(target, found.st_uid, found.st_gid)
    os.chmod(target, found.st_mode & 0o7777)


def read(path):
    """A manifest from its file."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)
