# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders, reached only by ways that nobody but root could have laid, and replaced in one step.

A folder is opened component by component from the root, and what is then done in it is done by its descriptor: nobody
can put another folder in its place meanwhile. A symlink on the way is followed where only root can have made it. What
is put back goes into folders of others, too: each on the way must be as it was then (L(Rights)).
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import shutil
import stat
from typing import NamedTuple

from .errors import StateError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LINKS = 40  # as the kernel's own limit (path_resolution(7))
TO_BE_MENDED = -1
"""Stands for the number of a folder's account where the folder is to get its rights before anything is done in it."""
STAGED = ".order82"
"""How the name of a file ends that waits for the other files of its measure, beside the one that it replaces."""


class Rights(NamedTuple):
    """Who owned a folder and could write in it when what lay in it was taken from there."""

    uid: int
    gid: int
    mode: int

    @classmethod
    def of(cls, found):
        """:param found: os.stat_result."""
        return cls(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))

    @property
    def are_roots(self):
        """Whether nobody but root could place something there."""
        return self.uid == 0 and not self.mode & 0o002 and not (self.mode & 0o020 and self.gid)


@contextlib.contextmanager
def saying(path, what):
    """Name the path where a call of the system fails, which knows only a descriptor and a name.

    :raises StateError: in place of OSError.
    """
    try:
        yield
    except OSError as error:
        raise StateError("%s can't be %s: %s" % (path, what, error.strerror or error)) from error


