# SPDX-License-Identifier: GPL-3.0-or-later
"""What a snapshot must give back: the hash of every file, as it was when it was backed up."""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import stat
import time

NO_TEXT = "\ufffd"
"""Stands in restic's lists for each byte of a name that is no UTF-8: anybody can make such a file (encoding/json)."""
_NOT_OURS = ("trusted.", "security.")
_CAPABILITY = "security.capability"
"""Others of these are the kernel's and its policies', and a drill may set none (xattr(7))."""
_CHUNK = 1 << 20
_TICK_NS = 10**9
"""A file may be written twice within it and have the same time; file systems have finer ones."""


class Hashes:
    """Hashes of files, each read once: for however many repositories, and not again by a later backup.

    It is the same file, unchanged, if device, inode, time of change and size are: that time can't be set (inode(7)).
    """

    def __init__(self, path=None):
        """:param path: str, where an earlier backup kept its hashes; one that is not there, or broken, has none."""
        self._path = path
        self._known = _read(path) if path else {}
        self._kept = {}

    def of(self, path, size, mtime, grows=False):
        """The SHA-256 of a file as a snapshot has it.

        :param int size: of the file in the snapshot.
        :param str mtime: its time there, as restic writes it.
        :param bool grows: whether it is only appended to, as a record file is; then its beginning is the same.
        :return: str, or None where the file has changed since: nobody can tell any more what was backed up.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            same = found.st_size == size and written(found.st_mtime_ns) == mtime
            if not stat.S_ISREG(found.st_mode) or not (same or (grows and found.st_size > size)):
                return None
            key = "%d:%d:%d:%d" % (found.st_dev, found.st_ino, found.st_ctime_ns, size)
            began = time.time_ns()
            digest = self._known.get(key) or sha256(file, size)
            if same and os.fstat(descriptor).st_mtime_ns != found.st_mtime_ns:
                return None  # it changed while it was read
            self._known[key] = digest
            if began - found.st_ctime_ns > _TICK_NS:
                self._kept[key] = digest
            return digest

    def keep(self):
        """Write for the next backup what was asked for, but not of a file that was read just after it had changed."""
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        with open(self._path + ".new", "w", encoding="ascii") as file:
            json.dump(self._kept, file)
        os.replace(self._path + ".new", self._path)


def _read(path):
    try:
        with open(path, encoding="ascii") as file:
            return dict(json.load(file).items())
    except (FileNotFoundError, ValueError, AttributeError):
        return {}


def sha256(file, size=None):
    """The SHA-256 of a file's first bytes; of all where no size is given."""
    digest = hashlib.sha256()
    left = size
    while left is None or left > 0:
        chunk = file.read(_CHUNK if left is None else min(_CHUNK, left))
        if not chunk:
            break
        digest.update(chunk)
        left = None if left is None else left - len(chunk)
    return digest.hexdigest()


def written(mtime_ns):
    """The time of a file as restic writes it in UTC (RFC 3339, as many digits as it takes)."""
    seconds, rest = divmod(mtime_ns, 10**9)
    digits = (".%09d" % rest).rstrip("0").rstrip(".")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + digits + "Z"


def of_files(nodes, grows=False, hashes=None):
    """What a snapshot of files has.

    :param nodes: as restic lists them.
    :return: list of dict: C(path), C(type), C(owner) and C(group) by name, or by number where they have none here;
        C(uid), C(gid), C(mode) (its permissions) and C(mtime) as restic writes it; C(attributes), a hash of the
        extended ones; C(target) of a symbolic link; C(size) and C(sha256) of a file. What changed meanwhile has None
        for its attributes, its target and its content.
    """
    hashes = hashes or Hashes()
    users = {one.pw_uid: one.pw_name for one in pwd.getpwall()}
    groups = {one.gr_gid: one.gr_name for one in grp.getgrall()}
    entries = []
    for node in nodes:
        entry = {key: node[key] for key in ("path", "type", "uid", "gid", "mtime")}
        entry["mode"] = permissions(node)
        entry["attributes"] = _attributes(node["path"], node.get("ctime"))
        entry["owner"] = users.get(node["uid"], node["uid"])
        entry["group"] = groups.get(node["gid"], node["gid"])
        if node["type"] == "symlink":
            entry["target"] = _target(node["path"])
        elif node["type"] == "file":
            entry["size"] = node.get("size", 0)
            entry["sha256"] = hashes.of(node["path"], entry["size"], node["mtime"], grows)
        entries.append(entry)
    return entries


