# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a user id is, and whom the guard of the journal never holds back: who administers would be locked out."""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import re

from ..records import sources

USER = "order82-journal"
GROUPS = ("sudo", "wheel", "adm", "admin")
NEEDED = ("messagebus", "polkitd", "sshd", "systemd-*", "_chrony", "order82-*")
"""Accounts of daemons without which nobody logs in or nothing is recorded; others can make them write."""
ADMINISTRATORS = "/run/order82-journal/administrators"
_RULES = ("/etc/sudoers", "/etc/sudoers.d")
_SUBORDINATE = "/etc/subuid"
_COMMENT = re.compile(r"(^|\s)#(?!\d).*")
_ALIAS = re.compile(r"User_Alias\b")
_NO_RULE = re.compile(r"@|Defaults|(Host|Runas|Cmnd|Cmd)_Alias\b")
_RUN_AS = re.compile(r"\([^)]*\)")


def name_of(uid):
    """The account's name, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def uid_of(name):
    """The user id of an account that is named or numbered.

    :raises ValueError: nobody is called so.
    """
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        if name.isdigit():
            return int(name)
        raise ValueError("there is no account '%s'" % name) from None


class Owners:
    """To whom user ids are subordinate (subuid(5)): an account may become any of its own, and is charged for all."""

    def __init__(self, path=_SUBORDINATE):
        self._path, self._changed, self._ranges = path, None, []

    def of(self, uid):
        """The account behind a user id; root's containers are accounts of their own."""
        for owner, begin, count in self._read():
            if begin <= uid < begin + count and owner != 0:
                return owner
        return uid

    def _read(self):
        try:
            changed = os.stat(self._path).st_mtime_ns
        except OSError:
            return []
        if changed != self._changed:
            found = []
            with open(self._path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    with contextlib.suppress(ValueError):
                        owner, begin, count = line.strip().split(":")
                        found.append((uid_of(owner), int(begin), int(count)))
            self._ranges, self._changed = found, changed
        return self._ranges


def is_spared(uid, named):
    """Whether an account is root, may become root, administers, or is one that the host needs.

    :param named: names of further ones.
    """
    if uid == 0:
        return True
    name = name_of(uid)
    if name in named or str(uid) in named or sources.fits(name, NEEDED):
        return True
    for group in GROUPS:
        with contextlib.suppress(KeyError):
            entry = grp.getgrnam(group)
            if name in entry.gr_mem or _primary_group(uid) == entry.gr_gid:
                return True
    return False


def _primary_group(uid):
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return None


def in_sudos_rules(text):
    """Whom the rules of sudo let run any command (sudoers(5)).

    :param str text: of all files of rules.
    :return: set of names: accounts, numbers after a C(#), groups after a C(%).
    """
    found, aliases = set(), {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        rule = _COMMENT.sub("", line).replace("\t", " ").strip()
        left, _equals, right = rule.partition("=")
        if _ALIAS.match(rule):
            for one in rule[len("User_Alias") :].split(":"):
                name, _equals, members = one.partition("=")
                aliases[name.strip()] = set(_words(members))
        elif not _NO_RULE.match(rule) and "ALL" in _words(_RUN_AS.sub(" ", right)):
            users, _space, _hosts = re.sub(r"\s*,\s*", ",", left.strip()).partition(" ")
            found |= set(_words(users))
    for _depth in aliases:  # one may name another
        found = found.union(*(aliases[name] for name in found if name in aliases))
    return found - set(aliases) - {"ALL"}


def _words(text):
    return [word for word in re.split(r"[\s,:]+", text) if word]


def stamps():
    """When the rules of sudo changed last."""
    found = []
    for path in _RULES:
        try:
            found.append(os.stat(path).st_mtime_ns)
        except OSError:
            found.append(0)
    return found


def write_administrators(path=ADMINISTRATORS, rules=_RULES):
    """Leave for the guard, which may not read the rules of sudo, whom they name. Needs root.

    :return: list of names.
    """
    seen, texts = stamps(), []
    files = [one for one in rules if os.path.isfile(one)]
    files += [os.path.join(one, name) for one in rules if os.path.isdir(one) for name in sorted(os.listdir(one))]
    for one in files:
        with open(one, encoding="utf-8", errors="replace") as file:
            texts.append(file.read())
    words = in_sudos_rules("\n".join(texts))
    names = sorted(set().union(*(_members(word) for word in words)))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        os.fchmod(fd, 0o640)  # a unit's umask is its own
        with contextlib.suppress(KeyError):
            os.fchown(fd, 0, grp.getgrnam(USER).gr_gid)
        json.dump({"stamps": seen, "accounts": names}, file)
    return names


def _members(word):
    """The accounts behind a word of a rule."""
    if not word.startswith("%"):
        return {word.lstrip("#")}
    with contextlib.suppress(KeyError, ValueError):
        group = word.lstrip("%")
        entry = grp.getgrgid(int(group[1:])) if group.startswith("#") else grp.getgrnam(group)
        return set(entry.gr_mem) | {one.pw_name for one in pwd.getpwall() if one.pw_gid == entry.gr_gid}
    return set()


def administrators(path=ADMINISTRATORS):
    """What was left: pair of the stamps and the names; None and nobody where nothing was."""
    try:
        with open(path, encoding="utf-8") as file:
            left = json.load(file)
        return left["stamps"], left["accounts"]
    except FileNotFoundError:
        return None, []
