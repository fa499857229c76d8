# SPDX-License-Identifier: GPL-3.0-or-later
"""Each change of a file in watched folders, one line each, whatever the file is called.

inotifywait(1) tells of them. A name may contain line feeds, so that one change would read like several, of files that
nobody touched: each has another end here (a zero byte, which no name contains), and what can't be read as it is, is
written so that it can.

It watches a new folder only once it has heard of it, and says nothing of what was put there before, as by a copy of a
tree: so each new folder is looked through, and what is there is said besides, as C(FOUND).
"""

from __future__ import annotations

import contextlib
import os
import re
import sys

from . import processes

_EVENTS = "close_write,create,delete,move,attrib"


def of(folders, exclude):
    """The changes as they come, for ever: event and path, a line each.

    :param list folders: with all that is below them.
    :param str exclude: a regular expression of paths that are left out; empty for none.
    :raises OSError: inotifywait can't be started, or ended.
    """
    argv = ["inotifywait", "--monitor", "--recursive", "--quiet", "--event", _EVENTS]
    argv += ["--format", "%e %w%f%0", "--no-newline", *(["--exclude", exclude] if exclude else []), *folders]
    left_out = _expression(exclude)
    for raw in processes.pieces(argv, b"\0"):
        yield in_one_line(raw)
        yield from (in_one_line(b"FOUND " + path) for path in _in_new_folder(raw, left_out))


def _expression(exclude):
    """What inotifywait leaves out, by an expression of POSIX; one that Python can't read leaves nothing out."""
    try:
        return re.compile(os.fsencode(exclude or "(?!)"))
    except re.error:
        return re.compile(b"(?!)")


def _in_new_folder(raw, left_out):
    """What is below a folder that has just come, and may have come there before anybody watched: paths in bytes."""
    events, _blank, path = raw.partition(b" ")
    kinds = events.split(b",")
    if b"ISDIR" in kinds and (b"CREATE" in kinds or b"MOVED_TO" in kinds):
        left = [path]  # os.walk goes only as deep as Python's own stack up to 3.11
        while left:
            with contextlib.suppress(OSError), os.scandir(left.pop()) as entries:
                for entry in entries:
                    if not left_out.search(entry.path):  # inotifywait watches nothing below such a folder, either
                        yield entry.path
                        left += [entry.path] if entry.is_dir(follow_symlinks=False) else []


def in_one_line(raw):
    r"""A text of which each character can be seen: others are written as in Python, such as C(\\n) and C(\\x1b).

    :param bytes raw: UTF-8, or not.
    """
    return "".join(map(_seen, raw.decode("utf-8", "surrogateescape")))


def _seen(character):
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return "\\x%02x" % (code - 0xDC00)
    if character.isprintable() and character != "\\":
        return character
    return character.encode("unicode_escape").decode("ascii")


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    one = verbs.add_parser("record", help="write each change of a file, for ever (a service)")
    one.add_argument("folders", nargs="+", metavar="FOLDER")
    one.add_argument("--exclude", default="", metavar="REGEX", help="paths that are left out")
    one.set_defaults(run=command)
    return [one]


def command(arguments):
    """order82 changes record"""
    for line in of(arguments.folders, arguments.exclude):
        sys.stdout.buffer.write(line.encode("utf-8") + b"\n")
        sys.stdout.buffer.flush()
    return {}, "", 0
