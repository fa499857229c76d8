# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: a base backup with all the write-ahead log it needs, and a second server that is started from it.

pg_basebackup(1) makes the copy; C(order82-backup-wal@.service), which is pg_receivewal(1), keeps the log since. The
counts of a copy are taken from a server that is started on it, which ends its recovery where the copy ended: a restored
copy is in the same state, whatever the database did meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import time
from typing import NamedTuple

from .. import processes

COPY_SECONDS = 12 * 3600
START_SECONDS = 3600
QUERY_SECONDS = 3600
LOG = "/var/lib/order82-backup-wal"
"""Below it each set has a folder into which the log is received."""
SLOT = "order82_backup"
"""The server keeps what has not been received yet: pg_receivewal(1)."""
_OWNER = "postgres"
_SETTINGS = """\
# Written by order82: a server on a copy, which nobody but its owner reaches, and which ends.
listen_addresses = ''
unix_socket_directories = '{socket}'
port = 5432
shared_buffers = 16MB
archive_mode = off
hot_standby = off
restore_command = '{restore}'
{target}
recovery_target_action = promote
hba_file = '{folder}/order82_hba.conf'
"""
# Text of a row: two rows are equal where it is; the sum does not depend on the order in which rows lie. A materialized
# view that was not populated (WITH NO DATA) holds nothing, and can't be asked.
_TABLES = """\
SELECT format('SELECT %L, count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM %I.%I t',
    n.nspname || '.' || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND c.relpersistence = 'p'
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1
"""
# One of which DROP DATABASE was interrupted (-2) lets nobody in, and can only be dropped.
_DATABASES = (
    "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY 1"
)
_NEEDS_ESCAPE = re.compile(r"['\\]")  # in a connection string


class DatabaseError(OSError):
    """A database can't be backed up or started: one sentence."""


class Cluster(NamedTuple):
    """One of Debian's clusters (pg_lsclusters(1))."""

    version: str
    name: str
    port: str
    online: bool
    data: str

    @property
    def programs(self):
        """Where this version's programs are."""
        return "/usr/lib/postgresql/%s/bin" % self.version


def cluster(wanted):
    """The cluster with this name, such as 17/main; the only one where none is given.

    :raises DatabaseError: there is none, or more than one.
    """
    try:
        listed = processes.run(["pg_lsclusters", "--no-header"]).stdout.decode().splitlines()
    except FileNotFoundError as error:
        raise DatabaseError("there is no PostgreSQL here (pg_lsclusters is not installed)") from error
    found = []
    for line in listed:
        version, name, port, status, _owner, data = line.split()[:6]
        found.append(Cluster(version, name, port, status.startswith("online"), data))
    chosen = [one for one in found if wanted in ("", "%s/%s" % (one.version, one.name))]
    if len(chosen) != 1:
        names = ", ".join("%s/%s" % (one.version, one.name) for one in found) or "none"
        raise DatabaseError("the cluster '%s' of PostgreSQL is not one of these: %s" % (wanted or "only one", names))
    return chosen[0]


def copy(source, folder):
    """Make a base backup in a new folder."""
    _new_folder(folder)
    argv = [source.programs + "/pg_basebackup", "--pgdata", folder, "--port", source.port, "--no-password"]
    argv += ["--checkpoint=fast", "--wal-method=stream", "--manifest-checksums=SHA256"]
    _as_owner(argv, COPY_SECONDS, "PostgreSQL %s/%s could not be copied" % (source.version, source.name))


def receive(source, folder):
    """Become pg_receivewal(1), which writes the server's log as it comes; its slot is made where there is none."""
    argv = [source.programs + "/pg_receivewal", "--port=" + source.port, "--no-password", "--slot=" + SLOT]
    done = processes.run([*argv, "--create-slot", "--if-not-exists"])
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise DatabaseError("PostgreSQL %s/%s keeps no log for us: %s" % (source.version, source.name, said))
    os.execv(argv[0], [*argv, "--synchronous", "--directory=" + folder])


def forget(source):
    """Drop the slot: the server keeps no log for us any more."""
    argv = [source.programs + "/pg_receivewal", "--port=" + source.port, "--no-password", "--slot=" + SLOT]
    done = processes.run([*argv, "--drop-slot"])
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode and "does not exist" not in said:
        raise DatabaseError("PostgreSQL %s/%s goes on keeping its log for us: %s" % (source.version, source.name, said))


