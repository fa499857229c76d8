# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's write-ahead log on its way into the repositories: what pg_receivewal(1) wrote since the last time.

A file of the log goes from here when it is older than the backup before the last, and both are in every repository: so
any log that is backed up reaches back to a base backup that is older than itself.
"""

from __future__ import annotations

import os
import re
import sys

from . import finding, restic, running
from .postgresql import LOG

_SEGMENT = re.compile(r"[0-9A-F]{24}")


def back_up(settings):
    """Back up the log of each PostgreSQL set into every repository.

    :return: list of dict: C(set), C(repository), C(snapshot) or C(error).
    """
    results = []
    for one in settings.sets.values():
        folder = os.path.join(LOG, one.name)
        if one.kind != "postgresql":
            continue
        oldest = []
        for name, place in restic.repositories(settings).items():
            result = {"set": one.name, "repository": name}
            try:
                place.run("unlock")
                result["snapshot"], _summary, unread = place.backup([folder], {"set": one.name, "part": "wal"})
                if unread:
                    raise restic.ResticError(running.not_read(unread))
                times = [backup.at for backup in finding.backups(place) if backup.set == one.name]
                oldest.append(times[-2].timestamp() if len(times) > 1 else 0)
            except restic.ResticError as error:
                result["error"] = str(error)
                oldest.append(0)
                sys.stderr.write("<2>alarm: no log of %(set)s to %(repository)s: %(error)s\n" % result)
            results.append(result)
        _drop(folder, min(oldest))
    return results


def _drop(folder, before):
    """Remove whole files of the log that were written before a time."""
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if _SEGMENT.fullmatch(name) and os.stat(path).st_mtime < before:
            os.unlink(path)
