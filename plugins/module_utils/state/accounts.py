# SPDX-License-Identifier: GPL-3.0-or-later
"""System groups and accounts, and who is in which group."""

from __future__ import annotations

import grp
import pwd

from .host import run

_NO_LOGIN = "/usr/sbin/nologin"


def differences(host, state):
    """What is not as the state says: tuples of a sentence and the command that mends it."""
    found = []
    for name in state["groups"]:
        if host.gid(name) is None:
            found.append(("group %s is missing" % name, ["groupadd", "--system", name]))
    for entry in state["accounts"]:
        name, home = entry["name"], entry["home"]
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            words = ["--system", "--no-create-home", "--home-dir", home, "--shell", _NO_LOGIN]
            words += ["--gid", name] if host.gid(name) is not None or name in state["groups"] else ["--user-group"]
            words += ["--groups", ",".join(entry["groups"])] if entry["groups"] else []
            found.append(("account %s is missing" % name, ["useradd", *words, name]))
            continue
        if account.pw_shell != _NO_LOGIN:
            found.append(("account %s can log in" % name, ["usermod", "--shell", _NO_LOGIN, name]))
        if account.pw_dir != home:
            found.append(("account %s has the home %s" % (name, account.pw_dir), ["usermod", "--home", home, name]))
    members = [*state["members"]]
    members += [{"account": one["name"], "group": group} for one in state["accounts"] for group in one["groups"]]
    for entry in members:
        account, group = entry["account"], entry["group"]
        if host.uid(account) is None and account in [one["name"] for one in state["accounts"]]:
            continue  # it is made with its groups
        if not _is_in(account, group):
            found.append(
                (
                    "account %s is not in the group %s" % (account, group),
                    ["usermod", "--append", "--groups", group, account],
                )
            )
    return found


def _is_in(account, group):
    try:
        return account in grp.getgrnam(group).gr_mem or pwd.getpwnam(account).pw_gid == grp.getgrnam(group).gr_gid
    except KeyError:
        return False


def lay(host, state, check):
    """Make what is missing.

    :return: sentences on what was done.
    """
    found = differences(host, state)
    if not check:
        for _sentence, command in found:
            run(command)
    return [sentence for sentence, _command in found]


def remove(host, accounts, groups):
    """Remove accounts and groups that are there; their files are none of this function's business.

    :return: sentences on what was done.
    """
    done = []
    for name in accounts:
        if host.uid(name) is not None:
            run(["userdel", name])
            done.append("removed the account %s" % name)
    for name in groups:
        if host.gid(name) is not None:
            run(["groupdel", name])
            done.append("removed the group %s" % name)
    return done
