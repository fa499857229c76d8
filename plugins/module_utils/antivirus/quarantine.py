# SPDX-License-Identifier: GPL-3.0-or-later
"""The quarantine: an infected file's content, and beside it who owned it, where it lay, and what was found in it."""

from __future__ import annotations

import contextlib
import errno
import grp
import hashlib
import json
import os
import pwd
import re
import shutil
import stat
import time

from .. import putting_back
from ..state import paths
from ..state.errors import StateError

FOLDER = "/var/lib/order82-quarantine"
RESERVE = 0.05
"""Of the disk stays free: whoever sends many infected files must not fill it."""
_BLOCK = 1 << 20
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}(-[0-9]+)?")


class QuarantineError(RuntimeError):
    """It could not be done: one sentence. Nothing was lost."""


def describe(descriptor, path):
    """What is known of an open file.

    :return: dict: C(path), C(sha256), C(size) in bytes, C(owner), C(group), C(uid), C(gid), C(mode) (octal text),
        C(mtime_ns), C(atime_ns), C(links) (names that it has).
    """
    found = os.fstat(descriptor)
    return {
        "path": path,
        "sha256": _digest(descriptor),
        "size": found.st_size,
        "owner": _name(pwd.getpwuid, found.st_uid),
        "group": _name(grp.getgrgid, found.st_gid),
        "uid": found.st_uid,
        "gid": found.st_gid,
        "mode": "%04o" % stat.S_IMODE(found.st_mode),
        "mtime_ns": found.st_mtime_ns,
        "atime_ns": found.st_atime_ns,
        "links": found.st_nlink,
    }


def put(descriptor, about, folder=FOLDER):
    """Copy an open file into the quarantine, and only when it is safe there take its name away.

    :param int descriptor: the file, open for reading.
    :param dict about: what describe() said, and C(signature).
    :return: str: the id under which it lies there.
    :raises QuarantineError: there is no room, or its name could not be taken away; the file is where it was.
    """
    usage = shutil.disk_usage(folder)
    if usage.free - about["size"] < usage.total * RESERVE:
        raise QuarantineError("there is no room for %s in %s: it stays where it is" % (about["path"], folder))
    name, seen = _new_id(about["sha256"], folder), {}
    half = os.path.join(folder, ".%s.half" % name)
    with _parent(about["path"], seen) as parent:
        os.mkdir(half, 0o700)
        try:
            with open(os.path.join(half, "content"), "xb") as copy:
                os.fchmod(copy.fileno(), 0o600)
                for block in _blocks(descriptor):
                    copy.write(block)
                copy.flush()
                os.fsync(copy.fileno())
            kept = {
                "folders": {path: list(rights) for path, rights in seen.items()},
                "attributes": {key: os.getxattr(descriptor, key).hex() for key in os.listxattr(descriptor)},
            }
            _write_json(os.path.join(half, "meta.json"), {**about, **kept, "id": name, "found": _now()})
            os.rename(half, os.path.join(folder, name))
        except OSError as error:
            shutil.rmtree(half, ignore_errors=True)  # why it failed is told, not that its part stays
            raise QuarantineError("%s could not be copied to %s: %s" % (about["path"], folder, error)) from error
        try:
            _unlink(descriptor, parent, os.path.basename(about["path"]))
        except OSError as error:
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)  # the same; the file itself is untouched
            raise QuarantineError("%s could not be taken away: %s" % (about["path"], error)) from error
    return name


@contextlib.contextmanager
def _parent(path, seen):
    """The folder in which an infected file lies, whosever it is, and as what it is to be found again."""
    try:
        with paths.folder(os.path.dirname(path), seen=seen) as descriptor:
            yield descriptor
    except (StateError, FileNotFoundError) as error:
        raise QuarantineError("%s could not be taken away: %s" % (path, error)) from error


def unlink(descriptor, path):
    """Take a name away, if it still is this open file's.

    :raises QuarantineError: its folder is not there any more.
    :raises OSError: it can't be.
    """
    with _parent(path, {}) as parent:
        _unlink(descriptor, parent, os.path.basename(path))


