# SPDX-License-Identifier: GPL-3.0-or-later
"""Pair logins with their logouts.

The words are those of OpenSSH, Linux-PAM, shadow's login and su, and sudo. A session is known by host, boot, process
and service: the process that opened it also closes it. Who may say so stands in sources.py; each program speaks of its
own service only, and su and sudo only of the account that called them, whose C(uid) the kernel gives. A logout of
which journald knew no more than that account is filed as C(system), and counts where that process had logged in.
"""

from __future__ import annotations

import heapq
import re

from . import counting, sources
from . import line as record_line
from . import settings as record_settings

# Whole messages, from the first word to the last: an account's name is a stranger's to choose, and may hold these
# words too. So what sshd adds behind the name is taken from the end.
_WHENCE = r"(?P<address>\S+) port (?P<port>\d+)"
_ACCEPTED = re.compile(r"Accepted (?P<method>\S+) for (?P<account>.*) from " + _WHENCE + r" ssh2(?:: \S+ \S+)?")
_REFUSED = re.compile(
    r"(?:Failed (?P<method>\S+) for (?:invalid user )?(?P<account>.*) from " + _WHENCE + r" ssh2(?:: \S+ \S+)?"
    r"|Connection (?:closed|reset) by (?:authenticating|invalid) user (?P<account_2>.*) "
    r"(?P<address_2>\S+) port (?P<port_2>\d+)(?: \[preauth\])?"
    r"|Invalid user (?P<account_3>.*) from (?P<address_3>\S+) port (?P<port_3>\d+))"
)
_OPENED = re.compile(
    r"pam_unix\((?P<service>[\w-]+):session\): session opened for user (?P<account>[^\s(]+)(?:\(uid=\d+\))?"
    r"(?: by (?P<by>[^\s(]*)(?:\(uid=(?P<by_uid>\d+)\))?)?"
)
_CLOSED = re.compile(r"pam_unix\((?P<service>[\w-]+):session\): session closed for user (?P<account>\S+)")
_TERMINAL = re.compile(r".*?(?:TTY=|on (?:/dev/)?)(?P<terminal>pts/\d+|tty\w+|console)\b.*")
_DENIED = re.compile(
    r"pam_unix\((?P<service>[\w-]+):auth\): authentication failure;(?: logname=\S*)? uid=(?P<by_uid>\d+) "
    r".*?tty=(?P<terminal>\S*) .* user=(?P<account>\S+)"
)
_SSHD = ("sshd", "sshd-session", "sshd-auth")
# Each program, and the services of PAM for which it speaks.
_SERVICES = {
    **dict.fromkeys(_SSHD, ("sshd",)),
    "su": ("su", "su-l"),
    "sudo": ("sudo", "sudo-i"),
    "login": ("login", "remote"),
}
_PAM = tuple(_SERVICES)
_UNKNOWN = "session" + sources.UNKNOWN
_FIELDS = ("service", "account", "by", "address", "port", "terminal", "method", "opened", "closed", "outcome")


def pair(host, lines):
    """Turn the records of class session of one host into sessions.

    :param str host: the name under which the collector files the sender; what a message says of itself is not trusted.
    :param lines: texts as they stand in the record files, in order; duplicates count once.
    :return: list of dicts with C(host), C(service), C(account), C(by), C(address), C(port), C(terminal), C(method),
        C(opened) and C(closed) (RFC 3339, None where not seen) and C(outcome): C(open), C(closed), C(refused), or
        C(closed_only) where the login lies before the first record.
    """
    pairing, seen = _Pairing(host), set()
    for text in lines:
        key = record_line.identity(text)
        if key in seen:
            continue
        seen.add(key)
        record = record_line.parse(text)
        if record is not None:
            pairing.take(record)
    return pairing.sessions


