# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test: the harmless test file of all scanners, made when it is needed, is found and can't be read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time

from . import clamd

_BACKWARDS = b"*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X"
"""The test file of https://www.eicar.org, read from its end, so that no scanner finds it in this program."""
PREFIX = ".order82-self-test-"
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
    try:
        for folder in folders:
            path = os.path.join(folder, PREFIX + secrets.token_hex(8))
            try:
                with open(path, "xb") as file:
                    there[folder] = path
                    os.fchmod(file.fileno(), 0o600)
                    file.write(test_file())
            except FileNotFoundError:
                found.append(folder)  # no such folder
            except PermissionError:
                pass
        end = time.monotonic() + SECONDS
        wanted = {folder for folder, path in there.items() if _readable(path)}
        while wanted and time.monotonic() < end:
            time.sleep(0.1)
            wanted = {folder for folder in wanted if _readable(there[folder])}
        return [folder for folder in folders if folder in wanted or folder in found]
    finally:
        for path in there.values():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _readable(path):
    try:
        with open(path, "rb") as file:
            file.read()
    except (PermissionError, FileNotFoundError):
        return False
    return True
