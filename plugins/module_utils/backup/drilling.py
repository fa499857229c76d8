# SPDX-License-Identifier: GPL-3.0-or-later
"""The restore drill: the newest backup of each set, from each repository, is restored, and compared.

Its report is a record, and is signed with the host's key: C(openssl dgst -sha256 -verify) with the public key of the
host's certificate says whether it is as it was written.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from typing import NamedTuple

from .. import journal, processes
from ..state import files, paths
from ..state.errors import StateError
from . import finding, kinds, restic
from .manifest import differences, mend_links, shown

REPORT = "/var/lib/order82-backup/drill.json"
SIGNATURE = "/var/lib/order82-backup/drill.json.sig"
RECORD = "order82-backup"
KEY = "/etc/order82/tls/host.key"
CERTIFICATE = "/etc/order82/tls/host.crt"
_SENTENCES = 20  # of what is wrong with one backup; there may be one for each file


def run(settings, sets):
    """Restore and compare; write the report, sign it and put it on record.

    :return: dict: the report.
    """
    report = {"host": settings.host, "at": _now(), "results": []}
    for name, place in restic.repositories(settings).items():
        for one in sets:
            begun = time.monotonic()
            result = {"set": one.name, "repository": name, "wrong": []}
            try:
                result.update(_try(settings, place, one))
            except kinds.TROUBLES as error:
                result["wrong"].append(str(error))
            result["seconds"] = round(time.monotonic() - begun, 1)
            if result["wrong"]:
                sys.stderr.write("<2>alarm: %s can't be restored from %s: %s\n" % (one.name, name, result["wrong"][0]))
            report["results"].append(result)
    report["signed"] = _write(report)
    return report


def _try(settings, place, one):
    """Restore one set from one repository, and say what is wrong with it."""
    with scratch(settings.scratch) as folder:
        backup = finding.latest(place, one.name)
        manifest = finding.manifest(place, backup, folder.tree)
        needed = sum(entry.get("size", 0) for entry in manifest["files"])
        free = shutil.disk_usage(folder.tree).free
        if needed > free:
            said = (settings.scratch, free, one.name, needed)
            raise OSError("%s has room for %d bytes, and the set %s takes %d" % said)
        place.restore(backup.data, folder.tree)
        mend_links(manifest["files"], folder.tree)
        wrong, compared = differences(manifest["files"], folder.tree)
        files = sum(entry["type"] == "file" for entry in manifest["files"])
        doubt = manifest.get("doubt", "" if files else "it has no file at all: nothing was compared")
        wrong[:0] = [doubt] if doubt else []
        counts = {}
        if kinds.is_copy(manifest["kind"]):
            os.rename(folder.of(kinds.staging(one)), folder.copy)
            counts = kinds.tried(manifest["kind"], manifest["programs"], folder.copy)
            for table in sorted(set(manifest["counts"]) | set(counts)):
                if manifest["counts"].get(table) != counts.get(table):
                    said = (shown(table), counts.get(table), manifest["counts"].get(table))
                    wrong.append("the table %s has %s and not %s (rows, sum of hashes)" % said)
        return {
            "snapshot": backup.data,
            "at": manifest["at"],
            "files": files,
            "compared": compared,
            "bytes": needed,
            "tables": len(counts),
            "rows": sum(rows for rows, _hash in counts.values()),
            "wrong": wrong[:_SENTENCES],
        }


class Scratch(NamedTuple):
    """C(tree) is root's alone: what is restored into it may be anybody's. C(copy) is for a database's own user."""

    tree: str
    copy: str

    def of(self, path):
        """Where a path of a snapshot lies."""
        return os.path.join(self.tree, path.lstrip("/"))


@contextlib.contextmanager
def scratch(parent):
    """A new folder that is gone afterwards; what a run that was killed left is removed first."""
    own_folder(parent, 0o755)
    for old in os.listdir(parent):
        shutil.rmtree(os.path.join(parent, old), ignore_errors=True)  # what stays is seen as room
    folder = os.path.join(parent, secrets.token_hex(8))
    os.mkdir(folder, kinds.PASSAGE)
    os.chmod(folder, kinds.PASSAGE)  # whatever the umask of who asked for the drill
    os.mkdir(os.path.join(folder, "tree"), 0o700)
    try:
        yield Scratch(os.path.join(folder, "tree"), os.path.join(folder, "copy"))
    finally:
        shutil.rmtree(folder)


def own_folder(path, mode):
    """Make a folder where there is none. It must be root's, and nobody else may have laid the way there.

    :param int mode: what it may be open for at most.
    :raises OSError: it is not so; one sentence.
    """
    try:
        files.make_parents(path, {})
        with contextlib.suppress(FileExistsError), paths.parent(path) as (descriptor, name):
            paths.make(descriptor, name, mode)
        with paths.folder(path) as descriptor:
            if stat.S_IMODE(os.fstat(descriptor).st_mode) & ~(mode | 0o700):
                raise StateError("%s is open to others: name a new folder, or chmod %o it" % (path, mode))
    except StateError as error:
        raise OSError("nothing is restored there: %s" % error) from error


def verified(report=REPORT, signature=SIGNATURE, certificate=CERTIFICATE):
    """Whether the report is as this host signed it."""
    key = processes.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"])
    with tempfile.NamedTemporaryFile() as file:
        file.write(key.stdout)
        file.flush()
        argv = ["openssl", "dgst", "-sha256", "-verify", file.name, "-signature", signature, report]
        return key.returncode == 0 and processes.run(argv).returncode == 0


def _write(report):
    """Write the report and its signature; give back the signature as text."""
    text = json.dumps(report, sort_keys=True) + "\n"
    with open(REPORT + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    argv = ["openssl", "dgst", "-sha256", "-sign", KEY, "-out", SIGNATURE, REPORT + ".new"]
    done = processes.run(argv)
    if done.returncode:
        raise OSError("the report of the drill can't be signed: %s" % done.stderr.decode("utf-8", "replace").strip())
    os.replace(REPORT + ".new", REPORT)
    with open(SIGNATURE, "rb") as file:
        signed = base64.b64encode(file.read()).decode("ascii")
    journal.write(RECORD, "restore drill %s signature %s" % (text.strip(), signed))
    return signed


def _now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
