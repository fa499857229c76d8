# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: who may read records, and whether looking somebody up leaves a record of it."""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat

from .. import processes
from ..nat.answer import disclosure
from ..nat.index import location
from ..records import counting, keys, sources, store
from ..records import line as record_line
from ..records import settings as record_settings
from ._registry import ObservationError
from ._store import the_settings

_SHOWN = 20
_CLASS = "disclosure"
_COMMAND = "/usr/bin/order82"
_EXAMPLE = ["--address", "192.0.2.1", "--time", "2026-01-01T00:00:00Z"]  # of nobody (RFC 5737)
_REFUSED = 2


def see_readers(declared, index):
    index = index or location.INDEX
    settings = the_settings()
    groups = {one: record_settings.group_of(one) for one in settings.classes}
    strangers = [
        "%s: %s" % (record_class, name)
        for record_class, group in sorted(groups.items())
        for name in sorted(members(group) - set(declared.get(record_class, ())))
    ]
    return {"strangers": strangers[:_SHOWN], "open": _open([settings.store, index])}


def members(group):
    """The accounts of a group: those that it names, and those whose first one it is.

    :raises KeyError: there is no such group.
    """
    found = grp.getgrnam(group)
    return {*found.gr_mem, *(one.pw_name for one in pwd.getpwall() if one.pw_gid == found.gr_gid)}


def _open(paths):
    """What in these folders everybody may look into, where everybody may enter them."""
    found = []
    for path in paths:
        if os.path.isdir(path) and os.lstat(path).st_mode & stat.S_IRWXO:
            for name in os.listdir(path):
                about = os.lstat(os.path.join(path, name))
                if name != keys.SIGNERS and not stat.S_ISLNK(about.st_mode) and about.st_mode & stat.S_IRWXO:
                    found.append(os.path.join(path, name))
    return sorted(found)[:_SHOWN]


def see_look_ups(hosts):
    settings = the_settings()
    seen, incomplete = set(), []
    paths = (path for path in counting.select(settings, _CLASS) if store.host_of(path) in hosts)
    for path in paths:
        for number, text in enumerate(record_line.read(path), 1):
            record = record_line.parse(text)
            if record is None or not sources.vouched(_CLASS, record.app, record.sent):
                continue
            asked = asked_of(record.message)
            if asked is None:
                incomplete.append("%s line %d" % (os.path.relpath(path, settings.store), number))
            else:
                seen.add(asked)
    return {"refuses": _refuses(), "look_ups": len(seen), "incomplete": incomplete[:_SHOWN]}


def asked_of(message):
    """The number of a look-up whose record says on whose authority, by whom and of what it was; None where it does not.

    :param str message: of a record of class disclosure.
    """
    word, _space, text = message.partition(" ")
    try:
        said = json.loads(text) if word == "asked" else None
        disclosure.warrant(said["case"], said["basis"], said["officers"])
        return str(said["id"]) if said["by"] and said["questions"] else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _refuses():
    """Whether the command that is installed answers nobody without a case: it is asked, and says so."""
    if not os.path.exists(_COMMAND):
        raise ObservationError("%s is not there" % _COMMAND)
    done = processes.run([_COMMAND, "trace", *_EXAMPLE])
    return done.returncode == _REFUSED and b"--case is missing" in done.stderr and not done.stdout.strip()
