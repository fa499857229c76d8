# SPDX-License-Identifier: GPL-3.0-or-later
"""A text a day with the hash of each seal, signed, which is brought to a third place (anchors.py) and compared again.

# order82 anchor of collector1 for 2026-11-28
sealed session 2026-11-28 5b1e… before 9f2c… files 2 records 918 bytes 123456
-----BEGIN SSH SIGNATURE-----
…

It is made when all classes of the day are sealed, where the key is: C(<store>/anchors/<day>.txt), immutable, for all to
read, since it names hashes and counts and nothing else. It is made once: who makes seals anew does not change it.
"""

from __future__ import annotations

import contextlib
import datetime
import email
import os
import re
from typing import NamedTuple

from . import chain, keys, packing, verifying, witness
from . import store as record_store

FOLDER = "anchors"
MODE = 0o444
_MOST_BYTES = 1 << 20
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.txt")
_SIGNATURE = "-----BEGIN SSH SIGNATURE-----"
_TEXT = re.compile(
    r"# order82 anchor of (?P<collector>\S+) for (?P<day>\d{4}-\d{2}-\d{2})\n"
    r"(?P<rows>(?:sealed [^\n]*\n)+)"
    r"(?P<signature>-----BEGIN SSH SIGNATURE-----\n[A-Za-z0-9+/=\n]+-----END SSH SIGNATURE-----\n)",
    re.ASCII,
)
_ROW = re.compile(r"sealed ([a-z_]{1,40}) (\d{4}-\d{2}-\d{2}) ([0-9a-f]{64}) before ", re.ASCII)


class Anchor(NamedTuple):
    """One text, as it was read: C(digests) is class to the hash of its seal."""

    collector: str
    day: str
    digests: dict
    content: str
    signature: str
    where: str


def made(store):
    """The days of which there is a text.

    :return: dict: day as text to the text as bytes, oldest first.
    """
    found = {}
    with contextlib.suppress(FileNotFoundError), record_store.opened(store, FOLDER) as folder:
        for name in sorted(os.listdir(folder)):
            match = _NAME.fullmatch(name)
            content = chain.read(folder, name) if match else None
            if content:
                found[match[1]] = content
    return found


def make(settings, first_open):
    """Make the texts of the days that are sealed as a whole and have none.

    :param datetime.date first_open: the first day that is not to be sealed yet.
    :return: list of sentences: what was done.
    """
    days = {}
    for record_class in settings.classes:
        for day in record_store.days(settings.store, record_class):
            days.setdefault(day, []).append(record_class)
    done, before = [], made(settings.store)
    for day in sorted(days):
        if day < first_open and str(day) not in before:
            seals = [_seal(settings.store, one, day) for one in sorted(days[day])]
            if all(seal and seal.manifest for seal in seals):
                _write(settings, day, seals)
                done.append("an anchor of %s is ready" % day)
    return done


def _seal(store, record_class, day):
    with record_store.opened(store, record_class, day) as folder:
        return chain.of_day(folder, record_class, day)


def _write(settings, day, seals):
    head = "# order82 anchor of %s for %s\n" % (settings.host, day)
    content = (head + "".join(witness.sealed(seal) + "\n" for seal in seals)).encode("utf-8")
    whole = content + keys.sign(content)
    ids = os.geteuid(), os.getegid()
    with record_store.opened(settings.store) as folder, contextlib.suppress(FileExistsError):
        os.mkdir(FOLDER, 0o755, dir_fd=folder)
    with record_store.opened(settings.store, FOLDER) as folder:
        os.fchmod(folder, 0o755)
        packing.put(folder, "%s.txt" % day, whole, ids, MODE)


def parse(content, where):
    """The texts in a file: one as it was delivered, or mails with one each, in one file or many.

    :param bytes content: of the file.
    :param str where: its name, for who reads what was found.
    :return: list of Anchor.
    """
    found = {}
    for text in _texts(content):
        for match in _TEXT.finditer(text.replace("\r\n", "\n")):
            rows = [_ROW.match(row) for row in match["rows"].splitlines()]
            if all(row and row[2] == match["day"] for row in rows):
                digests = {row[1]: row[3] for row in rows}
                body = match[0][: match[0].index(_SIGNATURE)]
                found[match[0]] = Anchor(match["collector"], match["day"], digests, body, match["signature"], where)
    return list(found.values())


def _texts(content):
    yield content.decode("ascii", "replace")
    for part in email.message_from_bytes(content).walk():  # a relay may have encoded it
        if part.get("Content-Transfer-Encoding", "").lower() in ("quoted-printable", "base64"):
            yield (part.get_payload(decode=True) or b"").decode("ascii", "replace")


def read(path):
    """The texts at a place: a file, or a folder of files, each of a megabyte at the most or of many mails.

    :raises ValueError: there is none.
    """
    paths = [path]
    if os.path.isdir(path):
        paths = [os.path.join(path, name) for name in sorted(os.listdir(path))]
    found = []
    for one in paths:
        if os.path.isfile(one):
            with open(one, "rb") as file:
                found += parse(file.read(), os.path.basename(one))
    if not found:
        raise ValueError("%s has no text of an anchor: give the folder of them, or a file of mails" % path)
    return found


def compare(settings, classes, path, now):
    """Hold this collector's seals to the texts at a third place.

    :param float now: seconds since 1970.
    :return: (list of verifying.Fault, number of texts)
    :raises ValueError: there is no text of this collector.
    """
    texts = [one for one in read(path) if one.collector == settings.host]
    if not texts:
        raise ValueError("%s has texts of other collectors only, and none of %s" % (path, settings.host))
    public, faults, days = keys.public(settings.store), [], {}
    for one in texts:
        days.setdefault(one.day, []).append(one)
        if not keys.is_signed(one.content.encode("ascii"), one.signature.encode("ascii"), settings.host, public):
            what = "the anchor %s bears no signature by a key that this store knows" % one.where
            faults.append(verifying.Fault(one.day, "", "", what))
    for record_class in sorted(classes):
        seals = {str(seal.day): seal.digest for seal in chain.seals(settings.store, record_class)}
        for day in sorted({*days, *seals}):
            faults += _differ(record_class, day, seals.get(day), days.get(day, ()))
    last = str(record_store.today(now - 2 * 86400))
    for day in _span(min(days), last):
        if day not in days:
            faults.append(verifying.Fault(day, "", "", "the anchor has no text of this day"))
    return faults, len(texts)


def _differ(record_class, day, here, texts):
    anchored = sorted({one.digests[record_class] for one in texts if record_class in one.digests})
    what = []
    if anchored and here is None:
        what = ["its seal is gone; the anchor has it: %s" % anchored[0]]
    elif texts and not anchored and here is not None:
        what = ["it has a seal, and had none when the anchor was made"]
    elif anchored and anchored != [here]:
        what = ["its seal %s is not the one of the anchor: %s" % (here, ", ".join(anchored))]
    return [verifying.Fault(day, record_class, record_store.MANIFEST, one) for one in what]


def _span(first, last):
    day, end = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)
    while day <= end:
        yield str(day)
        day += datetime.timedelta(days=1)