def _unlink(descriptor, parent, base):
    there, own = os.stat(base, dir_fd=parent, follow_symlinks=False), os.fstat(descriptor)
    if (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino):
        raise OSError("another file has this name by now")
    os.unlink(base, dir_fd=parent)


def held(folder=FOLDER):
    """What lies in the quarantine, oldest first: list of dicts as in meta.json."""
    found = []
    for name in sorted(os.listdir(folder)):
        if _ID.fullmatch(name):
            with open(os.path.join(folder, name, "meta.json"), encoding="utf-8") as file:
                found.append(json.load(file))
    return found


def get(name, folder=FOLDER):
    """What is known of one.

    :raises QuarantineError: there is none of this name.
    """
    if not _ID.fullmatch(name) or not os.path.isdir(os.path.join(folder, name)):
        raise QuarantineError("nothing in quarantine has the id '%s'; 'order82 antivirus list' shows all" % name)
    with open(os.path.join(folder, name, "meta.json"), encoding="utf-8") as file:
        return json.load(file)


def content(name, folder=FOLDER):
    """The path of its content."""
    return os.path.join(folder, name, "content")


def refuse(about):
    """Whether a file can be given back as things are.

    :raises QuarantineError: something has its name, or somebody else than then could have placed what leads there.
    """
    with _way_back(about) as (descriptor, name):
        if putting_back.is_there(name, descriptor):
            raise FileExistsError(errno.EEXIST, "something is there by now: move it away first")


def restore(about, folder=FOLDER):
    """Write the content to where it lay, with owner, mode, times and attributes, then forget it.

    Nothing there is overwritten, and it goes through no folder that has become another one since.

    :raises QuarantineError: it can't be given back so.
    """
    looks = putting_back.Looks(
        stat.S_IFREG | int(about["mode"], 8), about["uid"], about["gid"], about["atime_ns"], about["mtime_ns"]
    )
    extended = {key: bytes.fromhex(value) for key, value in about.get("attributes", {}).items()}
    with contextlib.ExitStack() as stack:
        descriptor, name = stack.enter_context(_way_back(about))
        place = stack.enter_context(putting_back.private(descriptor))
        kept = "/proc/self/fd/%d/content" % place
        with open(content(about["id"], folder), "rb") as source, open(kept, "xb") as copy:
            for block in _blocks(source.fileno()):
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
        putting_back.dress(kept, looks, extended)
        os.link("content", name, src_dir_fd=place, dst_dir_fd=descriptor, follow_symlinks=False)
    shutil.rmtree(os.path.join(folder, about["id"]))


@contextlib.contextmanager
def _way_back(about):
    """The folder in which a file lay, and its name there."""
    path = about["path"]
    # Of what was put here by an earlier version nobody knows whose the folders were: its own account's may be right.
    own = [about["uid"], about["gid"], 0o1022]
    folders = about.get("folders") or dict.fromkeys(_above(path), own)
    try:
        with paths.parent(path, {one: paths.Rights(*rights) for one, rights in folders.items()}) as found:
            yield found
    except (StateError, OSError) as error:
        said = getattr(error, "strerror", None) or error
        raise QuarantineError("%s can't be given back: %s; it stays in quarantine" % (path, said)) from error


def _above(path):
    found = []
    while path != "/":
        path = os.path.dirname(path)
        found.append(path)
    return found


def _new_id(sha256, folder):
    first = "%s-%s" % (time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), sha256[:12])
    name, number = first, 1
    while os.path.exists(os.path.join(folder, name)):
        number += 1
        name = "%s-%d" % (first, number)
    return name


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _name(look_up, number):
    try:
        return look_up(number)[0]
    except KeyError:
        return str(number)


def _blocks(descriptor):
    offset = 0
    while True:
        block = os.pread(descriptor, _BLOCK, offset)
        if not block:
            return
        offset += len(block)
        yield block


def _digest(descriptor):
    sha256 = hashlib.sha256()
    for block in _blocks(descriptor):
        sha256.update(block)
    return sha256.hexdigest()


def _write_json(path, document):
    with open(path, "x", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        json.dump(document, file, ensure_ascii=True)
        file.flush()
        os.fsync(file.fileno())
