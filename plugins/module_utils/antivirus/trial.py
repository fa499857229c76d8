# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test: the harmless test file of all scanners, made when it is needed, is found and can't be read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import select
import signal
import time

from ..state import paths
from ..state.errors import StateError
from . import clamd

_BACKWARDS = b"*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X"
"""The test file of https://www.eicar.org, read from its end, so that no scanner finds it in this program."""
PREFIX = ".order82-self-test-"
_REFUSED = (errno.EPERM, errno.EACCES)
"""What it means not to be let in. A file that is gone was refused to nobody."""
SECONDS = 3
"""How long a watched folder may take to refuse it."""
ANSWER_SECONDS = 15
"""How long all of them may take to answer at all."""
LEFT_SECONDS = 60
"""A file of that age was left by a self-test that was ended before it could take it away."""
ASK_SECONDS = 3
"""Between two questions whether the watch answers."""
PATIENCE_SECONDS = 10
"""How long it may take to let a small file be opened, that of a machine with much to do as well."""
_GUARDED, _UNGUARDED = "guarded", "unguarded"
_KNOWN = (_GUARDED, _UNGUARDED, None)


def test_file():
    """The content of the test file."""
    return _BACKWARDS[::-1]


def is_self_test(path, sha256):
    """Whether a file that was found is only a self-test's, which takes it away itself."""
    return os.path.basename(path).startswith(PREFIX) and sha256 == hashlib.sha256(test_file()).hexdigest()


def look(watched):
    """Try clamd, each watched folder, and each mount below one. Nothing stays there.

    :param list watched: folders.
    :return: dict: C(finds), clamd finds the test file; C(spares), it finds nothing in a harmless text; and what
        L(tried) says of the folders.
    :raises clamd.ClamdError: clamd does not answer.
    """
    folders = list(dict.fromkeys([*watched, *mounts_below(watched)]))
    return {
        "finds": clamd.scan_bytes(test_file()) is not None,
        "spares": clamd.scan_bytes(b"an ordinary text\n") is None,
        **tried(folders),
    }


def mounts_below(folders, mounts="/proc/self/mountinfo"):
    """The mounts below folders, the deepest first: what is watched ends where another file system begins.

    :param str mounts: a file as in proc_pid_mountinfo(5), which has a blank and the like as C(\\040).
    """
    found, folders = set(), [os.path.realpath(folder) for folder in folders]
    with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, _dash, behind = line.partition(" - ")
            path = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), before.split()[4])
            # What is mounted when somebody comes along is none before.
            if behind.split()[0] != "autofs" and any(path.startswith(one.rstrip("/") + "/") for one in folders):
                found.add(path)
    return sorted(found, key=lambda path: (-path.count("/"), path))


def tried(folders):
    """Put the test file into folders, each in a process of its own: where a watch does not answer, no open ends.

    :return: dict of lists: C(unguarded), the folders in which the file can be read; C(unanswered), those in which no
        file could be opened in time; C(untried), 'folder: reason' of those into which it could not be put.
    """
    name = PREFIX + secrets.token_hex(8)
    children = {folder: _begin(_try, folder, name) for folder in folders}
    end = time.monotonic() + ANSWER_SECONDS
    said = {folder: _answer(child, end) for folder, child in children.items()}
    for folder in [folder for folder in folders if said[folder] is None]:
        with contextlib.suppress(OSError):  # its process came not that far
            os.unlink(os.path.join(folder, name))  # to open the folder would hang as well; nobody else has this name
    return {
        "unguarded": [folder for folder in folders if said[folder] == _UNGUARDED],
        "unanswered": [folder for folder in folders if said[folder] is None],
        "untried": ["%s: %s" % (folder, said[folder]) for folder in folders if said[folder] not in _KNOWN],
    }


def until_silent(path):
    """Open a watched file again and again, until the watch does not answer.

    :param str path: of the file. Where there is none nobody watches, and it is asked on.
    """
    while _answer(_begin(_open, path), time.monotonic() + PATIENCE_SECONDS) is not None:
        time.sleep(ASK_SECONDS)


def _open(path):
    try:
        with open(path, "rb"):
            return "open"
    except OSError as error:
        return error.strerror or type(error).__name__


def _begin(function, *words):
    """Start a process that tries something; give its number, and from where to read what came of it."""
    reader, writer = os.pipe()
    number = os.fork()
    if not number:
        try:
            os.write(writer, function(*words).encode("utf-8", "backslashreplace"))
        finally:
            os._exit(0)  # nothing of the process that it is a copy of is its own to end
    os.close(writer)
    return number, reader


def _answer(child, end):
    """What a process said until then; None where it said nothing and was killed."""
    number, reader = child
    try:
        ready, _writable, _failed = select.select([reader], [], [], max(0, end - time.monotonic()))
        said = os.read(reader, 1 << 12).decode("utf-8", "replace") if ready else None
    finally:
        os.close(reader)
        os.kill(number, signal.SIGKILL)
        # One that not even this ends is waited for by whoever comes after us.
        end = time.monotonic() + 1
        while not os.waitpid(number, os.WNOHANG)[0] and time.monotonic() < end:
            time.sleep(0.01)
    return said or None


def _try(folder, name):
    try:
        with paths.folder(folder, seen={}) as descriptor:
            handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=descriptor)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(test_file())
                end = time.monotonic() + SECONDS
                while _readable(name, descriptor):
                    if time.monotonic() > end:
                        return _UNGUARDED
                    time.sleep(0.1)
            finally:
                _unlink(name, descriptor)
    except (FileNotFoundError, StateError):
        return _UNGUARDED  # no such folder, or not the one that was meant, or somebody took the file away
    except OSError as error:
        return error.strerror or type(error).__name__
    return _GUARDED


def _unlink(name, descriptor):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=descriptor)


def _readable(name, descriptor):
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
        with os.fdopen(handle, "rb") as file:
            file.read()
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        return False
    return True