def _owner(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return "the user %d" % uid


def _refuse_writers(found, path, known):
    """Only root may place something in a folder, or those whose folder it is known to be."""
    if known == TO_BE_MENDED:
        return
    if isinstance(known, Rights):
        _refuse_others_than_then(found, path, known)
        return
    if found.st_uid not in {0, known}:
        raise StateError(
            "%s belongs to %s and not to root: give it back to root (chown)" % (path, _owner(found.st_uid))
        )
    if found.st_mode & 0o002 or (found.st_mode & 0o020 and found.st_gid != 0 and known is None):
        raise StateError("%s can be written by others than root: take that away (chmod go-w)" % path)


def _refuse_others_than_then(found, path, then):
    if found.st_uid not in (0, then.uid):
        raise StateError("%s belongs to %s, to whom it did not belong then" % (path, _owner(found.st_uid)))
    by_group = found.st_mode & 0o020 and found.st_gid and not (then.mode & 0o020 and found.st_gid == then.gid)
    # In a folder with the sticky bit nobody moves away what is another's (unlink(2)).
    by_all = found.st_mode & 0o002 and (not then.mode & 0o002 or then.mode & ~found.st_mode & stat.S_ISVTX)
    if by_group or by_all:
        raise StateError("%s can be written by others than then" % path)


@contextlib.contextmanager
def folder(path, owners=None, seen=None):
    """Open a folder.

    :param str path: absolute.
    :param dict owners: folders that belong to another account than root, with its number, or with the L(Rights) that
        they had; by the path as it is given, or as it really is.
    :param dict seen: where it is given, every folder may be anybody's, and its L(Rights) are put there by its path.
    :return: its descriptor, for the C(with) statement.
    :raises StateError: somebody else than root, or than then, could have placed it.
    :raises FileNotFoundError: it is not there.
    """
    descriptor, owners = None, owners or {}
    waiting, here, links = _steps(path), "/", 0
    try:
        descriptor = os.open("/", _FOLDER)
        whose = root = Rights.of(os.fstat(descriptor))
        while waiting:
            name, given = waiting.pop(0)
            there = here.rstrip("/") + "/" + name
            try:
                following = os.open(name, _FOLDER, dir_fd=descriptor)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                found = os.lstat(name, dir_fd=descriptor)
                if not stat.S_ISLNK(found.st_mode):
                    raise StateError("%s is no folder: move away what lies there" % there) from error
                if found.st_uid != 0 or not whose.are_roots:
                    raise StateError(
                        "%s is a symlink of %s: remove it, or have root make it" % (there, _owner(found.st_uid))
                    ) from error
                links += 1
                if links > _LINKS:
                    raise StateError("%s leads round in a circle of symlinks: remove them" % there) from error
                target = os.path.normpath(os.path.join(here, os.readlink(name, dir_fd=descriptor)))
                waiting = _steps(target, given) + waiting
                os.close(descriptor)
                descriptor, here, whose = os.open("/", _FOLDER), "/", root
                continue
            os.close(descriptor)
            descriptor, here = following, there
            found = os.fstat(descriptor)
            whose = Rights.of(found)
            if seen is None:
                _refuse_writers(found, there, owners.get(there, owners.get(given)))
            else:
                seen[there] = whose
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _steps(path, given=None):
    """The names on the way to a folder, each with the path by which it was asked for.

    :param given: by which path a symlink was asked for that leads there; then only the last is what was asked for.
    """
    parts = [part for part in path.split("/") if part]
    if given is None:
        return [(part, "/" + "/".join(parts[: number + 1])) for number, part in enumerate(parts)]
    return [(part, None) for part in parts[:-1]] + [(part, given) for part in parts[-1:]]


def make(descriptor, name, mode):
    """Make a folder with this very mode, whatever the umask takes away."""
    os.mkdir(name, mode, dir_fd=descriptor)
    made = os.open(name, _FOLDER, dir_fd=descriptor)
    try:
        os.fchmod(made, mode)
    finally:
        os.close(made)


@contextlib.contextmanager
def parent(path, owners=None):
    """Open the folder in which something lies: gives its descriptor and the name therein.

    :raises StateError: as L(folder).
    :raises FileNotFoundError: there is no such folder.
    """
    with folder(os.path.dirname(path), owners) as descriptor:
        yield descriptor, os.path.basename(path)


def look(path, owners=None):
    """What lies at a path itself, or None: os.stat_result, a symlink's own."""
    try:
        with parent(path, owners) as (descriptor, name):
            return os.lstat(name, dir_fd=descriptor)
    except FileNotFoundError:
        return None


def read(descriptor, name, path, most=None):
    """The content of a regular file and its os.stat_result.

    :param int most: no more than so many bytes are read; all of them by default.
    :return: tuple of bytes and os.stat_result, or None where nothing is there.
    :raises StateError: a symlink, a folder or a device lies there.
    """
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise StateError("%s is a symlink where a file should be: remove it" % path) from error
        if error.errno == errno.ENXIO:  # a socket
            raise StateError("%s is no file: move away what lies there" % path) from error
        raise StateError("%s can't be read: %s" % (path, error.strerror)) from error
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise StateError("%s is no file: move away what lies there" % path)
    with os.fdopen(handle, "rb") as file:
        return file.read(-1 if most is None else most), found


def staged(name):
    """What a file is called while it waits: the same in each run, so that one broken off leaves nothing for ever."""
    return "." + name + STAGED


def stage(descriptor, name, content, rights):
    """Write a file beside the one that it is to replace, whole.

    :param tuple rights: the numbers of its owner and its group, and its mode.
    """
    uid, gid, mode = rights
    with contextlib.suppress(FileNotFoundError):
        os.unlink(staged(name), dir_fd=descriptor)
    handle = os.open(
        staged(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=descriptor
    )
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchown(handle, uid, gid)
            os.fchmod(handle, mode)
            os.fsync(handle)
    except BaseException:
        os.unlink(staged(name), dir_fd=descriptor)
        raise


def replace(descriptor, name):
    """Put the waiting file in its place, in one step."""
    os.rename(staged(name), name, src_dir_fd=descriptor, dst_dir_fd=descriptor)
    os.fsync(descriptor)


def write(path, content, mode=0o600):
    """Write a file of root's own in one step."""
    with saying(path, "written"), parent(path) as (descriptor, name):
        stage(descriptor, name, content, (0, 0, mode))
        replace(descriptor, name)


def remove(path, owners=None):
    """Remove a file, or a folder with all that is in it, and never what a symlink points to.

    :return: bool: something was there.
    """
    found = look(path, owners)
    if found is None:
        return False
    with saying(path, "removed"), parent(path, owners) as (descriptor, name):
        if stat.S_ISDIR(found.st_mode):
            # By descriptors and without following: Python does so on Linux (shutil.rmtree.avoids_symlink_attacks).
            shutil.rmtree("/proc/self/fd/%d/%s" % (descriptor, name))
        else:
            os.unlink(name, dir_fd=descriptor)
    return True


def set_aside(path, to):
    """Move what somebody else put there into a folder of root's own, where it is evidence."""
    target = os.path.join(to, path.strip("/").replace("/", "__"))
    with saying(path, "set aside"):
        os.makedirs(to, 0o700, exist_ok=True)
        shutil.move(path, target)
    return target
