# SPDX-License-Identifier: GPL-3.0-or-later
"""Each file of a restored set takes its place, in whosever folders that is.

A folder may belong to an account that would have root write elsewhere: it puts a symlink, or another folder, where one
of the set's was, at any moment. So each folder is opened by descriptors and must be as it was (C(state/paths.py)); what
is in its place instead is set aside, and it is made anew. What can't be put back so is kept, and said.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import grp
import itertools
import os
import pwd
import re
import shutil
import stat

from .. import processes, putting_back
from ..state import paths
from ..state.errors import StateError
from . import kinds
from .manifest import NO_TEXT, as_listed, sha256

STAYS = re.compile(
    r"/etc/(ssh|order82|network|netplan|sudoers|sudoers\.d|systemd/network|passwd-?|shadow-?|group-?|gshadow-?|subuid|subgid"
    r"|fstab|crypttab|hostname|hosts|machine-id|resolv\.conf|mtab)(/|$)"
)
"""Of the system: what makes the machine that it is stays as it is."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ROOTS = 0o755
"""The mode of a folder that is made where nobody knows how it was."""
_NOT_BROUGHT = "the repository did not bring it"
_LIKE_OTHERS = "names there are no UTF-8 and look alike: restore them with --to"
_TRIES = 10
"""So often a folder is begun with again that somebody changes meanwhile."""
_NOBODY = -2
_TYPES = {
    "file": stat.S_ISREG,
    "symlink": stat.S_ISLNK,
    "dir": stat.S_ISDIR,
    "fifo": stat.S_ISFIFO,
    "dev": stat.S_ISBLK,
    "chardev": stat.S_ISCHR,
}
"""What restic brings back: a socket is its program's to make."""


def target(path, one):
    """Where a file of a snapshot belongs; None for what is no file of the host, such as the list of packages."""
    folder = kinds.staging(one)
    if path != folder and not path.startswith(folder + "/"):
        return path if any(kinds.is_in(path, top) for top in _tops(one)) else None
    inside = path[len(folder) :]
    return inside if one.kind == "sqlite" and inside else None


def _tops(one):
    return ("/etc",) if one.kind == "system" else one.paths


