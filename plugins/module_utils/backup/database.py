# SPDX-License-Identifier: GPL-3.0-or-later
"""A server gets back its data: all of it, as it was backed up or, PostgreSQL's, as it was at a second since."""

from __future__ import annotations

import contextlib
import datetime
import errno
import itertools
import os
import pwd
import shutil
import subprocess
import time

from .. import processes, putting_back
from ..state import paths
from ..state.errors import StateError
from . import finding, kinds, postgresql
from .postgresql import DatabaseError

KINDS = ("postgresql", "mariadb", "ldap")
_DATA = {"mariadb": "/var/lib/mysql", "ldap": "/var/lib/ldap"}
_CLUSTERS = "/var/lib/postgresql/"
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


def put_back(place, one, manifest, restored, at):
    """Stop the server, set its data aside, give it the copy, and start it.

    :param restored: drilling.Scratch with the copy, which is root's alone until it is whole and the server's.
    :param at: a time to which PostgreSQL goes on from there by its log, or None.
    :raises DatabaseError: it can't be done; the data that was there is where the sentence says.
    """
    copy = restored.of(kinds.staging(one))
    if one.kind == "mariadb":
        _own(copy, "mysql")
        with _stopped("mariadb.service", data_of(one), "mysql") as put:
            put(copy)
    elif one.kind == "ldap":
        # The server's own account reads it, and writes its data: its settings, which are its own, say where.
        entries = os.path.join(os.path.dirname(restored.copy), "directory.ldif")
        shutil.move(os.path.join(copy, "directory.ldif"), entries)
        _own(entries, "openldap")
        _own(copy, "openldap")
        with _stopped("slapd.service", data_of(one), "openldap") as put:
            put(copy)
            _run(processes.as_user("openldap", ["slapadd", "-q", "-l", entries]), _RECOVERY_SECONDS)
    else:
        _put_back_postgresql(place, one, manifest, restored, at)


def _own(path, user):
    account = pwd.getpwnam(user)
    if os.path.isdir(path):
        putting_back.give_all(path, account.pw_uid, account.pw_gid)
    else:
        os.chown(path, account.pw_uid, account.pw_gid)


def _put_back_postgresql(place, one, manifest, restored, at):
    found, copy = postgresql.cluster(one.cluster), restored.of(kinds.staging(one))
    if found.programs != manifest["programs"]:
        raise DatabaseError(
            "the backup is of another version of PostgreSQL (%s, and here is %s): install that version first"
            % (manifest["programs"], found.programs)
        )
    log = os.path.join(os.path.dirname(restored.copy), "log")
    fetch_log(place, one, log, at)
    target = "recovery_target_time = '%s'" % at.isoformat() if at else "recovery_target_timeline = 'latest'"
    # A shell's words, since PostgreSQL gives this to one; the newest file of the log is not full yet.
    restore = 'cp "%(log)s/%%f" "%%p" 2>/dev/null || cp "%(log)s/%%f.partial" "%%p"' % {"log": log}
    with open(os.path.join(copy, "postgresql.auto.conf"), "a", encoding="utf-8") as file:
        file.write("restore_command = '%s'\n%s\nrecovery_target_action = 'promote'\n" % (restore, target))
    with open(os.path.join(copy, "recovery.signal"), "w", encoding="utf-8"):
        pass
    _own(copy, "postgres")
    with _stopped("postgresql@%s-%s.service" % (found.version, found.name), found.data, "postgres") as put:
        put(copy)
    end = time.monotonic() + _RECOVERY_SECONDS
    while _psql(found, "SELECT pg_is_in_recovery()") != "f":
        if time.monotonic() > end:
            raise DatabaseError("PostgreSQL is still in recovery after %d s: look at its log" % _RECOVERY_SECONDS)
        time.sleep(0.5)
    for setting in ("restore_command", "recovery_target_time", "recovery_target_timeline", "recovery_target_action"):
        _psql(found, "ALTER SYSTEM RESET %s" % setting)


