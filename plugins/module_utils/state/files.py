# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders and files: what differs, and how all of a measure's files take their places after all were found good."""

from __future__ import annotations

import base64
import contextlib
import difflib
import glob
import grp
import hashlib
import os
import pwd
import stat
import tempfile
from typing import NamedTuple

from . import paths
from .errors import StateError
from .host import run

_SHOWN = 20000
"""So many bytes of a text are shown where it differs."""
_VALIDATE_SECONDS = 120


class Difference(NamedTuple):
    """A file or folder that is not as the state says.

    C(entry): what the state says.
    C(what): what is otherwise, in words.
    C(before): the text that is there, if it can be shown.
    """

    entry: dict
    what: str
    before: object = None


def owners(host, state):
    """The folders of a state that belong to another account than root, with its number."""
    found = {}
    for entry in state["folders"]:
        uid = host.uid(entry["owner"])
        if uid:
            found[entry["path"]] = found[os.path.realpath(entry["path"])] = uid
    return found


def content(entry):
    """The bytes of a file's entry."""
    return base64.b64decode(entry["content"])


def is_whole(entry):
    """Whether the content of a file's entry, where it has one, is what its hash says."""
    return "content" not in entry or hashlib.sha256(content(entry)).hexdigest() == entry["sha256"]


def _name(lookup, number):
    try:
        return lookup(number)[0]
    except KeyError:
        return str(number)


def _rights(entry, found):
    """How owner, group and mode differ, in words."""
    said = []
    now = {
        "owner": _name(pwd.getpwuid, found.st_uid),
        "group": _name(grp.getgrgid, found.st_gid),
        "mode": "%04o" % stat.S_IMODE(found.st_mode),
    }
    for key, value in now.items():
        if value != entry[key]:
            said.append("%s %s and not %s" % (key, value, entry[key]))
    return said


def folder_differences(host, state):
    """Folders that are missing or have other rights.

    :raises StateError: something else lies there.
    """
    known, found = owners(host, state), []
    for entry in sorted(state["folders"], key=lambda one: one["path"]):
        known.update(_to_be_mended(found[-1:]))
        now = paths.look(entry["path"], known)
        if now is None:
            found.append(Difference(entry, "is missing"))
        elif stat.S_ISLNK(now.st_mode) and now.st_uid == 0 and os.path.isdir(entry["path"]):
            said = _rights(entry, os.stat(entry["path"]))  # root's own link: where a site keeps it
            found += [Difference(entry, ", ".join(said))] if said else []
        elif not stat.S_ISDIR(now.st_mode):
            raise StateError("%s is no folder: move away what lies there" % entry["path"])
        elif _rights(entry, now):
            found.append(Difference(entry, ", ".join(_rights(entry, now))))
    return found


def _to_be_mended(folders):
    both = [path for one in folders for path in (one.entry["path"], os.path.realpath(one.entry["path"]))]
    return dict.fromkeys(both, paths.TO_BE_MENDED)


def differences(host, state, folders=()):
    """Files that are missing, have another content or other rights.

    An entry without C(content) is compared by its hash; of one that is C(made) on the host, and by somebody else, only
    the rights count.

    :param folders: from C(folder_differences): those that are to get their rights before files are laid in them.
    :raises StateError: something else lies there, or others than root could have placed it.
    """
    known, found = {**owners(host, state), **_to_be_mended(folders)}, []
    for entry in state["files"]:
        path = entry["path"]
        try:
            with paths.parent(path, known) as (descriptor, name):
                there = paths.read(descriptor, name, path, entry["size"] + 1)
        except FileNotFoundError:
            there = None
        if entry["made"]:
            said = _rights(entry, there[1]) if there else []
            found += [Difference(entry, ", ".join(said))] if said else []
            continue
        if there is None:
            found.append(Difference(entry, "is missing", b""))
            continue
        bytes_, status = there
        said = _rights(entry, status)
        if status.st_size != entry["size"] or hashlib.sha256(bytes_).hexdigest() != entry["sha256"]:
            said.insert(0, "content differs")
        if said:
            found.append(Difference(entry, ", ".join(said), _whole(path, known)))
    return found


def _whole(path, known):
    with paths.parent(path, known) as (descriptor, name):
        return paths.read(descriptor, name, path, _SHOWN)[0]


def lacks_text(difference):
    """Whether a file can't be laid down again from a manifest: a secret that is missing, or another one by now."""
    entry = difference.entry
    is_of_rights = difference.what != "is missing" and "content differs" not in difference.what
    return not (entry["made"] or "content" in entry or is_of_rights)


