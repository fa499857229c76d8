# SPDX-License-Identifier: GPL-3.0-or-later
"""The real day: a set is put back where it was. What is there already and differs is set aside, never lost.

Files: each is compared with the manifest; those that are the same are left alone. A record is never replaced: only
missing record files come back. Of the system, what makes the machine that it is (its keys, accounts, addresses) stays.
What can't be put back safely is kept beside what was set aside (C(placing.py)).
"""

from __future__ import annotations

import datetime
import json
import os
import shutil

from .. import journal
from . import database, drilling, finding, kinds, restic, secret_files
from .manifest import mend_links, permissions
from .placing import Placing

ASIDE = "/var/lib/order82-backup/set-aside"
SYSTEM = "/var/lib/order82-backup/system"
"""Where the lists of packages, disks and addresses go: for who rebuilds the machine."""
RECORD = "order82-backup"


def restore(settings, one, wish):
    """Restore a set, or say what would be done.

    :param wish: C(at), a time or None; C(repository), a name or an empty text for the first that can; C(to), a folder
        for everything instead of its own place; C(dry_run).
    :return: dict: C(repository), C(snapshot), C(at), what L(Placing) found, and of the system C(keys), which are the
        private keys that are to be brought back from elsewhere.
    :raises OSError: no repository has it, or it can't be put in place; one sentence.
    """
    places = restic.repositories(settings)
    if wish.repository and wish.repository not in places:
        raise finding.NothingError(
            "there is no repository '%s' here; there are %s" % (wish.repository, ", ".join(places))
        )
    reasons = []
    for name in [wish.repository] if wish.repository else places:
        try:
            return _from(settings, places[name], one, wish)
        except (restic.ResticError, finding.NothingError) as error:
            reasons.append(str(error))
    raise finding.NothingError("; ".join(reasons))


def _from(settings, place, one, wish):
    with drilling.scratch(settings.scratch) as folder:
        backup = finding.latest(place, one.name, wish.at)
        manifest = finding.manifest(place, backup, folder.tree)
        done = {"set": one.name, "repository": place.name, "snapshot": backup.data, "at": manifest["at"]}
        done.update(new=[], replaced=[], stays=[], mended=[], refused=[], doubt=manifest.get("doubt", ""))
        if wish.to:
            done.update(new=[entry["path"] for entry in manifest["files"]], below=wish.to)
            if not wish.dry_run:
                # What is put below it belongs to anybody.
                drilling.own_folder(wish.to, 0o700)
                place.restore(backup.data, wish.to)
                mend_links(manifest["files"], wish.to)
        elif manifest["kind"] in database.KINDS:
            done.update(database.plan(one))
            if not wish.dry_run:
                place.restore(backup.data, folder.tree)
                database.put_back(place, one, manifest, folder, wish.at)
        else:
            modes = {node["path"]: permissions(node) for node in place.nodes(backup.data)}
            if wish.dry_run:
                done.update(Placing(one, manifest, modes).run())
            else:
                place.restore(backup.data, folder.tree)
                mend_links(manifest["files"], folder.tree)
                aside = os.path.join(ASIDE, datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ"))
                done.update(Placing(one, manifest, modes, folder, aside).run())
                if one.kind == "system":
                    shutil.rmtree(SYSTEM, ignore_errors=True)  # the first time there is none
                    shutil.move(folder.of(kinds.staging(one)), SYSTEM)
                    done["keys"] = _missing_keys()
    if not wish.dry_run:
        shown = {**done, **{key: len(done[key]) for key in ("new", "replaced", "stays", "mended")}}
        journal.write(RECORD, "restored %s" % json.dumps(shown, sort_keys=True))
    return done


def _missing_keys():
    """The private keys of other programs that the machine had, and has not now: no backup has them."""
    try:
        with open(os.path.join(SYSTEM, secret_files.LIST), encoding="utf-8", errors="surrogateescape") as file:
            return [path for path in file.read().splitlines() if not os.path.lexists(path)]
    except FileNotFoundError:
        return []  # a backup that an earlier version made
