# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel tells of what is made, written, moved and removed in folders (inotify(7)), whoever does it.

Python has no module for it; the three calls of the C library are asked by ctypes. Who writes without end makes the
kernel's queue overflow: then everything counts as changed, once, and nobody's memory grows.
"""

from __future__ import annotations

import ctypes
import os
import struct

_EVENT = struct.Struct("iIII")  # wd, mask, cookie, length of the name
_CLOSE_WRITE, _ATTRIB, _MOVED_FROM, _MOVED_TO = 0x8, 0x4, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_MODIFY = 0x2
_OVERFLOW, _IGNORED, _IS_FOLDER = 0x4000, 0x8000, 0x40000000
_ONLY_FOLDER, _DONT_FOLLOW = 0x01000000, 0x02000000
_WATCHED = _CLOSE_WRITE | _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _MODIFY
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_READ = 1 << 16
"""So many bytes of events are read at once: some thousand."""


class Folders:
    """Folders that are watched, each once.

    :ivar dict unwatched: folder to the reason why the kernel does not watch it.
    :ivar int last: how many events were read last.
    """

    def __init__(self):
        self._kernel = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._kernel.inotify_init1(_NONBLOCK_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify: %s" % os.strerror(ctypes.get_errno()))
        self._folders, self._watches, self.unwatched, self.last = {}, {}, {}, 0

    def fileno(self):
        """The descriptor to wait on."""
        return self._descriptor

    def close(self):
        """Watch nothing any more."""
        os.close(self._descriptor)

    def __len__(self):
        return len(self._watches)

    def __contains__(self, path):
        return path in self._watches

    def add(self, path, follow=True):
        """Watch what lies in a folder; one that is not there is not watched, and that is no trouble.

        :param bool follow: also where the path is a symlink, or leads over one.
        :return: bool: it is watched from now on, and was not before.
        """
        if path in self._watches:
            return False
        mask = _WATCHED | _ONLY_FOLDER | (0 if follow else _DONT_FOLLOW)
        watch = self._kernel.inotify_add_watch(self._descriptor, os.fsencode(path), mask)
        if watch < 0:
            number = ctypes.get_errno()
            if os.path.isdir(path):
                self.unwatched[path] = os.strerror(number)
            return False
        self.unwatched.pop(path, None)
        self._watches[path] = watch
        # Two paths may lead to one folder, which the kernel watches once.
        self._folders.setdefault(watch, set()).add(path)
        return True

    def keep(self, wanted):
        """Watch no other folders than these, as far as they are there."""
        for path in [one for one in self._watches if one not in wanted]:
            self._forget(path)
        for path in [one for one in self.unwatched if one not in wanted]:
            del self.unwatched[path]

    def _forget(self, path):
        watch = self._watches.pop(path)
        names = self._folders.get(watch, set())
        names.discard(path)
        if not names:
            self._folders.pop(watch, None)
            self._kernel.inotify_rm_watch(self._descriptor, watch)

    def read(self):
        """What the kernel has told since, without waiting.

        :return: tuple: set of (folder, name) of what changed, the name being empty where it is the folder itself; and
            bool: more happened than the kernel could keep.
        """
        try:
            data = os.read(self._descriptor, _READ)
        except BlockingIOError:
            return set(), False
        found, overflow, offset, self.last = set(), False, 0, 0
        while offset < len(data):
            watch, mask, _cookie, length = _EVENT.unpack_from(data, offset)
            name = data[offset + _EVENT.size : offset + _EVENT.size + length].rstrip(b"\0")
            offset += _EVENT.size + length
            self.last += 1
            if mask & _OVERFLOW:
                overflow = True
                continue
            folders = self._folders.get(watch, ())
            if mask & (_MOVE_SELF | _IGNORED | _DELETE_SELF):
                # It lies elsewhere, or nowhere: its path means another folder from now on, to be added again.
                found |= {(folder, "") for folder in folders}
                for folder in tuple(folders):
                    self._forget(folder)
                continue
            found |= {(folder, os.fsdecode(name)) for folder in folders}
        return found, overflow
