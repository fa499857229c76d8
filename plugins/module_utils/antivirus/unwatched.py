# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch over files (clamonacc) loses folders: they are found by what the kernel says it watches.

It learns of a new folder, lists what is in it, and only then watches it. One that comes in between it never watches:
what lies in it, and in all below it, anybody can read. So too where events are too many, and the kernel drops some.

Whoever may write there makes as many folders as he likes, as deep, and moves them while they are looked at: so each is
opened in the one above it, and what a look costs, and what is kept of it, has limits.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import sys
import time
from typing import NamedTuple

from .. import processes
from . import clamd

WATCH = "clamav-clamonacc.service"
KNOWN = "/run/order82-antivirus-unwatched/known.json"
"""What the last look found, and when the watch was started anew; it outlives the process, not a boot."""
PAUSE_SECONDS = 10
MOST_PAUSE_SECONDS = 120
SHARE = 20
"""Of a processor's time at the most: so many times as long as a look worked nobody looks again."""
TELL_SECONDS = 10
"""For so long of a look clamd is asked about files; the next one goes on."""
MOST_FOLDERS = 1_000_000
LONGEST_PATH = 3500
"""In bytes. With a longer one (PATH_MAX is 4096) clamonacc gives up all of a watched folder when it starts: so whoever
starts it leaves such folders out (C(too_long)), and nobody starts it anew for their sake."""
FIRST_GAP_SECONDS, MOST_GAP_SECONDS = 20, 600
"""Between two starts of the watch: twice as long each time, for an hour."""
HOUR = 3600
LATE_SECONDS = 600
MOST_NAMED = 20
MOST_WATCHES = "/proc/sys/fs/inotify/max_user_watches"
"""With more folders clamonacc ends as soon as it starts, and then watches none at all."""
MOST_LONG = 10_000
"""So many are left out."""
_STARTS_SECONDS = 1
_MARK = re.compile(r"fanotify ino:([0-9a-f]+) sdev:([0-9a-f]+) ")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Seen(NamedTuple):
    """What a look found. C(there): the folders that need no second one; C(count): of all; C(gone): path by identity of
    those that are not watched; C(unseen): what could not be looked at, as sentences."""

    there: set
    count: int
    gone: dict
    unseen: list


def marks(process):
    """What a process has asked the kernel to watch by fanotify (proc_pid_fdinfo(5)): set of identities, numbers that
    are made of those of the file system and of the file.

    Empty where there is no such process.
    """
    found, folder = set(), "/proc/%d/fdinfo" % process
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError), open(os.path.join(folder, name), encoding="ascii") as file:
                for inode, device in filter(None, map(_mark, file)):
                    found.add(device << 64 | inode)
    return found


def _mark(line):
    match = _MARK.match(line)
    return match and (int(match[1], 16), int(match[2], 16))


def look(tops, watched, seen=None):
    """Look at each folder in some folders, and at these themselves; another file system is one of its own.

    In those that are new, or not watched, clamd is asked about each file, and what it finds is said.

    :param list tops: paths.
    :param set watched: see C(marks).
    :param set seen: C(there) of the look before; None: none is new.
    :return: Seen
    """
    found = Seen(set(), 0, {}, [])
    count, end, long = 0, time.monotonic() + TELL_SECONDS, []
    for top in tops:
        with contextlib.suppress(OSError):  # a mount that is gone
            for descriptor, path, device in _folders(top, long):
                one = _identity(device, descriptor)
                count += 1
                if one not in watched:
                    found.gone.setdefault(one, path if len(found.gone) < MOST_NAMED else "")
                asked = one in watched and (seen is None or one in seen)
                if asked or _tell(descriptor, path, end):
                    found.there.add(one)
                if count >= MOST_FOLDERS:
                    found.unseen.append("more than %d folders" % MOST_FOLDERS)
                    return found._replace(count=count)
    found.unseen.extend("too long a path: %s" % path[:200] for path in long[:MOST_NAMED])
    return found._replace(count=count)


def too_long(tops):
    """The folders below some that are not to be watched: list of paths; what is below them is none of it."""
    found = []
    for top in tops:
        with contextlib.suppress(OSError):
            for _folder in _folders(top, found):
                pass
    return found


def _folders(top, long):
    """Open each folder: tuples of a descriptor, which is closed afterwards, the path, and the number of the file system
    as the kernel itself has it (a Btrfs tells others; its subvolumes are left out here).

    :param list long: is added to, by the path of each that has too long a path.
    """
    opened = []
    try:
        opened.append((os.open(top, _FOLDER), top, None))
        device, own = _device_of(opened[0][0]), os.fstat(opened[0][0]).st_dev
        while opened:
            descriptor, path, names = opened[-1]
            if names is None:
                yield descriptor, path, device
                names = _names_of_folders(descriptor)
                opened[-1] = (descriptor, path, names)
            if not names:
                os.close(opened.pop()[0])
                continue
            name = names.pop()
            with contextlib.suppress(OSError):  # gone by now, or somebody else's file system
                # Before it is opened, which would mount what is mounted when somebody comes along.
                if os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_dev != own:
                    continue
                below = os.path.join(path, name)
                if len(os.fsencode(below)) > LONGEST_PATH:
                    long += [below] if len(long) < MOST_LONG else []
                    continue
                opened.append((os.open(name, _FOLDER, dir_fd=descriptor), below, None))
    finally:
        for descriptor, _path, _names in opened:
            os.close(descriptor)


