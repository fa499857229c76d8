# SPDX-License-Identifier: GPL-3.0-or-later
"""C(order82 records verify): what lies here, what this collector said of it, and what the others said of theirs."""

from __future__ import annotations

import os
import time

from . import anchoring, chain, counting, keys, verifying, witness
from . import settings as record_settings

_SHOWN = 200


def own(settings, classes, now, whole=False):
    """Where the seals that lie here are not what this collector once said.

    :param float now: seconds since 1970.
    :param bool whole: read all of its records, and not only what an inspection has time for.
    :return: list of verifying.Fault.
    """
    said = witness.heard(settings, settings.host, now, whole)
    found, has = [], {}
    for record_class in sorted(classes):
        seals = chain.seals(settings.store, record_class)
        has[record_class] = {str(seal.day) for seal in seals}
        found += [fault for seal in seals for fault in differs(record_class, seal, said)]
    said = said._replace(last=has)
    return found + [_fault(one) for one in witness.contradictions(settings, said, now) if one[0] in classes]


def differs(record_class, seal, said):
    """Whether a seal is not the one of which a collector spoke first: list of one verifying.Fault, or of none."""
    known = said.hashes.get((record_class, str(seal.day)), {})
    digest, filed = next(iter(known.items()), (seal.digest, None))
    if seal.digest == digest:
        return []
    what = "its seal %s is not the one of which the collector spoke on %s: %s" % (seal.digest, filed, digest)
    return [verifying.Fault(str(seal.day), record_class, "SHA256SUMS", what)]


def others(settings, now, whole=False):
    """What the other collectors say that can't be.

    :return: dict: collector to list of verifying.Fault, and whether it is silent.
    """
    found = {}
    for collector in sorted(set(settings.collectors) - {settings.host}):
        said = witness.heard(settings, collector, now, whole)
        faults = [_fault(one) for one in witness.contradictions(settings, said, now)]
        found[collector] = (faults, witness.is_silent(said, now))
    return found


def copied(settings, folder, now):
    """Verify a copy of a collector's seals (an export, or its whole store), by what it said here.

    :param str folder: with a folder for each class.
    :return: (str: the collector, verifying.Found).
    :raises ValueError: there is no seal in it, or by several collectors, or by one of which nothing is known here.
    """
    classes = [one for one in settings.classes if os.path.isdir(os.path.join(folder, one))]
    by_class = {one: [seal for seal in chain.seals(folder, one) if not seal.purged] for one in classes}
    names = {seal.manifest.collector for seals in by_class.values() for seal in seals if seal.manifest}
    if len(names) != 1:
        raise ValueError(
            "%s has seals of %s: give a copy of one collector's" % (folder, ", ".join(sorted(names)) or "nobody")
        )
    [collector] = names
    said = witness.heard(settings, collector, now, whole=True)
    public = said.keys or (keys.public(settings.store) if collector == settings.host else [])
    if not public:
        raise ValueError("%s has told this collector of no key: nothing of it can be verified here" % collector)
    found = verifying.verify(settings._replace(store=folder, host=collector), classes, public=public)
    more = [fault for one, seals in by_class.items() for seal in seals for fault in differs(one, seal, said)]
    return collector, found._replace(faults=sorted({*found.faults, *more}))


def command(arguments):
    """order82 records verify"""
    settings, now = record_settings.load(), time.time()
    classes = [arguments.record_class] if arguments.record_class else list(settings.classes)
    list(counting.select(settings, classes[0], arguments.day))  # refuses what there is not
    silent, anchored, texts = [], [], 0
    if arguments.against and arguments.anchor:
        raise ValueError("--against and --anchor are two questions: ask one after the other")
    if arguments.against:
        collector, found = copied(settings, arguments.against, now)
        faults = [(collector, fault) for fault in found.faults]
    else:
        if not settings.host:
            raise ValueError("this collector does not know its name yet: apply the role log_collector again")
        found = verifying.verify(settings, classes, arguments.day, now=now)
        faults = [(settings.host, fault) for fault in {*found.faults, *own(settings, classes, now, whole=True)}]
        if arguments.anchor:
            anchored, texts = anchoring.compare(settings, classes, arguments.anchor, now)
            faults += [(settings.host, fault) for fault in anchored]
        for collector, (said, is_silent) in others(settings, now, whole=True).items():
            faults += [(collector, fault) for fault in said]
            silent += [collector] if is_silent else []
    faults = sorted(
        (one for one in faults if one[1].record_class in (*classes, "") and arguments.day in (None, one[1].day)),
        key=lambda one: (one[1], one[0]),
    )
    document = {
        "days": found.days,
        "files": found.files,
        "bytes": found.bytes,
        "silent": silent,
        "faults": [{"collector": collector, **fault._asdict()} for collector, fault in faults[:_SHOWN]],
        "faults_count": len(faults),
    }
    rows = ["%s: %s" % one for one in faults[:_SHOWN]] + ["%s does not say what it has sealed" % one for one in silent]
    if arguments.anchor:
        document["anchor_texts"] = texts
        rows.append("%d texts at the anchor; %d of the faults are by them" % (texts, len(anchored)))
    rows.append(
        "%d days, %d files, %d bytes verified; %s"
        % (
            found.days,
            found.files,
            found.bytes,
            "%d faults, the first one first" % len(faults) if faults else "no fault",
        )
    )
    return document, "\n".join(rows), 1 if faults or silent else 0


def _fault(row):
    record_class, day, what = row
    return verifying.Fault(day, record_class, "SHA256SUMS", what)
