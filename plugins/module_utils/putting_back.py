# SPDX-License-Identifier: GPL-3.0-or-later
"""How something takes a place in a folder that may be anybody's: whole or not at all, and over nothing that is there.

The folder is an open descriptor (C(state/paths.py)); nothing here looks a path up in it. Only what lies in a folder of
root's alone is named by a path.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from typing import NamedTuple

from .state.errors import StateError

PRIVATE = ".order82-putting-back-"
"""How the name of a folder begins that is root's alone and is there while something is put back."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 20


def give(source, descriptor, name, staging=None):
    """Give what lies in a folder of root's alone its place in another one, with all that it has, in one step.

    It keeps its other name; a folder, which is an empty one, does not. Where the place is in another file system, a
    copy with the same owner, mode, times and attributes takes it.

    :param str source: a path that nobody else can reach.
    :param staging: a function from the folder's descriptor to the one of a folder of root's alone in the same file
        system, for a C(with) statement; L(private) by default. Copies of what has several names stay there.
    :raises FileExistsError: something has that name.
    """
    try:
        _name(source, None, descriptor, name)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    with (staging or private)(descriptor) as place:
        found = os.lstat(source)
        has_links = found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode)
        kept = "%d" % found.st_ino if has_links else secrets.token_hex(8)
        if not is_there(kept, place):
            _copy(source, found, place, kept)
        try:
            _name(kept, place, descriptor, name)
        finally:
            if not has_links and is_there(kept, place):
                (os.rmdir if stat.S_ISDIR(found.st_mode) else os.unlink)(kept, dir_fd=place)


def _name(source, from_folder, descriptor, name):
    if stat.S_ISDIR(os.lstat(source, dir_fd=from_folder).st_mode):
        if is_there(name, descriptor):  # an empty folder would go without a word (rename(2))
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        os.rename(source, name, src_dir_fd=from_folder, dst_dir_fd=descriptor)
    else:
        os.link(source, name, src_dir_fd=from_folder, dst_dir_fd=descriptor, follow_symlinks=False)


def is_there(name, descriptor):
    """Whether anything has that name in a folder."""
    try:
        os.lstat(name, dir_fd=descriptor)
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def private(descriptor):
    """A folder of root's alone in another folder, with all that is in it only for so long; gives its descriptor.

    What a run that was killed left of one is removed.
    """
    for old in os.listdir(descriptor):
        if old.startswith(PRIVATE) and os.lstat(old, dir_fd=descriptor).st_uid == os.geteuid():
            shutil.rmtree("/proc/self/fd/%d/%s" % (descriptor, old))
    name = PRIVATE + secrets.token_hex(8)
    os.mkdir(name, 0o700, dir_fd=descriptor)
    place = os.open(name, _FOLDER, dir_fd=descriptor)
    try:
        found = os.fstat(place)
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise StateError("somebody put another folder in the place of %s" % name)
        with contextlib.suppress(OSError):  # most have none
            os.removexattr(place, "system.posix_acl_default")
        yield place
        for left in os.listdir(place):
            os.unlink(left, dir_fd=place)
    finally:
        os.close(place)
        with contextlib.suppress(FileNotFoundError):  # whose folder it is may have moved it away
            shutil.rmtree("/proc/self/fd/%d/%s" % (descriptor, name))


def _copy(source, found, place, name):
    """Copy what is no folder, or an empty one, into a folder of root's alone."""
    target = "/proc/self/fd/%d/%s" % (place, name)
    if stat.S_ISREG(found.st_mode):
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=place)
        with os.fdopen(handle, "wb") as copy, open(source, "rb") as file:
            _pour(file, copy, found.st_size)
    elif stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(source), target)
    elif stat.S_ISDIR(found.st_mode):
        os.mkdir(target, 0o700)
    else:
        os.mknod(target, stat.S_IFMT(found.st_mode) | 0o600, found.st_rdev)
    dress(target, found, attributes(source))


def _pour(file, copy, size):
    """Copy so many bytes and no more, however somebody lengthens it meanwhile."""
    while size > 0:
        chunk = file.read(min(size, _CHUNK))
        if not chunk:
            return
        size -= len(chunk)
        copy.write(chunk)


def attributes(path):
    """The extended attributes of what lies at a path, its access list and capabilities among them: name to bytes."""
    return {key: os.getxattr(path, key, follow_symlinks=False) for key in os.listxattr(path, follow_symlinks=False)}


class Looks(NamedTuple):
    """What L(dress) takes of an C(os.stat_result), for what has none."""

    st_mode: int
    st_uid: int
    st_gid: int
    st_atime_ns: int
    st_mtime_ns: int


def dress(path, found, extended):
    """Give something an owner and a group, and then what goes with a new owner (chown(2)): mode, attributes, times.

    :param str path: in a folder of root's alone.
    :param found: os.stat_result or L(Looks).
    :param dict extended: from L(attributes); a file system that knows none goes without.
    """
    os.chown(path, found.st_uid, found.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(path, stat.S_IMODE(found.st_mode))
    for key, value in extended.items():
        try:
            os.setxattr(path, key, value, follow_symlinks=False)
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)


def owned(found, uid, gid):
    """The looks of something under another owner."""
    return Looks(found.st_mode, uid, gid, found.st_atime_ns, found.st_mtime_ns)


def give_all(path, uid, gid):
    """Give a folder with all that is in it to an account.

    It gets the folder itself at last: whoever can change what is in it meanwhile could have others' files given to it.

    :param str path: a folder that nobody else can reach.
    """
    for _path, folders, files, descriptor in os.fwalk(path, topdown=False):
        for name in (*folders, *files):
            os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)
    os.chown(path, uid, gid)


def take_away(descriptor, name, target):
    """Move what lies in a folder, whatever it is, into a folder of root's alone; a symlink itself, never its target.

    What can't be moved there from another file system, as it is no file or there is no room, stays beside its place.

    :param str target: a path that nobody else can reach; nothing is there.
    :return: str: the path or, where it stays, the new name.
    """
    try:
        os.rename(name, target, src_dir_fd=descriptor)
        return target
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    found = os.lstat(name, dir_fd=descriptor)
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(name, dir_fd=descriptor), target)
    elif stat.S_ISREG(found.st_mode) and found.st_size < shutil.disk_usage(os.path.dirname(target)).free:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
        with os.fdopen(handle, "rb") as file, open(target, "xb") as copy:
            found = os.fstat(handle)
            _pour(file, copy, found.st_size)
        dress(target, found, {})
    else:
        beside = "%s.before-%s" % (name, secrets.token_hex(8))
        os.rename(name, beside, src_dir_fd=descriptor, dst_dir_fd=descriptor)
        return beside
    now = os.lstat(name, dir_fd=descriptor)
    if (now.st_dev, now.st_ino) == (found.st_dev, found.st_ino):
        os.unlink(name, dir_fd=descriptor)
    return target