def verify(programs, folder):
    """Compare every file of a copy with its checksum (pg_verifybackup(1)).

    :raises DatabaseError: one differs.
    """
    argv = [programs + "/pg_verifybackup", "--no-parse-wal", "--quiet", folder]
    _as_owner(argv, COPY_SECONDS, "the copy of PostgreSQL is not what was backed up")


@contextlib.contextmanager
def started(programs, folder, target="recovery_target = immediate", restore="false"):
    """Start a server on a copy, and stop it at the end; gives the folder of its socket.

    :param str target: where the recovery ends, as postgresql.conf has it.
    :param str restore: the command that fetches a file of the log.
    """
    socket = folder + ".socket"
    _new_folder(socket)
    _write(folder + "/order82_hba.conf", "local all all trust\n")
    settings = _SETTINGS.format(socket=socket, folder=folder, target=target, restore=restore)
    _write(folder + "/postgresql.conf", settings)
    _write(folder + "/recovery.signal", "")
    control = [programs + "/pg_ctl", "--pgdata", folder, "--silent", "--wait"]
    start = [*control, "--timeout=%d" % START_SECONDS, "--log", socket + "/log", "start"]
    try:
        try:
            _as_owner(start, START_SECONDS + 60, "no server starts on the copy of PostgreSQL")
            _await_recovery(programs, socket, [*control, "status"])
        except DatabaseError as error:
            raise DatabaseError("no server starts on the copy of PostgreSQL: %s" % _fatal(socket + "/log")) from error
        yield socket
    finally:
        processes.run(processes.as_user(_OWNER, [*control, "--mode=immediate", "stop"]), seconds=120)
        shutil.rmtree(socket, ignore_errors=True)  # the server may remove files in it meanwhile


def _await_recovery(programs, socket, status):
    """Wait until the log is applied: pg_ctl(1) does not."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            if _psql(programs, socket, "postgres", "SELECT pg_is_in_recovery()") == ["f"]:
                return
        except DatabaseError:
            if processes.run(processes.as_user(_OWNER, status)).returncode:
                raise  # it has ended
        if time.monotonic() > end:
            raise DatabaseError("its recovery does not end")
        time.sleep(0.3)


def _fatal(log):
    """Why a server did not start, by its log."""
    try:
        # Its folder is the server's: what lies there may be a way to another file, or to none.
        handle = os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return "it left no log"
    said = [line.partition("FATAL: ")[2].strip() for line in lines if "FATAL: " in line]
    return (said or lines or ["its log is empty"])[-1][:300]


def counts(programs, socket):
    """What the server behind a socket holds.

    :return: dict: database/schema.table to [rows, sum of the hashes of their texts].
    """
    found = {}
    for database in _psql(programs, socket, "postgres", _DATABASES):
        for query in _psql(programs, socket, database, _TABLES):
            for row in _psql(programs, socket, database, query):
                table, rows, hashed = row.rsplit("|", 2)
                found["%s/%s" % (database, table)] = [int(rows), hashed]
    return found


def _psql(programs, socket, database, query):
    """Ask for rows. A name in them may be any bytes (of EUC_CN, say), and has any character, also a line feed."""
    where = "dbname='%s'" % _NEEDS_ESCAPE.sub(r"\\\g<0>", database)
    argv = [programs + "/psql", "--no-psqlrc", "--tuples-only", "--no-align", "--record-separator-zero"]
    argv += ["--set=VERBOSITY=terse", "--host", socket, "--dbname", where, "--username", _OWNER, "--command", query]
    return _as_owner(argv, QUERY_SECONDS, "PostgreSQL did not answer").split("\0")[:-1]


def _as_owner(argv, seconds, failing):
    done = processes.run(processes.as_user(_OWNER, argv), seconds=seconds)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DatabaseError("%s: %s" % (failing, (said or ["exit code %d" % done.returncode])[-1][:300]))
    return os.fsdecode(done.stdout)


def _new_folder(path):
    owner = pwd.getpwnam(_OWNER)
    os.mkdir(path, 0o700)
    os.chown(path, owner.pw_uid, owner.pw_gid)


def _write(path, text):
    owner = pwd.getpwnam(_OWNER)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with open(path, "x", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        os.fchown(file.fileno(), owner.pw_uid, owner.pw_gid)
        file.write(text)
