# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may be told, and the record of it: article 16 of Order No. 82, and article 4 for those whose records they are."""

from __future__ import annotations

import getpass
import json
import os
import secrets
from typing import NamedTuple

from .. import journal, processes

PROGRAM = "order82-disclosure"
OFFICERS = 2
_MOST = 200  # characters


class RefusedError(ValueError):
    """Nothing may be answered: one sentence says what is missing."""


class Warrant(NamedTuple):
    """On whose authority a question is asked."""

    case: str
    basis: str
    officers: tuple


def warrant(case, basis, officers):
    """Check what authorises a question.

    :param str case: the number of the case.
    :param str basis: the law and the letter that ask for it.
    :param list officers: at least two different people, by name and number.
    :raises RefusedError: something is missing.
    """
    for name, value in (("--case", case), ("--basis", basis), *(("--officer", one) for one in officers or ())):
        if not value or not value.strip():
            raise RefusedError("%s is missing: nobody is told without it (article 16)" % name)
        if len(value) > _MOST or not value.isprintable():
            raise RefusedError("%s must be one line of at most %d characters" % (name, _MOST))
    named = {" ".join(one.split()) for one in officers or ()}
    if len(named) < OFFICERS:
        raise RefusedError("--officer must be given for two different people, with name and number (article 16)")
    return Warrant(case.strip(), basis.strip(), tuple(sorted(named)))


def record(given, questions):
    """Write who asked what, and see that it is on the disk; only then may be answered.

    :param Warrant given: see L(warrant).
    :param list questions: of dict, as they were asked; each has a record of its own.
    :return: str: the number under which the records stand.
    :raises OSError: it can't be recorded.
    """
    number = secrets.token_hex(8)
    head = {"id": number, "case": given.case, "basis": given.basis, "officers": given.officers, "by": _asker()}
    for place, question in enumerate(questions, 1):
        document = {**head, "question": question, "of": "%d/%d" % (place, len(questions))}
        journal.write(PROGRAM, "asked " + json.dumps(document, ensure_ascii=False, sort_keys=True))
    done = processes.run(["journalctl", "--sync"])
    if done.returncode:
        raise OSError(
            "the disclosure can't be recorded, so nothing is answered: journalctl --sync: %s"
            % done.stderr.decode("utf-8", "replace").strip()
        )
    return number


def _asker():
    """The account behind the command, also through sudo."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
