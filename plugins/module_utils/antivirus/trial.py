# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test: the harmless test file of all scanners, made when it is needed, is found and can't be read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import time

from ..state import paths
from ..state.errors import StateError
from . import clamd

_BACKWARDS = b"*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X"
"""The test file of https://www.eicar.org, read from its end, so that no scanner finds it in this program."""
PREFIX = ".order82-self-test-"
_UNREADABLE = (errno.EPERM, errno.EACCES, errno.ENOENT, errno.ELOOP)
SECONDS = 3
"""How long a watched folder may take to refuse it."""


def test_file():
    """The content of the test file."""
    return _BACKWARDS[::-1]


def is_self_test(path, sha256):
    """Whether a file that was found is only a self-test's."""
    return os.path.basename(path).startswith(PREFIX) and sha256 == hashlib.sha256(test_file()).hexdigest()


def look(watched):
    """Try clamd, and each watched folder. Nothing stays there.

    :param list watched: folders.
    :return: dict: C(finds), clamd finds the test file; C(spares), it finds nothing in a harmless text; C(unguarded),
        the watched folders in which the test file can be read.
    :raises clamd.ClamdError: clamd does not answer.
    """
    return {
        "finds": clamd.scan_bytes(test_file()) is not None,
        "spares": clamd.scan_bytes(b"an ordinary text\n") is None,
        "unguarded": unguarded(watched),
    }


def unguarded(folders):
    """The folders in which the test file can be read; in the others nobody can, or it is taken away from there."""
    there, found = {}, []
    name = PREFIX + secrets.token_hex(8)
    with contextlib.ExitStack() as stack:
        for folder in dict.fromkeys(folders):
            try:
                descriptor = stack.enter_context(paths.folder(folder, seen={}))
                handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=descriptor)
                there[folder] = descriptor
                with os.fdopen(handle, "wb") as file:
                    file.write(test_file())
            except (FileNotFoundError, StateError):
                found.append(folder)  # no such folder, or not the one that was meant
            except PermissionError:
                pass
            finally:
                if folder in there:
                    stack.callback(_unlink, name, descriptor)
        end = time.monotonic() + SECONDS
        wanted = {folder for folder, descriptor in there.items() if _readable(name, descriptor)}
        while wanted and time.monotonic() < end:
            time.sleep(0.1)
            wanted = {folder for folder in wanted if _readable(name, there[folder])}
        return [folder for folder in folders if folder in wanted or folder in found]


def _unlink(name, descriptor):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=descriptor)


def _readable(name, descriptor):
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
        with os.fdopen(handle, "rb") as file:
            file.read()
    except OSError as error:
        if error.errno not in _UNREADABLE:
            raise
        return False
    return True