def fetch_log(place, one, folder, at):
    """Put PostgreSQL's log below a folder: that which reaches beyond the time, or the newest."""
    os.mkdir(folder, 0o700)
    logs = place.snapshots(set=one.name, part="wal")
    after = [log for log in logs if at is None or finding.moment(log.at) >= at]
    chosen = (after[:1] if at else after[-1:]) or logs[-1:]
    for log in chosen:
        place.restore(log.id, folder + ".all")
        below = os.path.join(folder + ".all", log.paths[0].lstrip("/"))
        for name in os.listdir(below):
            shutil.move(os.path.join(below, name), os.path.join(folder, name))
    _own(folder, "postgres")


@contextlib.contextmanager
def _stopped(unit, data, user):
    """A server is off and its data set aside while others take their place; then it is started with these.

    Gives a function that puts a folder in the place of the data. Where they lie a server's settings may say, which are
    its account's: they, and each folder above them, must be root's or that account's.
    """
    with _place(data, user):
        _run(["systemctl", "stop", unit], _START_SECONDS)
    aside = "%s.before-%s" % (data, datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ"))
    try:
        with _place(data, user) as (descriptor, name):
            with contextlib.suppress(FileNotFoundError):
                os.rename(name, os.path.basename(aside), src_dir_fd=descriptor, dst_dir_fd=descriptor)
            yield lambda copy: _put(copy, descriptor, name)
    except (OSError, subprocess.SubprocessError) as error:
        raise DatabaseError("%s; %s is stopped, and what it had is in %s" % (error, unit, aside)) from error
    _run(["systemctl", "start", unit], _START_SECONDS)


@contextlib.contextmanager
def _place(data, user):
    """The folder above a server's data, and their name.

    :raises DatabaseError: others could have placed it, or nothing is there, and it is not where the package has it.
    """
    uid, above = pwd.getpwnam(user).pw_uid, os.path.dirname(data)
    folders = dict.fromkeys(itertools.accumulate(above.split("/"), "{}/{}".format), paths.Rights(uid, -1, 0o755))
    is_packages = data in _DATA.values() or data.startswith(_CLUSTERS)
    with contextlib.ExitStack() as stack:
        try:
            descriptor, name = stack.enter_context(paths.parent(data, folders))
            if putting_back.is_there(name, descriptor):
                # Root may have put a symlink there, to where there is room; a server's settings may lead to any.
                if os.lstat(name, dir_fd=descriptor).st_uid not in ({0, uid} if is_packages else {uid}):
                    raise StateError("%s does not belong to %s" % (data, user))
            elif not is_packages:
                raise StateError("there is no folder %s: make it, and give it to %s" % (data, user))
        except (StateError, FileNotFoundError) as error:
            said = error if isinstance(error, StateError) else "there is no folder %s: make it" % above
            raise DatabaseError("nothing is put back there: %s" % said) from error
        yield descriptor, name


def _put(copy, descriptor, name):
    try:
        os.rename(copy, name, dst_dir_fd=descriptor)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        found = os.lstat(copy)
        with putting_back.private(descriptor) as place:
            there = "/proc/self/fd/%d/data" % place
            shutil.copytree(copy, there, symlinks=True)
            putting_back.give_all(there, found.st_uid, found.st_gid)
            os.rename("data", name, src_dir_fd=place, dst_dir_fd=descriptor)


def _run(argv, seconds):
    done = processes.run(argv, seconds=seconds)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise DatabaseError("'%s' failed: %s" % (" ".join(argv), said[:300]))


def _psql(found, query):
    argv = [found.programs + "/psql", "--no-psqlrc", "--tuples-only", "--no-align", "--port", found.port]
    return (
        processes.run(processes.as_user("postgres", [*argv, "--command", query]))
        .stdout.decode("utf-8", "replace")
        .strip()
    )