class _Pairing:
    """What is known so far of one host's sessions. A process is known by its boot and its number."""

    def __init__(self, host):
        self.host = host
        self.sessions = []
        self.open_now = {}  # process and service to the session that is open, and the account that its process had
        self.details = {}  # process to what it said before its session opened
        self.refused = {}  # process to the account that it last refused

    def take(self, record):
        """Bring one record into the picture."""
        process = (record.sent.get("boot", ""), record.pid)
        if not sources.vouched("session", record.app, record.sent):
            return
        for apps, pattern, step in (
            (_SSHD, _ACCEPTED, self._accepted),
            (_PAM, _OPENED, self._opened),
            (_PAM, _CLOSED, self._closed),
            (_SSHD, _REFUSED, self._refused),
            (_PAM, _DENIED, self._denied),
            (("su", "login", "sudo"), _TERMINAL, self._terminal),
        ):
            found = pattern.fullmatch(record.message.rstrip()) if record.app in apps else None
            if found:
                if _is_its_own(record, found.groupdict()) and self._believed(record, process, found):
                    step(record, process, found)
                return

    def _believed(self, record, process, found):
        if record.sent.get("claims") != _UNKNOWN:
            return True
        _session, uid = self.open_now.get((*process, found.groupdict().get("service")), (None, None))
        return found.re is _CLOSED and uid == record.sent.get("uid")

    def _begin(self, **known):
        session = {"host": self.host}
        for field in _FIELDS:
            session[field] = known.get(field, None if field in ("opened", "closed") else "")
        self.sessions.append(session)
        return session

    def _accepted(self, record, process, found):
        del record
        self.details[process] = found.groupdict()

    def _terminal(self, record, process, found):
        del record
        self.details[process] = found.groupdict()

    def _opened(self, record, process, found):
        known = {"service": found["service"], "account": found["account"], "by": found["by"] or found["by_uid"] or ""}
        known.update(self.details.pop(process, {}))
        session = self._begin(opened=record.time, outcome="open", **known)
        self.open_now[(*process, found["service"])] = (session, record.sent.get("uid"))

    def _closed(self, record, process, found):
        session, _uid = self.open_now.pop((*process, found["service"]), (None, None))
        if session is None:
            session = self._begin(service=found["service"], account=found["account"], outcome="closed_only")
        else:
            session["outcome"] = "closed"
        session["closed"] = record.time

    def _refused(self, record, process, found):
        account, address, port = (
            found[name] or found[name + "_2"] or found[name + "_3"] or "" for name in ("account", "address", "port")
        )
        if self.refused.get(process) == account and not found["method"]:
            return  # the same attempt in other words
        self.refused[process] = account
        self._begin(
            service="sshd",
            account=account,
            address=address,
            port=port,
            method=found["method"] or "",
            opened=record.time,
            outcome="refused",
        )

    def _denied(self, record, process, found):
        del process
        about = {key: value for key, value in found.groupdict().items() if key != "by_uid"}
        self._begin(opened=record.time, outcome="refused", **about)


def _is_its_own(record, said):
    """Whether a program speaks of its own service, and not of another account than the one that called it."""
    service, by_uid, uid = said.get("service"), said.get("by_uid"), record.sent.get("uid")
    return (service is None or service in _SERVICES[record.app]) and (uid == "0" or by_uid in (None, uid))


def _time(text):
    return text.split(" ", 2)[1:2]


def _lines(paths, sign):
    return (text for path in paths for text in record_line.read(path) if sign in text)


def command(arguments):
    """order82 records sessions"""
    settings, sessions, by_host = record_settings.load(), [], {}
    for record_class in ("session", "system"):
        for path in counting.select(settings, record_class, arguments.day, arguments.host):
            by_host.setdefault(counting.host_of(path), {"session": [], "system": []})[record_class].append(path)
    for host, paths in by_host.items():
        unknown = _lines(paths["system"], ' claims="%s"' % _UNKNOWN)
        sessions += pair(host, heapq.merge(_lines(paths["session"], ""), unknown, key=_time))
    sessions = [one for one in sessions if arguments.account in (None, one["account"])]
    sessions.sort(key=lambda one: one["opened"] or one["closed"])
    rows = [
        "%-27s %-27s %-8s %-12s %-8s %-10s %s"
        % (
            one["opened"] or "-",
            one["closed"] or "-",
            one["outcome"],
            one["host"],
            one["service"],
            one["account"],
            "%s port %s" % (one["address"], one["port"]) if one["address"] else one["terminal"] or one["by"],
        )
        for one in sessions
    ]
    return sessions, "\n".join(rows) or "no sessions", 0
