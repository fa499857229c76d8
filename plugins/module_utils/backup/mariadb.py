# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB: a physical copy by mariadb-backup(1), made consistent, and a second server that is started on it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

from .. import processes, putting_back
from .postgresql import DatabaseError

COPY_SECONDS = 12 * 3600
START_SECONDS = 600
QUERY_SECONDS = 3600
_OWNER = "mysql"
# As hexadecimal digits: the client writes a backslash and a line feed in a name otherwise than they are.
_TABLES = (
    "SELECT HEX(CONCAT('`', REPLACE(table_schema, '`', '``'), '`.`', REPLACE(table_name, '`', '``'), '`')) "
    "FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
    "AND table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY 1"
)


def copy(folder):
    """Copy the running server's data into a new folder, and bring it to one point in time."""
    os.mkdir(folder, 0o700)
    said = "MariaDB could not be copied"
    _run(["mariadb-backup", "--backup", "--target-dir=" + folder, "--user=root"], COPY_SECONDS, said)
    _run(["mariadb-backup", "--prepare", "--target-dir=" + folder], COPY_SECONDS, said)


@contextlib.contextmanager
def started(folder):
    """Start a server on a copy, and stop it at the end; gives its socket. Nobody but root and its user reaches it."""
    owner = pwd.getpwnam(_OWNER)
    putting_back.give_all(folder, owner.pw_uid, owner.pw_gid)
    run = folder + ".socket"
    os.mkdir(run, 0o700)
    os.chown(run, owner.pw_uid, owner.pw_gid)
    place = run + "/mariadb"
    argv = ["mariadbd", "--defaults-file=%s/backup-my.cnf" % folder, "--datadir=" + folder, "--socket=" + place]
    argv += ["--skip-networking", "--skip-grant-tables", "--skip-log-bin", "--pid-file=" + run + "/pid"]
    with tempfile.TemporaryFile() as log:
        # From its first moment as its own user, whose folder it is that says what it does.
        server = subprocess.Popen(  # pylint: disable=ansible-bad-function
            processes.as_user(_OWNER, argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            end = time.monotonic() + START_SECONDS
            while not listens(place):
                if server.poll() is not None or time.monotonic() > end:
                    raise DatabaseError("no server starts on the copy of MariaDB: %s" % _last_error(log))
                time.sleep(0.2)
            yield place
        finally:
            server.terminate()
            try:
                server.wait(120)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            shutil.rmtree(run, ignore_errors=True)  # the next run clears what stays of it


def listens(place):
    """Whether a server takes connections at a socket. Between its bind(2) and its listen(2) there is only a file."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(place)
        except OSError:
            return False
    return True


def _last_error(log):
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").splitlines()
    return ([line for line in lines if "[ERROR]" in line] or lines or ["its log is empty"])[-1][:300]


def counts(place):
    """What the server behind a socket holds.

    :param str place: the socket's path.
    :return: dict: schema.table to [rows, checksum].
    """
    found = {}
    for table in [bytes.fromhex(digits).decode() for digits in _ask(place, _TABLES)]:
        [rows] = _ask(place, "SELECT COUNT(*) FROM " + table)
        [checksum] = _ask(place, "CHECKSUM TABLE %s EXTENDED" % table)
        found[table.replace("`", "")] = [int(rows), checksum.rpartition("\t")[2]]
    return found


def _ask(place, query):
    argv = ["mariadb", "--no-defaults", "--batch", "--skip-column-names", "--socket=" + place]
    argv += ["--local-infile=0", "--execute", query]  # no server has files of root's sent to it
    return _run(argv, QUERY_SECONDS, "MariaDB did not answer").split("\n")[:-1]


def _run(argv, seconds, failing):
    try:
        done = processes.run(argv, seconds=seconds)
    except FileNotFoundError as error:
        raise DatabaseError("%s: %s is not installed" % (failing, argv[0])) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DatabaseError("%s: %s" % (failing, (said or ["exit code %d" % done.returncode])[-1][:300]))
    return done.stdout.decode("utf-8", "replace")
