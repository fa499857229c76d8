# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role backup told this host: what is backed up, and into which repositories."""

from __future__ import annotations

import json
import os
import re
import stat
from typing import NamedTuple

PATH = "/etc/order82/backup.json"
STATE = "/var/lib/order82-backup"
KINDS = ("system", "files", "records", "sqlite", "postgresql", "mariadb", "ldap")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
MAX_LOSS_PERCENT = 50
_SECRET_BITS = 0o077


class SettingsError(ValueError):
    """The settings or the secrets can't be used: one sentence."""


class Set(NamedTuple):
    """One thing that is backed up, and restored, as a whole.

    C(kind) is one of KINDS; C(paths) are folders and files; C(cluster) is PostgreSQL's, such as 17/main.
    """

    name: str
    kind: str
    paths: tuple = ()
    exclude: tuple = ()
    cluster: str = ""


class Settings(NamedTuple):
    """C(repositories): name to the file with its address; C(domains): name to what fails with it, such as a room.

    C(max_loss_percent): so much of its files or bytes may be gone from a set since its last backup.
    """

    host: str
    sets: dict
    repositories: dict
    domains: dict
    password_file: str
    ca_file: str
    scratch: str
    max_loss_percent: int = MAX_LOSS_PERCENT


def load(path=PATH):
    """Read the settings.

    :raises SettingsError: something is missing.
    """
    try:
        with open(path, encoding="utf-8") as file:
            raw = json.load(file)
        settings = Settings(
            host=raw["host"],
            sets={name: _set(name, one) for name, one in raw["sets"].items()},
            repositories=dict(raw["repositories"]),
            domains=dict(raw["domains"]),
            password_file=raw["password_file"],
            ca_file=raw["ca_file"],
            scratch=raw["scratch"],
            # An earlier version of the role wrote none.
            max_loss_percent=int(raw.get("max_loss_percent", MAX_LOSS_PERCENT)),
        )
    except FileNotFoundError as error:
        raise SettingsError("%s is missing: nothing is backed up here (the role backup writes it)" % path) from error
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            "%s can't be used (%s: %s): apply the role backup again" % (path, type(error).__name__, error)
        ) from error
    return settings


def chosen(settings, names):
    """The sets with these names; all where none is given.

    :raises SettingsError: there is no such set.
    """
    for name in names:
        if name not in settings.sets:
            raise SettingsError("there is no set '%s' here; there are %s" % (name, ", ".join(sorted(settings.sets))))
    return [settings.sets[name] for name in (names or sorted(settings.sets))]


def _set(name, raw):
    if not NAME.fullmatch(name) or raw["kind"] not in KINDS:
        raise KeyError("the set '%s' of kind '%s'" % (name, raw["kind"]))
    return Set(name, raw["kind"], tuple(raw.get("paths", ())), tuple(raw.get("exclude", ())), raw.get("cluster", ""))


def refuse_open(path):
    """A secret that others can read is none.

    :raises SettingsError: it can be read by others, or is not there.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        raise SettingsError("the secret %s: %s: apply the role backup again" % (path, error.strerror)) from error
    if not stat.S_ISREG(found.st_mode) or found.st_mode & _SECRET_BITS or found.st_uid:
        raise SettingsError("the secret %s may be read by others: it must be root's, with mode 0600" % path)