class Placing:
    """Puts the files of a manifest back, or only says what that would do.

    C(new), C(replaced), C(stays): paths of files, and C(mended) of folders, as they were found; what is the same
    already is in none of them. C(refused): a sentence on each folder into which something could not be put back.
    """

    def __init__(self, one, manifest, modes, restored=None, aside=""):
        """Nothing is done yet.

        :param dict modes: of the snapshot's folders and files, by path.
        :param restored: drilling.Scratch with what was restored; None where nothing is to be done.
        :param str aside: where to set aside what is there and differs.
        """
        self.new, self.replaced, self.stays, self.mended, self.refused = [], [], [], [], []
        self._one, self._modes, self._restored, self._aside = one, modes, restored, aside
        self._entries, self._folders = {}, {}
        for entry in manifest["files"]:
            self._take(entry)
        if restored:
            self._name_truly(self._entries)
            self._name_truly(self._folders)
            for owner, group in {(entry["owner"], entry["group"]) for entry in self._entries.values()}:
                _make_account(owner, group)
        _number.cache_clear()
        self._rights = {path: self._rights_of(path, entry) for path, entry in self._folders.items()}
        if one.kind == "sqlite":
            self._rights.update(self._rights_above())
        self._gone, self._taken, self._mended, self._made, self._why = set(), set(), set(), {}, {}
        self._tops, self._stages, self._open = {}, {}, contextlib.ExitStack()

    def _take(self, entry):
        path = entry["path"]
        if not path.startswith("/") or os.path.normpath(path) != path:
            self.refused.append("'%s' in the manifest is no path: nothing was done with it" % path)
            return
        if entry["type"] == "dir":
            self._folders[path] = entry
        path = target(path, self._one)
        if path and entry["type"] in _TYPES and not (self._one.kind == "sqlite" and entry["type"] == "dir"):
            self._entries[path] = entry

    def _name_truly(self, entries):
        """Give what has a name that is no UTF-8 its own, as the repository brought it, where only one can be meant."""
        for path in [path for path in entries if NO_TEXT in path]:
            found = _named_like(self._restored.tree, entries[path]["path"])
            if len(found) == 1:
                entry = entries.pop(path)
                entries[found[0]] = {**entry, "path": found[0]}
                self._modes[found[0]] = stat.S_IMODE(os.lstat(self._restored.of(found[0])).st_mode)

    def _rights_of(self, path, entry):
        # A mode that nobody knows gives nobody a right.
        return paths.Rights(*numbers(entry), self._modes.get(path, 0))

    def _rights_above(self):
        """The copy of a database has not its folders' rights: those of the database's own account are right."""
        found = {}
        for path, entry in self._entries.items():
            for folder in _above(path):
                found[folder] = paths.Rights(*numbers(entry), 0o020)
        return found

    def run(self):
        """Go through all of it; each folder comes before what is in it."""
        entries = sorted(self._entries, key=os.path.split)
        with self._open:
            for folder, inside in itertools.groupby(entries, os.path.dirname):
                self._put_into(folder, list(inside))
            for path, found in sorted(self._made.items(), reverse=True):
                with contextlib.suppress(OSError, StateError), paths.folder(path, self._rights) as descriptor:
                    # It is only a time, and what was put into the folder has changed it.
                    os.utime(descriptor, ns=(found.st_atime_ns, found.st_mtime_ns))
        for (folder, reason), kept in sorted(self._why.items()):
            where = "; %d are in %s" % (sum(kept), self._not_put(folder)) if any(kept) else ""
            self.refused.append("%d of %s can't be put back: %s%s" % (len(kept), folder, reason, where))
        return {key: getattr(self, key) for key in ("new", "replaced", "stays", "mended", "refused")}

    def _put_into(self, folder, waiting):
        if self._one.kind == "system" and STAYS.match(folder):
            self._leave(folder, waiting)
            return
        if not self._restored:
            self._look_into(folder, waiting)
            return
        reason = ""
        for _try in range(_TRIES):
            try:
                if reason:
                    self._make_way(folder)
                with paths.folder(folder, self._rights) as descriptor:
                    self._tops.setdefault(_mount(descriptor), folder)
                    waiting, reason = self._put_all(descriptor, waiting)
            except (StateError, OSError) as error:
                reason = _said(error)
            if not waiting:
                return
        for path in waiting:
            self._refuse(path, reason)

    def _look_into(self, folder, waiting):
        """Only say what would be put into a folder."""
        try:
            if self._gone.intersection([folder, *_above(folder)]):
                raise FileNotFoundError(folder)  # it would be made anew
            with paths.folder(folder, self._rights) as descriptor:
                waiting, reason = self._put_all(descriptor, waiting)
        except FileNotFoundError:
            self.new += [path for path in waiting if self._entries[path]["type"] != "dir"]
            return
        except (StateError, OSError) as error:
            reason = _said(error)
        for path in waiting:
            self._refuse(path, reason)

    def _leave(self, folder, waiting):
        """Of a folder that stays as it is, say what differs."""
        with contextlib.ExitStack() as stack:
            try:
                descriptor = stack.enter_context(paths.folder(folder, self._rights))
            except (StateError, OSError):
                descriptor = None
            for path in waiting:
                entry = self._entries[path]
                same = descriptor is not None and self._is_same(descriptor, os.path.basename(path), entry)
                if entry["type"] != "dir" and not same:
                    self.stays.append(path)

    def _put_all(self, descriptor, waiting):
        """Put all into an open folder; give back what is to be tried again, and why."""
        again, reason = [], ""
        for path in waiting:
            entry, name = self._entries[path], os.path.basename(path)
            if self._one.kind == "system" and STAYS.match(path):
                if entry["type"] != "dir" and not self._is_same(descriptor, name, entry):
                    self.stays.append(path)
                continue
            try:
                if entry["type"] == "dir":
                    self._put_folder(descriptor, name, path)
                else:
                    self._put_file(descriptor, name, path)
            except (StateError, FileExistsError, FileNotFoundError) as error:
                again.append(path)
                reason = _said(error)
            except OSError as error:
                self._refuse(path, _said(error))
        return again, reason

    def _put_file(self, descriptor, name, path):
        entry = self._entries[path]
        if self._is_same(descriptor, name, entry):
            return
        there = _look(descriptor, name)
        if there and self._one.kind == "records":
            self.stays.append(path)  # a record is never replaced
            return
        if self._restored:
            source = self._restored.of(entry["path"])
            if not os.path.lexists(source):
                raise PermissionError(errno.EPERM, _LIKE_OTHERS if NO_TEXT in path else _NOT_BROUGHT)
            self._own(source, entry)
            self._set_aside(descriptor, name, path, there)
            putting_back.give(source, descriptor, name, self._staging)
        (self.replaced if there or path in self._taken else self.new).append(path)

    def _put_folder(self, descriptor, name, path):
        """See to it that a folder is there, and is as it was; or that it is one way of root's to where it is."""
        there, rights = _look(descriptor, name), self._rights.get(path, paths.Rights(0, 0, 0o755))
        if there and stat.S_ISDIR(there.st_mode) and there.st_uid in {0, rights.uid}:
            if self._one.kind != "records" and path in self._folders and paths.Rights.of(there) != rights:
                self._mend(descriptor, name, path, rights)
            return
        if there and stat.S_ISLNK(there.st_mode) and there.st_uid == 0 and _are_roots(descriptor):
            return
        if there and not any(kinds.is_in(path, top) for top in _tops(self._one)):
            return  # above the set: who goes that way refuses it
        if not self._restored:
            self._gone.add(path)
            if there:
                self.replaced.append(path)
            return
        self._set_aside(descriptor, name, path, there)
        self._make(descriptor, name, path)
        if path in self._taken:
            self.replaced.append(path)

    def _mend(self, descriptor, name, path, rights):
        if self._restored:
            handle = os.open(name, _FOLDER, dir_fd=descriptor)
            try:
                if os.fstat(handle).st_uid not in {0, rights.uid}:
                    raise StateError("%s belongs to somebody else by now" % path)
                os.fchown(handle, rights.uid, rights.gid)
                os.fchmod(handle, rights.mode)
            finally:
                os.close(handle)
        else:
            self._rights[path] = paths.TO_BE_MENDED
        if path not in self._mended:
            self._mended.add(path)
            self.mended.append(path)

    def _make(self, descriptor, name, path):
        """Make a folder: as it was, or root's where nobody knows how it was."""
        prepared = os.path.join(self._restored.tree, putting_back.PRIVATE + "folder")
        with contextlib.suppress(FileNotFoundError):  # what could not be given its place
            os.rmdir(prepared)
        os.mkdir(prepared, _ROOTS)
        os.chmod(prepared, _ROOTS)  # whatever the umask of who restores
        entry = self._folders.get(path)
        if entry:
            source = self._restored.of(path)
            found = os.lstat(source)
            putting_back.dress(prepared, putting_back.owned(found, *numbers(entry)), putting_back.attributes(source))
            self._made[path] = found
        putting_back.give(prepared, descriptor, name, self._staging)

    def _make_way(self, folder):
        """Make the folders above a folder, and itself, as they were where that is not so."""
        for path in [*reversed(_above(folder)), folder]:
            with paths.folder(os.path.dirname(path), self._rights) as descriptor:
                self._tops.setdefault(_mount(descriptor), os.path.dirname(path))
                self._put_folder(descriptor, os.path.basename(path), path)

    def _set_aside(self, descriptor, name, path, there):
        if there:
            kept = self._aside + path
            while os.path.lexists(kept):
                kept += ".again"
            _make_own(self._aside, kept)
            putting_back.take_away(descriptor, name, kept)
            self._taken.add(path)

    def _refuse(self, path, reason):
        entry = self._entries[path]
        keeps = self._restored and entry["type"] != "dir" and os.path.lexists(self._restored.of(entry["path"]))
        if keeps:
            kept = self._not_put(path)
            _make_own(self._not_put(""), kept)
            shutil.move(self._restored.of(entry["path"]), kept)
        self._why.setdefault((os.path.dirname(path), reason), []).append(bool(keeps))

    def _not_put(self, path):
        return self._aside + "-not-put-back" + path

    def _own(self, source, entry):
        """Give it to the owner of that name: on a new machine the numbers may be other ones."""
        found, (uid, gid) = os.lstat(source), numbers(entry)
        if (found.st_uid, found.st_gid) != (uid, gid):
            putting_back.dress(source, putting_back.owned(found, uid, gid), putting_back.attributes(source))

    @contextlib.contextmanager
    def _staging(self, descriptor):
        """A folder of root's alone in the file system of another one: the same until the end, for the links of files.

        It lies in the first folder of that file system, since in one of the record store nothing could be removed.
        """
        mount = _mount(descriptor)
        if mount not in self._stages:
            top = self._open.enter_context(paths.folder(self._tops[mount], self._rights))
            self._stages[mount] = self._open.enter_context(putting_back.private(top))
        yield self._stages[mount]

    def _is_same(self, descriptor, name, entry):
        found = _look(descriptor, name)
        if not found or not _TYPES[entry["type"]](found.st_mode):
            return False
        if entry["type"] == "symlink":
            try:
                return os.readlink(name, dir_fd=descriptor) == entry["target"]
            except OSError:
                return False  # it is none any more
        mode = self._modes.get(entry["path"], stat.S_IMODE(found.st_mode))
        if paths.Rights.of(found) != paths.Rights(*numbers(entry), mode):
            return False
        if entry["type"] != "file":
            return True
        wanted = self._hash_of(entry) if found.st_size == entry["size"] else None
        return wanted is not None and _content(descriptor, name) == wanted

    def _hash_of(self, entry):
        """Of a file whose hash nobody took, since it changed meanwhile or has no name that restic can tell."""
        if entry["sha256"] or not self._restored or not os.path.lexists(self._restored.of(entry["path"])):
            return entry["sha256"]
        with open(self._restored.of(entry["path"]), "rb") as file:
            return sha256(file)