def shown(difference):
    """A difference of texts as diff(1) would show it; nothing of a secret, nor of what is no text."""
    entry = difference.entry
    if entry.get("secret") or difference.before is None or "content" not in entry:
        return ""
    before, after = _text(difference.before[:_SHOWN]), _text(content(entry)[:_SHOWN])
    if before is None or after is None:
        return ""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), "on the host", "as laid down", lineterm="", n=1
    )
    return "\n".join(lines)


def as_ansible_diff(difference):
    """One entry of a module's C(diff)."""
    entry = difference.entry
    header = {"before_header": entry["path"], "after_header": entry["path"]}
    if entry.get("secret"):
        return dict(
            header,
            before="(a secret)\n",
            after="(another secret)\n" if "content" in difference.what else "(a secret)\n",
        )
    if "content" not in entry:
        return dict(header, before="%s\n" % difference.what, after="")
    if "content" not in difference.what and difference.what != "is missing":
        return dict(header, before=difference.what + "\n", after="%(owner)s:%(group)s %(mode)s\n" % entry)
    before, after = _text(difference.before[:_SHOWN]), _text(content(entry)[:_SHOWN])
    if before is None or after is None:
        return dict(header, before="(no text)\n", after="(another content)\n")
    return dict(header, before=before, after=after)


def _text(content_):
    """The beginning of a content as a text; None if it is none."""
    shown_ = content_[:_SHOWN]
    try:
        return shown_.decode()
    except UnicodeDecodeError as error:
        return shown_[: error.start].decode() if error.start > _SHOWN - 4 else None  # cut within a character


def _ids(host, entry):
    uid, gid = host.uid(entry["owner"]), host.gid(entry["group"])
    if uid is None or gid is None:
        missing = "account %s" % entry["owner"] if uid is None else "group %s" % entry["group"]
        raise StateError("%s can't be laid down: there is no %s here" % (entry["path"], missing))
    return uid, gid


def to_make(folders, found):
    """The folders that are not there and will be made: those of the state, and above them and above files."""
    wanted = {one.entry["path"] for one in folders if one.what == "is missing"}
    for path in [*wanted, *(one.entry["path"] for one in found if not one.entry["made"])]:
        wanted.update(_missing_above(path))
    return sorted(wanted)


def _missing_above(path):
    missing = []
    above = os.path.dirname(path)
    while not os.path.lexists(above):
        missing.insert(0, above)
        above = os.path.dirname(above)
    return missing


def lay_folders(host, state, found):
    """Make folders, and give those that are there their rights."""
    known = owners(host, state)
    for difference in found:
        entry = difference.entry
        uid, gid = _ids(host, entry)
        if difference.what == "is missing":
            make_parents(entry["path"], known)
            with paths.saying(entry["path"], "made"), paths.parent(entry["path"], known) as (descriptor, name):
                os.mkdir(name, 0o700, dir_fd=descriptor)
        path = os.path.realpath(entry["path"])
        with paths.saying(path, "given its rights"), paths.folder(path, {**known, path: paths.TO_BE_MENDED}) as folder:
            os.fchown(folder, uid, gid)
            os.fchmod(folder, int(entry["mode"], 8))


def make_parents(path, known):
    """Make the folders above a path that are missing, as root's; give back which."""
    missing = _missing_above(path)
    for folder in missing:
        with paths.saying(folder, "made"), paths.parent(folder, known) as (descriptor, name):
            paths.make(descriptor, name, 0o755)
    return missing


@contextlib.contextmanager
def all_staged(host, state, found):
    """Lay files beside those that they are to replace, and validate each.

    If that fails, nothing of them stays, nor of the folders that were made for them.

    :return: for the C(with) statement: a function that puts them into their places.
    :raises StateError: one is not valid, or there is no room.
    """
    known, waiting, fresh = owners(host, state), {}, []
    try:
        for difference in found:
            entry = difference.entry
            path, (uid, gid) = entry["path"], _ids(host, entry)
            if _has_only_rights(entry):
                continue
            fresh += make_parents(path, known)
            with paths.saying(path, "written"), paths.parent(path, known) as (descriptor, name):
                paths.stage(descriptor, name, content(entry), (uid, gid, int(entry["mode"], 8)))
            waiting[path] = os.path.join(os.path.dirname(path), paths.staged(os.path.basename(path)))
        for difference in found:
            if difference.entry["path"] in waiting:
                validate(difference.entry, waiting)

        def replace():
            for difference in found:
                if _has_only_rights(difference.entry):
                    _give_rights(host, difference.entry, known)
            for path in list(waiting):
                with paths.saying(path, "replaced"), paths.parent(path, known) as (descriptor, name):
                    paths.replace(descriptor, name)
                del waiting[path]

        yield replace
    finally:
        for path in waiting.values():
            with contextlib.suppress(OSError, StateError):
                paths.remove(path, known)
        remove_empty(fresh)


