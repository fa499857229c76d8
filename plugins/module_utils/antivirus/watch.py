# SPDX-License-Identifier: GPL-3.0-or-later
"""What ClamAV's scanners say in the journal is looked at again, put into quarantine, and recorded."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
import sys
import time

from .. import journal, processes
from . import clamd, quarantine, trial

UNITS = ("clamav-clamonacc.service", "order82-antivirus-scan.service", "order82-antivirus-unwatched.service")
CURSOR = "/var/lib/order82-antivirus/cursor"
RECORD = "order82-security-event"
_FOUND = re.compile(r"(?P<path>/.*): (?P<signature>[^ ]+) FOUND", re.DOTALL)
_SEEN_AT_MOST = 1000


def run(spared, looked_at):
    """Follow the journal for ever.

    :param list spared: folders from which nothing is ever taken away, such as the record store.
    :param list looked_at: folders that are watched or scanned: from others nothing is taken away either, and no word
        said. An account may lead a scanner there, by a symlink, or by a name with a line feed.
    """
    seen = {}
    cursor = _read_cursor()
    # The first time from the journal's beginning: something may have been found before this ran.
    since = ["--after-cursor=%s" % cursor] if cursor else []
    argv = ["journalctl", "--follow", "--no-tail", *since, "--output=json", "--output-fields=MESSAGE"]
    for line in processes.lines([*argv, *("--unit=%s" % unit for unit in UNITS)]):
        entry = json.loads(line)
        path = found_in(entry.get("MESSAGE"))
        if path:
            _handle(path, spared, looked_at, seen)
        _write_cursor(entry["__CURSOR"])


def found_in(message):
    """The path in a scanner's sentence.

    :param message: the journal's text, or a list of bytes where it is not text.
    :return: str or None.
    """
    text = os.fsdecode(bytes(message)) if isinstance(message, list) else message or ""
    match = _FOUND.fullmatch(text)
    return match["path"] if match else None


def _handle(path, spared, looked_at, seen):
    """Take one file away. What the journal says of it is only a hint: it is opened once, and looked at again."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            sys.stderr.write("<2>alarm: %s is infected and can't be opened: %s\n" % (json.dumps(path), error.strerror))
        return
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or not found.st_nlink:  # no file, or one that is gone by now
            return
        real = os.readlink("/proc/self/fd/%d" % descriptor)
        if not any(_is_in(real, folder) for folder in (*looked_at, *spared)):
            return
        signature = clamd.scan_open_file(descriptor)
        if signature is None:
            return
        about = {**quarantine.describe(descriptor, real), "signature": signature}
        if trial.is_self_test(real, about["sha256"]):
            # Else a file that is gone would look like one that nobody may read.
            if time.time() - found.st_ctime > trial.LEFT_SECONDS:
                with contextlib.suppress(OSError, quarantine.QuarantineError):
                    quarantine.unlink(descriptor, real)
            sys.stderr.write("the self-test in %s was found\n" % os.path.dirname(real))
            return
        _take(descriptor, about, spared, seen)
    finally:
        os.close(descriptor)


def _take(descriptor, about, spared, seen):
    why = next(("it lies in %s" % folder for folder in spared if _is_in(about["path"], folder)), None)
    name = None
    if why is None:
        try:
            name = quarantine.put(descriptor, about)
        except quarantine.QuarantineError as error:
            why = str(error)
    # What stays where it is would be found again by everybody who comes along.
    known = (about["path"], about["sha256"])
    if name is None and known in seen:
        return
    if len(seen) >= _SEEN_AT_MOST:
        seen.clear()
    seen[known] = True
    about["quarantine"] = name
    if why:
        about["left_because"] = why
    word = "virus quarantined" if name else "virus found and left in place"
    journal.write(RECORD, "%s: %s" % (word, json.dumps(about, ensure_ascii=True)))


def _is_in(path, folder):
    return os.path.commonpath([os.path.realpath(folder), path]) == os.path.realpath(folder)


def _read_cursor():
    try:
        with open(CURSOR, encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def _write_cursor(cursor):
    with open(CURSOR + ".new", "w", encoding="ascii") as file:
        file.write(cursor)
    os.replace(CURSOR + ".new", CURSOR)
