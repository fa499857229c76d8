# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: the database servers that run here, in containers too, and which of them are in no backup."""

from __future__ import annotations

import contextlib
import os
import re

_SERVERS = {
    "postgres": "postgresql",
    "mariadbd": "mariadb",
    "mysqld": "mariadb",
    "slapd": "ldap",
    "mongod": "mongodb",
    "redis-server": "redis",
    "valkey-server": "redis",
    "clickhouse-serv": "clickhouse",
    "sqlservr": "mssql",
    "db2sysc": "db2",
    "dmserver": "dm",
    "kingbase": "kingbase",
    "gaussdb": "gaussdb",
    "taosd": "tdengine",
}
"""Names of processes, of which the kernel keeps fifteen characters; Oracle's have the database's name in them."""
_ORACLE = re.compile(r"ora_pmon_.+")
_SET = re.compile(r"[a-z][a-z0-9_-]{0,30}")


def see_servers(sets, declared, spared):
    running = servers(spared)
    return {"running": running, "outside": outside(running, sets, declared)}


def servers(spared, proc="/proc"):
    """The servers that run, each counted once however many processes it has.

    :param list spared: folders; what works in them is a copy of a database that is being tried.
    :return: dict: kind to how many.
    """
    seen = {}
    for number in filter(str.isdigit, os.listdir(proc)):
        with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended
            with open("%s/%s/stat" % (proc, number), encoding="utf-8", errors="replace") as file:
                text = file.read()
            name, parent = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") :].split()[2]
            seen[number] = (name, parent)
    found = {}
    for number, (name, parent) in seen.items():
        kind = "oracle" if _ORACLE.fullmatch(name) else _SERVERS.get(name)
        if kind and seen.get(parent, ("", ""))[0] != name and not _is_in("%s/%s/cwd" % (proc, number), spared):
            found[kind] = found.get(kind, 0) + 1
    return found


def _is_in(link, folders):
    with contextlib.suppress(OSError):
        where = os.readlink(link)
        return any(where == folder or where.startswith(folder.rstrip("/") + "/") for folder in folders)
    return False


def outside(running, sets, declared):
    """The servers that no set has, and of which the unit says nothing, or what is not so.

    :param dict sets: backup_sets of this host.
    :param dict declared: kind of server to the name of the set that has it, or to the reason why it needs none.
    :return: list of sentences.
    """
    kinds = [one.get("kind") for one in sets.values()]
    wrong = []
    for kind in sorted({*running, *declared}):
        said, has = declared.get(kind), kinds.count(kind)
        if said and not _SET.fullmatch(said):
            continue  # the unit gives a reason
        if said and said not in sets:
            wrong.append("%s: it is said to be in the set %s, and this host has none of that name" % (kind, said))
            continue
        if running.get(kind, 0) > max(has, 1 if said else 0):
            wrong.append("%s: %d run here, and %d are in a set of the backup" % (kind, running[kind], has))
    return wrong
