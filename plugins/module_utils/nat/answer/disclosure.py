# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may be told, and the record of it: article 4 of Order No. 82, for those whose records they are.

Article 16 lets nobody have a person's data: it is about inspections. What lets them is a statute (Data Security Law,
article 35) and a paper under it. Two officers are asked for as article 16 asks for two inspectors.
"""

from __future__ import annotations

import json
import secrets
from typing import NamedTuple

from ... import journal, login, processes
from ..record import record_text

PROGRAM = "order82-disclosure"
OFFICERS = 2
_MOST = 200  # characters
_OTHERS = 200  # records of other questions that may be written meanwhile


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
    :param str basis: the statute, and the paper under it that asks: a notice to obtain evidence, with its number.
    :param list officers: at least two different people, by name and number.
    :raises RefusedError: something is missing.
    """
    for name, value in (("--case", case), ("--basis", basis), *(("--officer", one) for one in officers or ())):
        if not value or not value.strip():
            raise RefusedError("%s is missing: nobody is told without it" % name)
        if len(value) > _MOST or not value.isprintable():
            raise RefusedError("%s must be one line of at most %d characters" % (name, _MOST))
    named = {" ".join(one.split()) for one in officers or ()}
    if len(named) < OFFICERS:
        raise RefusedError("--officer must be given for two different people, with name and number")
    return Warrant(case.strip(), basis.strip(), tuple(sorted(named)))


def record(given, questions):
    """Write who asked what, and see that it is on the disk; only then may be answered.

    :param Warrant given: see L(warrant).
    :param list questions: of dict, as they were asked; many share a record.
    :return: str: the number under which the records stand.
    :raises OSError: it can't be recorded.
    """
    number = secrets.token_hex(8)
    written = texts(given, questions, number, login.account())
    for text in written:
        journal.write(PROGRAM, text)
    found = 0
    done = processes.run(["journalctl", "--sync"])
    if done.returncode == 0:
        options = ["--boot", "--identifier=" + PROGRAM, "--output=cat", "--lines=%d" % (len(written) + _OTHERS)]
        done = processes.run(["journalctl", *options, "_UID=0"])  # another's is of no class but system
        found = done.stdout.decode("utf-8", "replace").count('"id": "%s"' % number)
    if found < len(written):
        said = done.stderr.decode("utf-8", "replace").strip() or "ask as root; see journalctl -u systemd-journald"
        raise OSError(
            "the disclosure can't be recorded, so nothing is answered: %d of its %d records are in the journal; %s"
            % (found, len(written), said)
        )
    return number


def texts(given, questions, number, asker):
    """The records of some questions: as few as can be read, since thousands may be asked at once.

    :return: list of str.
    """
    found = []
    head = {"id": number, "case": given.case, "basis": given.basis, "officers": given.officers, "by": asker}
    pieces = [_json(question) for question in questions]
    room = record_text.MOST_CHARACTERS - len(_json(head)) - _MOST
    for first, last in _pages(pieces, room):
        asked = [json.loads(piece) for piece in pieces[first:last]]
        page = {**head, "questions": asked, "of": "%d-%d/%d" % (first + 1, last, len(pieces))}
        found.append("asked " + _json(page))
    return found


def _pages(pieces, room):
    """Cut a list so that each part takes up to so many characters: (first, last + 1) of each."""
    first = taken = 0
    for number, piece in enumerate(pieces):
        if number > first and taken + len(piece) + 2 > room:
            yield first, number
            first, taken = number, 0
        taken += len(piece) + 2
    yield first, len(pieces)


def _json(value):
    return json.dumps(value, ensure_ascii=False)
