# SPDX-License-Identifier: GPL-3.0-or-later
"""The real day: a set is put back where it was. What is there already and differs is set aside, never lost.

Files: each is compared with the manifest; those that are the same are left alone. A record is never replaced: only
missing record files come back. Of the system, what makes the machine that it is (its keys, accounts, addresses) stays.
"""

from __future__ import annotations

import datetime
import grp
import json
import os
import pwd
import re
import shutil
import stat

from .. import journal, processes
from . import database, drilling, finding, kinds, restic
from .manifest import sha256

ASIDE = "/var/lib/order82-backup/set-aside"
SYSTEM = "/var/lib/order82-backup/system"
"""Where the lists of packages, disks and addresses go: for who rebuilds the machine."""
RECORD = "order82-backup"
_STAYS = re.compile(
    r"/etc/(ssh|order82|network|netplan|sudoers|sudoers\.d|systemd/network|passwd-?|shadow-?|group-?|gshadow-?|subuid|subgid"
    r"|fstab|crypttab|hostname|hosts|machine-id|resolv\.conf|mtab)(/|$)"
)


def restore(settings, one, wish):
    """Restore a set, or say what would be done.

    :param wish: C(at), a time or None; C(repository), a name or an empty text for the first that can; C(to), a folder
        for everything instead of its own place; C(dry_run).
    :return: dict: C(repository), C(snapshot), C(at), and lists C(new), C(replaced), C(stays).
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
        if wish.to:
            done.update(new=[entry["path"] for entry in manifest["files"]], replaced=[], stays=[], below=wish.to)
            if not wish.dry_run:
                place.restore(backup.data, wish.to)
        elif manifest["kind"] in database.KINDS:
            done.update(database.plan(one))
            if not wish.dry_run:
                place.restore(backup.data, folder.tree)
                os.rename(folder.of(kinds.staging(one)), folder.copy)
                database.put_back(place, one, manifest, folder.copy, wish.at)
        else:
            plan = planned(manifest, one)
            done.update(plan)
            if not wish.dry_run:
                place.restore(backup.data, folder.tree)
                _put_back(manifest, one, folder, plan)
    if not wish.dry_run:
        shown = {**done, **{key: len(done[key]) for key in ("new", "replaced", "stays")}}
        journal.write(RECORD, "restored %s" % json.dumps(shown, sort_keys=True))
    return done


def planned(manifest, one):
    """What putting back would do to each file.

    :return: dict: C(new), C(replaced) and C(stays), lists of paths; what is the same already is in none of them.
    """
    found = {"new": [], "replaced": [], "stays": []}
    for entry in manifest["files"]:
        path = target(entry["path"], one)
        if path is None or entry["type"] == "dir":
            continue
        if manifest["kind"] == "system" and _STAYS.match(path):
            if not _is_same(path, entry):
                found["stays"].append(path)
        elif not os.path.lexists(path):
            found["new"].append(path)
        elif not _is_same(path, entry):
            found["stays" if manifest["kind"] == "records" else "replaced"].append(path)
    return found


def target(path, one):
    """Where a file of a snapshot belongs; None for what is no file of the host, such as the list of packages."""
    folder = kinds.staging(one)
    if path != folder and not path.startswith(folder + "/"):
        return path if any(path == top or path.startswith(top.rstrip("/") + "/") for top in _tops(one)) else None
    inside = path[len(folder) :]
    return inside if one.kind == "sqlite" and inside else None


def _tops(one):
    return ("/etc",) if one.kind == "system" else one.paths


def _put_back(manifest, one, folder, plan):
    wanted = set(plan["new"]) | set(plan["replaced"])
    aside = os.path.join(ASIDE, datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ"))
    for entry in sorted(manifest["files"], key=lambda entry: entry["path"]):
        path = target(entry["path"], one)
        if path is None or (manifest["kind"] == "system" and _STAYS.match(path)):
            continue
        source = folder.of(entry["path"])
        if entry["type"] == "dir":
            # The folders of a copy are not those of the database.
            if not os.path.lexists(path) and one.kind != "sqlite":
                os.makedirs(path)
                shutil.copystat(source, path)
                _own(path, entry)
        elif path in wanted:
            if os.path.lexists(path):
                kept = os.path.join(aside, path.lstrip("/"))
                os.makedirs(os.path.dirname(kept), mode=0o700, exist_ok=True)
                shutil.move(path, kept)
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            shutil.move(source, path)
            _own(path, entry)
    if one.kind == "system":
        shutil.rmtree(SYSTEM, ignore_errors=True)  # the first time there is none
        shutil.move(folder.of(kinds.staging(one)), SYSTEM)


def _own(path, entry):
    """Give it to the owner of that name: on a new machine the numbers may be other ones."""
    owner = _number(
        entry["owner"], pwd.getpwnam, ["useradd", "--system", "--shell=/usr/sbin/nologin", "--no-create-home"]
    )
    group = _number(entry["group"], grp.getgrnam, ["groupadd", "--system"])
    os.chown(path, owner, group, follow_symlinks=False)


def _number(name, find, make):
    """The number of an account.

    Where a new machine has none of that name it is made: what installs its program later takes the one that is there.
    """
    if isinstance(name, int):
        return name
    try:
        return find(name)[2]
    except KeyError:
        processes.run([*make, name])
        return find(name)[2]


def _is_same(path, entry):
    try:
        found = os.lstat(path)
    except OSError:
        return False
    if entry["type"] == "symlink":
        return stat.S_ISLNK(found.st_mode) and os.readlink(path) == entry["target"]
    if entry["type"] != "file":
        return not stat.S_ISREG(found.st_mode)
    if not stat.S_ISREG(found.st_mode) or found.st_size != entry["size"]:
        return False
    with open(path, "rb") as file:
        return sha256(file) == entry["sha256"]