def _target(path):
    try:
        return os.readlink(path)
    except OSError:
        return None  # it changed meanwhile


def permissions(node):
    """The permissions of a node, whose mode is Go's (io/fs.FileMode); restic leaves it out where it is 0."""
    mode = node.get("mode", 0)
    special = (mode >> 23 & 1) * stat.S_ISUID | (mode >> 22 & 1) * stat.S_ISGID | (mode >> 20 & 1) * stat.S_ISVTX
    return special | mode & 0o777


def _attributes(path, ctime=None):
    """The hash of a file's extended attributes, access lists among them.

    :param str ctime: when the file changed last by what a snapshot says; else nobody can tell what was backed up.
    :return: str, empty where there are none, or None.
    """
    try:
        if ctime and written(os.lstat(path).st_ctime_ns) != ctime:
            return None
        listed = os.listxattr(path, follow_symlinks=False)
        names = sorted(name for name in listed if name == _CAPABILITY or not name.startswith(_NOT_OURS))
        found = [[name, os.getxattr(path, name, follow_symlinks=False).hex()] for name in names]
    except OSError:
        return None
    return hashlib.sha256(json.dumps(found).encode("ascii")).hexdigest() if found else ""


def as_listed(name):
    """A name as restic's lists in JSON have it."""
    return "".join(NO_TEXT if "\udc80" <= one <= "\udcff" else one for one in name)


def mend_links(entries, root):
    """Let symbolic links that were restored lead where they led; restic up to 0.15 keeps no bytes that are no UTF-8."""
    root = os.path.realpath(root)
    for entry in entries:
        wanted = entry["target"] if entry["type"] == "symlink" else None
        path = os.path.join(root, entry["path"].lstrip("/"))
        if wanted in (None, as_listed(wanted or "")) or _target(path) != as_listed(wanted):
            continue
        folder = os.path.realpath(os.path.dirname(path))
        if os.path.commonpath([root, folder]) != root:
            continue  # by what was restored a way leads elsewhere
        found, above = os.lstat(path), os.stat(folder)
        os.unlink(path)
        os.symlink(wanted, path)
        os.lchown(path, found.st_uid, found.st_gid)
        for changed, was in ((path, found), (folder, above)):
            os.utime(changed, ns=(was.st_atime_ns, was.st_mtime_ns), follow_symlinks=False)


def shown(path):
    """A name in a sentence, which stays one line: bytes that are no UTF-8 as C(\\xd6), a line feed as C(\\n)."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def differences(entries, root):
    """Compare what was restored below a folder with what was backed up.

    :return: list of sentences, and how many files were compared by their hash.
    """
    wrong, compared = [], 0
    for entry in entries:
        path, name = os.path.join(root, entry["path"].lstrip("/")), shown(entry["path"])
        try:
            found = os.lstat(path)
        except OSError:
            if NO_TEXT not in entry["path"]:  # else an earlier version kept it, and nobody can tell which it is
                wrong.append("%s was not restored" % name)
            continue
        wrong += ["%s %s" % (name, said) for said in _otherwise(entry, path, found)]
        if entry["type"] == "symlink" and entry["target"] not in (None, _target(path)):
            wrong.append("%s leads to %s and not to %s" % (name, shown(_target(path) or ""), shown(entry["target"])))
        if entry["type"] != "file":
            continue
        if not stat.S_ISREG(found.st_mode) or found.st_size != entry["size"]:
            wrong.append("%s has %d bytes and not %d" % (name, found.st_size, entry["size"]))
        elif entry["sha256"]:
            compared += 1
            with open(path, "rb") as file:
                if sha256(file) != entry["sha256"]:
                    wrong.append("%s has another content" % name)
    return wrong, compared


def _otherwise(entry, path, found):
    """Say what of a restored file is otherwise beside its content; earlier manifests have nothing of that."""
    if "mode" not in entry:
        return
    if (found.st_uid, found.st_gid) != (entry["uid"], entry["gid"]):
        yield "belongs to %d:%d and not to %d:%d" % (found.st_uid, found.st_gid, entry["uid"], entry["gid"])
    if entry["type"] != "symlink" and stat.S_IMODE(found.st_mode) != entry["mode"]:
        yield "has the mode %04o and not %04o" % (stat.S_IMODE(found.st_mode), entry["mode"])
    if written(found.st_mtime_ns) != entry["mtime"]:
        yield "is of %s and not of %s" % (written(found.st_mtime_ns), entry["mtime"])
    if entry["attributes"] not in (None, _attributes(path)):
        yield "has other extended attributes"