def _names_of_folders(descriptor):
    with contextlib.suppress(OSError), os.scandir(descriptor) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return []


def _device_of(descriptor):
    """The number of the file system on which an open file lies, as the kernel itself has it (proc_pid_mountinfo(5))."""
    with open("/proc/self/fdinfo/%d" % descriptor, encoding="ascii") as file:
        mount = next((line.split()[1] for line in file if line.startswith("mnt_id:")), "none")
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        # One that was unmounted while it was open is none of them.
        numbers = next((line.split()[2] for line in file if line.startswith(mount + " ")), "0:0")
    major, minor = map(int, numbers.split(":"))
    return major << 20 | minor


def _identity(device, descriptor):
    return device << 64 | os.fstat(descriptor).st_ino


def _tell(folder, path, end):
    """Say what is infected in a folder in the words of ClamAV's scanners, as watch.py reads them.

    :return: bool: clamd was asked about all that is there.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if time.monotonic() > end:
                return False
            # One that can't be looked at hides no other.
            with contextlib.suppress(OSError, clamd.ClamdError):
                signature = _found_in(entry.name, folder, end)
                # What has a line feed in its name would be two sentences: nobody can read it once it is watched.
                if signature and "\n" not in path + entry.name:
                    said = "%s: %s FOUND\n" % (os.path.join(path, entry.name), signature)
                    sys.stderr.buffer.write(os.fsencode(said))
                    sys.stderr.buffer.flush()
    return True


def _found_in(name, folder, end):
    descriptor = os.open(name, _FILE, dir_fd=folder)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return clamd.scan_open_file(descriptor, max(1, end - time.monotonic()))
    finally:
        os.close(descriptor)
    return None


def until_lost(tops, last):
    """Look again and again, until there are folders for whose sake the watch is to be started anew.

    :param tops: function that gives the folders of which the watch was told: list of paths.
    :param str last: that of them of which the watch takes notice last.
    :return: str: which they are, as a sentence.
    """
    seen, before = None, (0, {})
    while True:
        worked, process = time.process_time(), _process()
        watched = marks(process)
        if not _has_begun(watched, last):
            time.sleep(_STARTS_SECONDS)
            continue
        found = look(tops(), watched, seen)
        # Not those of which it may still hear: it has had the time between two looks.
        lost = {one: path for one, path in found.gone.items() if before[0] == process and one in before[1]}
        seen, before = found.there, (process, found.gone)
        pause = min(MOST_PAUSE_SECONDS, max(PAUSE_SECONDS, SHARE * (time.process_time() - worked)))
        if _judged(found, lost, pause):
            return _named(lost)[0]
        time.sleep(pause)


def _judged(found, lost, pause):
    """Note what a look found, and say whether the watch is to be started anew."""
    now = time.time()
    starts = [one for one in _read().get("starts", []) if 0 <= now - one < HOUR]
    named = found.unseen[:MOST_NAMED]
    with open(MOST_WATCHES, encoding="ascii") as file:
        most = int(file.read())
    gap = min(MOST_GAP_SECONDS, FIRST_GAP_SECONDS * 2 ** len(starts))
    helps = bool(lost) and found.count < 0.9 * most and (not starts or now - starts[-1] >= gap)
    if lost and not helps:
        named += _named(lost)
    if found.count >= 0.9 * most:
        named.append("%d folders: fs.inotify.max_user_watches is %d" % (found.count, most))
    # A full disk keeps nobody from being watched; where it lasts it is said that nobody has looked.
    with contextlib.suppress(OSError):
        _write({"unwatched": named, "starts": [*starts, now] if helps else starts, "due": now + pause})
    return helps


def _named(lost):
    """Some of many, so that nobody fills a report with them."""
    paths = sorted(path[:200] for path in lost.values() if path)
    more = len(lost) - len(paths)
    return paths + (["and %d more" % more] if more else [])


def in_vain():
    """What is not watched though the watch was started anew for its sake: list of paths and sentences.

    Where nobody has looked for long, that is said in their stead.
    """
    found = _read()
    if found and time.time() > found["due"] + LATE_SECONDS:
        return ["nobody has looked since %s" % time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(found["due"]))]
    return found.get("unwatched", [])


def _process():
    return int(processes.run(["systemctl", "show", "--property=MainPID", "--value", WATCH]).stdout or 0)


def _has_begun(watched, last):
    """Whether the watch runs, and has marked all that it was told."""
    with contextlib.suppress(OSError):
        descriptor = os.open(last, _FOLDER)
        try:
            return _identity(_device_of(descriptor), descriptor) in watched
        finally:
            os.close(descriptor)
    return False


def _read():
    with contextlib.suppress(FileNotFoundError), open(KNOWN, encoding="utf-8", errors="surrogateescape") as file:
        return json.load(file)
    return {}


def _write(known):
    with open(KNOWN + ".new", "w", encoding="utf-8") as file:
        json.dump(known, file)  # in ASCII, whatever a path holds
    os.replace(KNOWN + ".new", KNOWN)