def _has_only_rights(entry):
    """Whether nothing but owner, group and mode of a file are to be seen to; a manifest has no text of a secret."""
    return entry["made"] or "content" not in entry


def _give_rights(host, entry, known):
    uid, gid = _ids(host, entry)
    with paths.parent(entry["path"], known) as (descriptor, name):
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
        try:
            os.fchown(handle, uid, gid)
            os.fchmod(handle, int(entry["mode"], 8))
        finally:
            os.close(handle)


def try_out(found, packages_lack):
    """Validate what check mode would write, in a folder that goes at once; not where a program is still to come."""
    with tempfile.TemporaryDirectory(prefix="order82-", dir="/run") as folder:
        waiting = {}
        for number, difference in enumerate(found):
            entry = difference.entry
            if entry["made"]:
                continue
            waiting[entry["path"]] = os.path.join(folder, "%d-%s" % (number, os.path.basename(entry["path"])))
            with open(waiting[entry["path"]], "wb") as file:
                file.write(content(entry))
        for difference in found:
            if not packages_lack:
                validate(difference.entry, waiting)


def validate(entry, waiting):
    """Ask the program that will read a file whether it takes it.

    :param dict waiting: where each file of the measure lies until it takes its place; the words of the command that are
        its path mean that one.
    """
    if not entry["validate"]:
        return
    with _as_if_in_place(entry, waiting) as tried:
        words = [waiting.get(word, word).replace("%s", tried) for word in entry["validate"]]
        try:
            run(words, _VALIDATE_SECONDS)
        except StateError as error:
            because = entry["otherwise"] or "%s is not valid" % entry["path"]
            # What the program says of a secret may have a line of it.
            said = "'%s' does not take it" % " ".join(words) if entry["secret"] else str(error)
            for path, place in {**waiting, entry["path"]: tried}.items():
                said = said.replace(place, path)
            raise StateError("%s (%s)" % (because, said)) from (None if entry["secret"] else error)


@contextlib.contextmanager
def _as_if_in_place(entry, waiting):
    """Where to find the file; one that names others that wait as well, as a copy that names them where they are."""
    text = content(entry)
    for path in sorted(waiting, key=len, reverse=True):
        if path != entry["path"]:
            text = text.replace(path.encode(), waiting[path].encode())
    if text == content(entry):
        yield waiting[entry["path"]]
        return
    with tempfile.NamedTemporaryFile(prefix="order82-", dir="/run") as file:
        file.write(text)
        file.flush()
        yield file.name


def others(state, gone=()):
    """What lies where the state says that only the measure and packages lay something.

    :param gone: what is the measure's own, too, though in the state no more.
    """
    ours = {entry["path"] for entry in [*state["files"], *state["folders"]]} | set(gone)
    found = {path for pattern in state["nothing_else_in"] for path in glob.glob(pattern)} - ours
    found = {path for path in found if not any(one.startswith(path + "/") for one in ours)}
    return [path for path in sorted(found) if not of_a_package(path)]


def of_a_package(path):
    """Whether dpkg knows a file as one of its packages'."""
    try:
        return bool(run(["dpkg-query", "--search", path]))
    except StateError:
        return False


def remove(host, state, wanted, keep):
    """Remove files and folders that are ours, and what a run that was broken off left beside them.

    :param list wanted: their paths.
    :param keep: those that stay, and with them the folders in which they lie.
    :return: sentences on what was done.
    """
    known = owners(host, state)
    wanted = {path for path in wanted if path not in keep and not any(one.startswith(path + "/") for one in keep)}
    done = []
    for path in outermost(wanted):  # the rest goes with its folder, whose account may be gone with its package
        sweep([path], known)
        if paths.remove(path, known):
            done.append("removed " + path)
    return done


def outermost(wanted):
    """Those of the paths that do not lie in another of them."""
    return [path for path in sorted(wanted) if not any(path.startswith(one + "/") for one in wanted)]


def sweep(wanted, known):
    """Remove what a run that was broken off left beside these files."""
    for path in wanted:
        waiting = os.path.join(os.path.dirname(path), paths.staged(os.path.basename(path)))
        if os.path.lexists(waiting):
            paths.remove(waiting, known)


def remove_empty(folders):
    """Remove those folders, made along with files, in which nothing is left."""
    for path in sorted(folders, reverse=True):
        with contextlib.suppress(OSError):
            os.rmdir(path)
