# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch over files (clamonacc) loses folders: they are found by what the kernel says it watches.

It learns of a new folder, lists what is in it, and only then watches it. One that comes in between it never watches:
what lies in it, and in all below it, anybody can read. So too where events are too many, and the kernel drops some.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import sys
import time

from .. import processes
from . import clamd

WATCH = "clamav-clamonacc.service"
KNOWN = "/run/order82-antivirus-unwatched/known.json"
"""What the last look found; it outlives the process, not a boot."""
PAUSE_SECONDS = 10
SHARE = 20
"""Of the time at the most: so many times as long as a look took nobody looks again."""
GRACE_SECONDS = 2
"""How long the watch may take to come behind."""
AGAIN_SECONDS = 600
"""After which the watch is started anew once more for a folder that was lost again."""
LATE_SECONDS = 600
_STARTS_SECONDS = 1
_MARK = re.compile(r"fanotify ino:([0-9a-f]+) sdev:([0-9a-f]+) ")


def marks(process):
    """What a process has asked the kernel to watch by fanotify: set of identities (proc_pid_fdinfo(5)).

    Empty where there is no such process.
    """
    found, folder = set(), "/proc/%d/fdinfo" % process
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="ascii") as file:
                for inode, device in filter(None, map(_mark, file)):
                    found.add((device >> 20, device & 0xFFFFF, inode))
    return found


def _mark(line):
    match = _MARK.match(line)
    return match and (int(match[1], 16), int(match[2], 16))


def identity(found):
    """Which file it is, whatever its name: (major and minor number of the file system, inode)."""
    return os.major(found.st_dev), os.minor(found.st_dev), found.st_ino


def folders(tops):
    """Each folder in some folders, and these themselves; nothing on another file system, which is one of its own.

    :param list tops: paths.
    :return: dict: path by identity.
    """
    found, left = {}, []
    for top in tops:
        with contextlib.suppress(OSError):  # a mount that is gone
            left.append((top, os.stat(top, follow_symlinks=False)))
    while left:
        path, about = left.pop()
        if identity(about) in found:
            continue
        with contextlib.suppress(OSError), _opened(path, about) as descriptor, os.scandir(descriptor) as entries:
            found[identity(about)] = path
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_dir(follow_symlinks=False):
                        below = entry.stat(follow_symlinks=False)
                        if below.st_dev == about.st_dev:
                            left.append((os.path.join(path, entry.name), below))
    return found


@contextlib.contextmanager
def _opened(path, about):
    """A folder, if it still is the one that was seen: an account may put a symlink in the place of its own."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if identity(os.fstat(descriptor)) != identity(about):
            raise FileNotFoundError(path)
        yield descriptor
    finally:
        os.close(descriptor)


def lost(there, process, watched):
    """The folders that a process should watch and does not, once it had time to come behind.

    :param dict there: all folders: path by identity.
    :param set watched: what it watched just before these were there, see C(marks).
    :return: dict: path by identity.
    """
    gone = {one: path for one, path in there.items() if one not in watched}
    if gone:
        time.sleep(GRACE_SECONDS)
        watched = marks(process)
        gone = {one: path for one, path in gone.items() if one not in watched and _is_there(one, path)}
    return gone


def _is_there(one, path):
    with contextlib.suppress(OSError):
        return identity(os.stat(path, follow_symlinks=False)) == one
    return False


def infected(path):
    """The files in a folder in which clamd finds something: tuples of path and signature."""
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            # One that can't be looked at hides no other.
            with contextlib.suppress(OSError, clamd.ClamdError), _file(entry.path) as descriptor:
                signature = clamd.scan_open_file(descriptor)
                if signature:
                    yield entry.path, signature


@contextlib.contextmanager
def _file(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(path)
        yield descriptor
    finally:
        os.close(descriptor)


def until_lost(tops, last):
    """Look again and again, until there are folders for whose sake the watch is to be started anew.

    What lies in a new folder is looked at here, too: it may have been written before the watch began.

    :param tops: function that gives the folders of which the watch was told: list of paths.
    :param str last: that of them of which the watch takes notice last.
    :return: list: the paths that are lost.
    """
    tried, seen = _read().get("tried", {}), None
    while True:
        began, process = time.monotonic(), _process()
        watched = marks(process)
        if not _has_begun(watched, last):
            time.sleep(_STARTS_SECONDS)
            continue
        there = folders(tops())
        gone = lost(there, process, watched)
        for one, path in there.items():
            if one in gone or (seen is not None and one not in seen):
                _tell(path)
        if gone and _process() != process:
            continue
        seen, now = set(there), time.time()
        tried = {key: when for key, when in tried.items() if now - when < AGAIN_SECONDS}
        keys = {"%d:%d:%d %s" % (*one, path): path for one, path in gone.items()}
        helps = [path for key, path in keys.items() if key not in tried]
        in_vain = sorted(path for key, path in keys.items() if key in tried)
        tried.update((key, now) for key in keys if key not in tried)
        pause = max(PAUSE_SECONDS, SHARE * (time.monotonic() - began))
        _write({"unwatched": in_vain, "tried": tried, "due": now + pause})
        if helps:
            return helps
        time.sleep(pause)


def in_vain():
    """The folders that are not watched though the watch was started anew for their sake: list of paths.

    Where nobody has looked for long, that is said in their stead.
    """
    found = _read()
    if found and time.time() > found["due"] + LATE_SECONDS:
        return ["nobody has looked since %s" % time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(found["due"]))]
    return found.get("unwatched", [])


def _tell(path):
    """Say what is infected in a folder in the words of ClamAV's scanners, as watch.py reads them."""
    for file, signature in infected(path):
        sys.stderr.buffer.write(b"%s: %s FOUND\n" % (os.fsencode(file), signature.encode()))
        sys.stderr.buffer.flush()


def _process():
    return int(processes.run(["systemctl", "show", "--property=MainPID", "--value", WATCH]).stdout or 0)


def _has_begun(watched, last):
    """Whether the watch runs, and has marked all that it was told."""
    with contextlib.suppress(FileNotFoundError):
        return identity(os.stat(last)) in watched
    return False


def _read():
    with contextlib.suppress(FileNotFoundError), open(KNOWN, encoding="utf-8", errors="surrogateescape") as file:
        return json.load(file)
    return {}


def _write(known):
    with open(KNOWN + ".new", "w", encoding="utf-8") as file:
        json.dump(known, file)  # in ASCII, whatever a path holds
    os.replace(KNOWN + ".new", KNOWN)
