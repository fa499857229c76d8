# SPDX-License-Identifier: GPL-3.0-or-later
"""Pair logins with their logouts.

The words are those of OpenSSH, Linux-PAM, shadow's login and su, and sudo. A session is known by host, boot, process
and service: the process that opened it also closes it.
"""

from __future__ import annotations

import re

from . import counting
from . import line as record_line
from . import settings as record_settings

_ACCEPTED = re.compile(r"Accepted (?P<method>\S+) for (?P<account>\S+) from (?P<address>\S+) port (?P<port>\d+)")
_REFUSED = re.compile(
    r"(?:Failed (?P<method>\S+) for (?:invalid user )?(?P<account>\S*)"
    r"|Connection (?:closed|reset) by (?:authenticating|invalid) user (?P<closed>\S*)"
    r"|Invalid user (?P<invalid>\S*))"
    r" (?:from )?(?P<address>\S+) port (?P<port>\d+)")
_OPENED = re.compile(
    r"pam_unix\((?P<service>[\w-]+):session\): session opened for user (?P<account>[^\s(]+)(?:\(uid=\d+\))?"
    r"(?: by (?P<by>[^\s(]*))?")
_CLOSED = re.compile(r"pam_unix\((?P<service>[\w-]+):session\): session closed for user (?P<account>\S+)")
_TERMINAL = re.compile(r"(?:TTY=|on (?:/dev/)?)(?P<terminal>pts/\d+|tty\w+|console)")
_DENIED = re.compile(r"pam_unix\((?P<service>[\w-]+):auth\): authentication failure;.*?tty=(?P<terminal>\S*).*? user=(?P<account>\S+)")

_FIELDS = ("service", "account", "by", "address", "port", "terminal", "method", "opened", "closed", "outcome")


def pair(host, lines):
    """Turn the records of class session of one host into sessions.

    :param str host: the name under which the collector files the sender; what the message says of itself is not trusted.
    :param lines: texts as they stand in the record files, in order; duplicates count once.
    :return: list of dicts with C(host), C(service), C(account), C(by), C(address), C(port), C(terminal), C(method), C(opened)
        and C(closed) (RFC 3339, None where not seen) and C(outcome): C(open), C(closed), C(refused), or C(closed_only)
        where the login lies before the first record.
    """
    found, open_now, pending, seen = [], {}, {}, set()
    for text in lines:
        key = record_line.identity(text)
        if key in seen:
            continue
        seen.add(key)
        record = record_line.parse(text)
        if record is None:
            continue
        process = (record.sent.get("boot", ""), record.pid)
        for session in _take(record, process, open_now, pending):
            session["host"] = host
            found.append(session)
    return found


def _take(record, process, open_now, pending):
    """Bring one record into the picture and yield the sessions that begin with it.

    C(pending) holds what a process said before its session opened.
    """
    message = record.message
    accepted = _ACCEPTED.search(message)
    if accepted:
        pending[process] = accepted.groupdict()
        return
    terminal = _TERMINAL.search(message)
    opened = _OPENED.search(message)
    if opened:
        if opened["service"] == "systemd-user":
            return  # the user manager's own session, not a login
        session = _session(service=opened["service"], account=opened["account"], by=opened["by"] or "",
                           opened=record.time, outcome="open")
        session.update(pending.pop(process, {}))
        open_now[process + (opened["service"],)] = session
        yield session
        return
    closed = _CLOSED.search(message)
    if closed:
        if closed["service"] == "systemd-user":
            return
        session = open_now.pop(process + (closed["service"],), None)
        if session is None:
            session = _session(service=closed["service"], account=closed["account"], outcome="closed_only")
            yield session
        else:
            session["outcome"] = "closed"
        session["closed"] = record.time
        return
    refused = _REFUSED.search(message)
    if refused:
        account = refused["account"] or refused["closed"] or refused["invalid"] or ""
        last = pending.get(process)
        if last is not None and last.get("outcome") == "refused" and last["account"] == account:
            return  # the same attempt in other words
        session = _session(service="sshd", account=account, address=refused["address"], port=refused["port"],
                           method=refused["method"] or "", opened=record.time, outcome="refused")
        pending[process] = session
        yield session
        return
    denied = _DENIED.search(message)
    if denied:
        yield _session(service=denied["service"], account=denied["account"],
                              terminal=denied["terminal"], opened=record.time, outcome="refused")
    elif terminal and record.app in ("su", "login", "sudo"):
        pending[process] = {"terminal": terminal["terminal"]}


def _session(**known):
    return {field: known.get(field, None if field in ("opened", "closed") else "") for field in _FIELDS}


def command(arguments):
    """order82 records sessions"""
    sessions = []
    by_host = {}
    for path in counting.select(record_settings.load(), "session", arguments.day, arguments.host):
        by_host.setdefault(counting.host_of(path), []).append(path)
    for host, paths in by_host.items():
        sessions += pair(host, (text for path in paths for text in record_line.read(path)))
    sessions = [one for one in sessions if arguments.account in (None, one["account"])]
    sessions.sort(key=lambda one: one["opened"] or one["closed"])
    rows = ["%-27s %-27s %-8s %-12s %-8s %-10s %s" % (
        one["opened"] or "-", one["closed"] or "-", one["outcome"], one["host"], one["service"], one["account"],
        "%s port %s" % (one["address"], one["port"]) if one["address"] else one["terminal"] or one["by"])
        for one in sessions]
    return sessions, "\n".join(rows) or "no sessions", 0
