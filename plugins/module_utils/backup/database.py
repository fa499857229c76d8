# SPDX-License-Identifier: GPL-3.0-or-later
"""A server gets back its data: all of it, as it was backed up or, PostgreSQL's, as it was at a second since."""

from __future__ import annotations

import contextlib
import datetime
import os
import pwd
import shutil
import subprocess
import time

from .. import processes
from . import finding, postgresql
from .postgresql import DatabaseError

KINDS = ("postgresql", "mariadb", "ldap")
_DATA = {"mariadb": "/var/lib/mysql", "ldap": "/var/lib/ldap"}
_RECOVERY_SECONDS = 6 * 3600
_START_SECONDS = 600


def data_of(one):
    """Where the server of a set has its data."""
    return _DATA.get(one.kind) or postgresql.cluster(one.cluster).data


def plan(one):
    """What putting back would do: all data of the server is set aside."""
    data = data_of(one)
    there = os.path.isdir(data)
    return {"new": [] if there else [data], "replaced": [data] if there else [], "stays": []}


def put_back(place, one, manifest, copy, at):
    """Stop the server, set its data aside, give it the copy, and start it.

    :param str copy: the restored copy.
    :param at: a time to which PostgreSQL goes on from there by its log, or None.
    :raises DatabaseError: it can't be done; the data that was there is where the sentence says.
    """
    data = data_of(one)
    if one.kind == "mariadb":
        with _stopped("mariadb.service", data, "mysql"):
            shutil.move(copy, data)
    elif one.kind == "ldap":
        with _stopped("slapd.service", data, "openldap"):
            os.mkdir(data, 0o700)
            _run(["slapadd", "-q", "-l", os.path.join(copy, "directory.ldif")], _RECOVERY_SECONDS)
    else:
        _put_back_postgresql(place, one, manifest, copy, at)


def _put_back_postgresql(place, one, manifest, copy, at):
    found = postgresql.cluster(one.cluster)
    if found.programs != manifest["programs"]:
        raise DatabaseError(
            "the backup is of another version of PostgreSQL (%s, and here is %s): install that version first"
            % (manifest["programs"], found.programs)
        )
    log = os.path.join(os.path.dirname(copy), "log")
    fetch_log(place, one, log, at)
    target = "recovery_target_time = '%s'" % at.isoformat() if at else "recovery_target_timeline = 'latest'"
    # A shell's words, since PostgreSQL gives this to one; the newest file of the log is not full yet.
    restore = 'cp "%(log)s/%%f" "%%p" 2>/dev/null || cp "%(log)s/%%f.partial" "%%p"' % {"log": log}
    with open(os.path.join(copy, "postgresql.auto.conf"), "a", encoding="utf-8") as file:
        file.write("restore_command = '%s'\n%s\nrecovery_target_action = 'promote'\n" % (restore, target))
    with open(os.path.join(copy, "recovery.signal"), "w", encoding="utf-8"):
        pass
    with _stopped("postgresql@%s-%s.service" % (found.version, found.name), found.data, "postgres"):
        shutil.move(copy, found.data)
    end = time.monotonic() + _RECOVERY_SECONDS
    while _psql(found, "SELECT pg_is_in_recovery()") != "f":
        if time.monotonic() > end:
            raise DatabaseError("PostgreSQL is still in recovery after %d s: look at its log" % _RECOVERY_SECONDS)
        time.sleep(0.5)
    for setting in ("restore_command", "recovery_target_time", "recovery_target_timeline", "recovery_target_action"):
        _psql(found, "ALTER SYSTEM RESET %s" % setting)


def fetch_log(place, one, folder, at):
    """Put PostgreSQL's log below a folder: that which reaches beyond the time, or the newest."""
    owner = pwd.getpwnam("postgres")
    os.mkdir(folder, 0o700)
    logs = place.snapshots(set=one.name, part="wal")
    after = [log for log in logs if at is None or finding.moment(log.at) >= at]
    chosen = (after[:1] if at else after[-1:]) or logs[-1:]
    for log in chosen:
        place.restore(log.id, folder + ".all")
        below = os.path.join(folder + ".all", log.paths[0].lstrip("/"))
        for name in os.listdir(below):
            shutil.move(os.path.join(below, name), os.path.join(folder, name))
    for path in (folder, *(os.path.join(folder, name) for name in os.listdir(folder))):
        os.chown(path, owner.pw_uid, owner.pw_gid)


@contextlib.contextmanager
def _stopped(unit, data, user):
    """A server is off and its data set aside while others take their place; then it is started with these."""
    owner = pwd.getpwnam(user)
    _run(["systemctl", "stop", unit], _START_SECONDS)
    os.makedirs(os.path.dirname(data), mode=0o755, exist_ok=True)
    aside = "%s.before-%s" % (data, datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ"))
    if os.path.lexists(data):
        os.rename(data, aside)
    try:
        yield
    except (OSError, subprocess.SubprocessError) as error:
        raise DatabaseError("%s; %s is stopped, and what it had is in %s" % (error, unit, aside)) from error
    for path, folders, files in os.walk(data):
        for name in (path, *(os.path.join(path, one) for one in (*folders, *files))):
            os.chown(name, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
    _run(["systemctl", "start", unit], _START_SECONDS)


def _run(argv, seconds):
    done = processes.run(argv, seconds=seconds)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise DatabaseError("'%s' failed: %s" % (" ".join(argv), said[:300]))


def _psql(found, query):
    argv = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", found.programs + "/psql"]
    argv += ["--no-psqlrc", "--tuples-only", "--no-align", "--port", found.port, "--command", query]
    return processes.run(argv).stdout.decode("utf-8", "replace").strip()
