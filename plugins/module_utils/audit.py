# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's audit: what it says of itself, which rules it has, and whether a word sent to it reaches the journal."""

from __future__ import annotations

import secrets
import time

from . import processes
from .records import sources

SECONDS = 8
_TEST = "order82-test-"
_UNSET = ("unset", "-1", "4294967295")
# What decides about a rule; -c, -D, -b and the like are settings.
_LISTS = ("-a", "-A", "-w")


def status(said):
    """What C(auditctl -s) says, as a dict of numbers."""
    pairs = [line.split() for line in said.splitlines()]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def rules(text):
    """The rules of a file, or of C(auditctl -l), each in one form, whichever way it is written.

    :param str text: lines as in audit.rules(7).
    :return: dict from a frozenset of words (such as C(dir=/etc) or C(syscall rename)) to the line.
    """
    found = {}
    for line in text.splitlines():
        words = line.split()
        if words and words[0] in _LISTS:
            found[_form(words)] = " ".join(words)
    return found


def watched(forms):
    """The paths that rules are about, as a set."""
    return {word.partition("=")[2] for form in forms for word in form if word.startswith("path=")}


def reaches_the_journal():
    """Send a word to the kernel as a user's audit message, and see whether auditd brings it into the journal.

    :return: bool.
    :raises OSError: auditctl is not installed.
    :raises ValueError: the kernel refuses it.
    """
    word = _TEST + secrets.token_hex(6)
    begun = int(time.time())
    done = processes.run(["auditctl", "-m", word])
    if done.returncode:
        raise ValueError("auditctl -m: %s" % done.stderr.decode("utf-8", "replace").strip())
    argv = ["journalctl", "-q", "--no-pager", "-o", "cat", "-t", "audisp-syslog", "--since", "@%d" % begun, "-g", word]
    argv += sources.journal_matches("audisp-syslog")
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if processes.run(argv).stdout:
            return True
        time.sleep(0.2)
    return False


def _form(words):
    found = set()
    for option, value in zip(words[::2], words[1::2]):
        if option in ("-a", "-A"):
            found.add("list %s" % ",".join(sorted(value.split(","))))
        elif option == "-w":
            found |= {"list always,exit", "path=" + value}
        elif option == "-S":
            found |= {"syscall " + name for name in value.split(",") if name != "all"}
        elif option == "-p":
            found.add("perm=" + "".join(sorted(value)))
        elif option == "-k":
            found.add("key=" + value)
        else:
            found.add(_field(value))
    return frozenset(found)


def _field(text):
    """A field of -F. A folder is a path here: C(auditctl -l) shows both as -w where a rule has nothing else."""
    for comparison in ("!=", "="):
        name, sign, value = text.partition(comparison)
        if not sign:
            continue
        if name == "perm":
            value = "".join(sorted(value))
        elif name == "auid" and value in _UNSET:
            value = "unset"
        elif value.startswith("0x"):
            value = str(int(value, 16))
        return ("path" if name == "dir" else name) + sign + value
    return text