def _make_own(top, path):
    """Make the folders for what is kept: root's alone from the topmost on."""
    os.makedirs(os.path.dirname(top), exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.mkdir(top, 0o700)
    os.makedirs(os.path.dirname(path), exist_ok=True)


def _named_like(tree, path):
    """The paths below a folder that restic's list would name like this one."""
    found = [""]
    for part in path.split("/")[1:]:
        if NO_TEXT not in part:
            found = [one + "/" + part for one in found]
            continue
        there = []
        for one in found:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                there += [one + "/" + name for name in os.listdir(tree + one) if as_listed(name) == part]
        found = there
    return found


def _content(descriptor, name):
    """The hash of a file; None where it is none any more."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        return sha256(file, found.st_size) if stat.S_ISREG(found.st_mode) else None


def _look(descriptor, name):
    try:
        return os.lstat(name, dir_fd=descriptor)
    except FileNotFoundError:
        return None


def _are_roots(descriptor):
    return paths.Rights.of(os.fstat(descriptor)).are_roots


def _above(path):
    """The folders above a path, the nearest first, without the root."""
    found = []
    path = os.path.dirname(path)
    while path != "/":
        found.append(path)
        path = os.path.dirname(path)
    return found


def _mount(descriptor):
    """Which mount a folder is in: what is in another one can't be linked, in the same file system either (link(2))."""
    with open("/proc/self/fdinfo/%d" % descriptor, encoding="ascii") as file:
        return next(line.split()[1] for line in file if line.startswith("mnt_id:"))


def _said(error):
    return getattr(error, "strerror", None) or str(error)


def numbers(entry):
    """The numbers of an entry's owner and group here; -2 for one that has no account."""
    return _number(entry["owner"], pwd.getpwnam), _number(entry["group"], grp.getgrnam)


@functools.cache  # there are a few accounts, and a million files
def _number(name, find):
    if isinstance(name, int):
        return name
    try:
        return find(name)[2]
    except KeyError:
        return _NOBODY


def _make_account(owner, group):
    """Where a new machine has no account of that name it is made.

    What installs its program later takes the one that is there.
    """
    _number.cache_clear()
    if _number(owner, pwd.getpwnam) == _NOBODY:
        # It brings a group of its name, but where there is one already.
        joins = [] if _number(owner, grp.getgrnam) == _NOBODY else ["--gid=" + owner]
        words = ["--system", "--shell=/usr/sbin/nologin", "--no-create-home", *joins]
        processes.run(["useradd", *words, "--", owner])
        _number.cache_clear()
    if _number(group, grp.getgrnam) == _NOBODY:
        processes.run(["groupadd", "--system", "--", group])
