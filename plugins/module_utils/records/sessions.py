# SPDX-License-Identifier: GPL-3.0-or-later
"""Pair logins with their logouts.

A session is known by host, boot, process and service: the process that opened it also closes it. Who may say so stands
in sources.py; each program speaks of its own service only, and su and sudo only of the account that called them, whose
C(uid) the kernel gives. A logout of which journald knew no more than that account is filed as C(system), and counts
where that process had logged in.

What is read, from the first word of a message to the last (OpenSSH 9.2 and 10.0, Linux-PAM 1.5 and 1.7, SSSD 2.8 to
2.10, shadow and sudo of Debian 12 and 13; what they printed lies in tests/unit/plugins/module_utils/records/cases):

    message  = accepted | refused | pam
    accepted = "Accepted " method " for " name whence " ssh2" [": " key]                    OpenSSH auth.c, auth_log()
    refused  = "Failed " method " for " ["invalid user "] name whence " ssh2" [": " key]
             | "Invalid user " any whence                                                   auth.c, getpwnamallow()
             | ("Connection closed by " | "Connection reset by " | "Disconnected from ")
               ("authenticating" | "invalid") " user " any " " address " port " digits [" [preauth]"]     packet.c
             | "error: PAM: " reason " for " ["illegal user "] any " from " host            auth-pam.c, sshpam_query()
    whence   = " from " address " port " digits
    name     = any text without a colon: sshd cuts what a client calls itself at the first one (auth2.c)
    key      = any text; of a certificate also the identity that whoever signed it wrote into it
    pam      = module "(" service ":session): session opened for user " account ["(uid=" digits ")"] [" by " …]
             | module "(" service ":session): session closed for user " account             pam_unix, pam_unix_sess.c
             | module "(" service ":auth): authentication " ("failure" | "success") "; logname=" word " uid=" digits
               " euid=" digits " tty=" word " ruser=" word " rhost=" word " user=" any     pam_unix support.c, pam_sss.c

An attempt is told of in several words, and is one: pam_unix and pam_sss each say that they refuse, then sshd does, in
another process where it asks by C(keyboard-interactive). One that another module lets in is none that was refused.
"""

from __future__ import annotations

import heapq
import re
from typing import NamedTuple

from . import counting, sources
from . import line as record_line
from . import settings as record_settings
from . import store as record_store

# An account's name is a stranger's to choose, and may hold these words too. So what sshd adds behind it is taken from
# the end, and where a stranger's words stand there as well (the identity of a certificate), a colon is between them.
_WHENCE = r"(?P<address>\S+) port (?P<port>\d+)"
_TOLD = r"(?P<account>[^:]*) from " + _WHENCE + r" ssh2(?:: (?P<key>.*))?"
_ACCEPTED = re.compile(r"Accepted (?P<method>\S+) for " + _TOLD)
_FAILED = re.compile(r"Failed (?P<method>\S+) for (?:invalid user )?" + _TOLD)
_INVALID = re.compile(r"Invalid user (?P<account>.*) from " + _WHENCE)
_LEFT = re.compile(
    r"(?:Connection (?:closed|reset) by|Disconnected from) (?:authenticating|invalid) user (?P<account>.*) "
    + _WHENCE
    + r"(?: \[preauth\])?"
)
_PAM_REFUSED = re.compile(r"error: PAM: .*? for (?:illegal user )?(?P<account>.*) from (?P<address>\S+)")
_OPENED = re.compile(
    r"pam_unix\((?P<service>[\w-]+):session\): session opened for user (?P<account>[^\s(]+)(?:\(uid=\d+\))?"
    r"(?: by (?P<by>[^\s(]*)(?:\(uid=(?P<by_uid>\d+)\))?)?"
)
_CLOSED = re.compile(r"pam_unix\((?P<service>[\w-]+):session\): session closed for user (?P<account>\S+)")
_TERMINAL = re.compile(r".*?(?:TTY=|on (?:/dev/)?)(?P<terminal>pts/\d+|tty\w+|console)\b.*")
_PAM_ASKED = (
    r"(?P<module>pam_unix|pam_sss)\((?P<service>[\w-]+):auth\): authentication %s;(?: logname=\S*)? "
    r"uid=(?P<by_uid>\d+) euid=\d+ tty=(?P<terminal>\S*) ruser=\S* rhost=(?P<address>\S*) +user=(?P<account>.+)"
)
_DENIED = re.compile(_PAM_ASKED % "failure")
_GRANTED = re.compile(_PAM_ASKED % "success")
_SSHD = ("sshd", "sshd-session", "sshd-auth")
_ASKED_BY_A_CHILD = "keyboard-interactive"
# Each program, and the services of PAM for which it speaks.
_SERVICES = {
    **dict.fromkeys(_SSHD, ("sshd",)),
    "su": ("su", "su-l"),
    "sudo": ("sudo", "sudo-i"),
    "login": ("login", "remote"),
}
_PAM = tuple(_SERVICES)
_UNKNOWN = "session" + sources.UNKNOWN
_FIELDS = ("service", "account", "by", "address", "port", "terminal", "method", "key", "opened", "closed", "outcome")


def pair(host, lines):
    """Turn the records of class session of one host into sessions.

    :param str host: the name under which the collector files the sender; what a message says of itself is not trusted.
    :param lines: texts as they stand in the record files, in order; duplicates count once.
    :return: list of dicts with C(host), C(service), C(account), C(by), C(address), C(port), C(terminal), C(method),
        C(key) (as sshd names it; of a certificate also its identity, and who signed it), C(opened) and C(closed)
        (RFC 3339, None where not seen) and C(outcome): C(open), C(closed), C(refused), or C(closed_only) where the
        login lies before the first record.
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


class _Attempt(NamedTuple):
    """A refused attempt of which more may be told: its row in the list, and who has told of it."""

    session: dict
    by: tuple


class _Pairing:
    """What is known so far of one host's sessions. A process is known by its boot and its number."""

    def __init__(self, host):
        self.host = host
        self.sessions = []
        self.open_now = {}  # process and service to the session that is open, and the account that its process had
        self.accepted = {}  # process to the session that sshd let in, until PAM has opened it
        self.details = {}  # process to what it said before its session opened
        self.refused = {}  # process to the account that it last refused
        self.attempts = {}  # process to the _Attempt that goes on
        self.asking = {}  # boot, account and address to the process that last asked PAM for sshd

    def take(self, record):
        """Bring one record into the picture."""
        process = (record.sent.get("boot", ""), record.pid)
        if not sources.vouched("session", record.app, record.sent):
            return
        for apps, pattern, step in (
            (_SSHD, _ACCEPTED, self._accepted),
            (_PAM, _OPENED, self._opened),
            (_PAM, _CLOSED, self._closed),
            (_SSHD, _FAILED, self._failed),
            (_SSHD, _INVALID, self._invalid),
            (_SSHD, _LEFT, self._left),
            (_SSHD, _PAM_REFUSED, self._refused_by_pam),
            (_PAM, _DENIED, self._denied),
            (_PAM, _GRANTED, self._granted),
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
            session[field] = known.get(field) or (None if field in ("opened", "closed") else "")
        self.sessions.append(session)
        return session

    def _withdraw(self, session):
        """Take back the row of an attempt that was let in after all, or has another row: mostly one of the last."""
        for place in range(len(self.sessions) - 1, -1, -1):
            if self.sessions[place] is session:
                del self.sessions[place]
                return

    def _accepted(self, record, process, found):
        account = found["account"]
        asking = process
        if found["method"].startswith(_ASKED_BY_A_CHILD):
            asking = self.asking.pop((process[0], account, found["address"]), process)
        attempt = self._attempt(asking, account)
        if attempt and not any(one.startswith("sshd") for one in attempt.by):
            self._withdraw(attempt.session)  # one module refused, and another did not
        session = self._begin(service="sshd", opened=record.time, outcome="open", **found.groupdict())
        self.accepted[process] = session
        self.open_now[(*process, "sshd")] = (session, record.sent.get("uid"))

    def _terminal(self, record, process, found):
        del record
        self.details[process] = found.groupdict()

    def _opened(self, record, process, found):
        known = {"service": found["service"], "by": found["by"] or found["by_uid"] or ""}
        session = self.accepted.pop(process, None) if found["service"] == "sshd" else None
        if session is None:
            session = self._begin(account=found["account"], outcome="open")
        session.update(opened=record.time, **known, **self.details.pop(process, {}))
        self.open_now[(*process, found["service"])] = (session, record.sent.get("uid"))

    def _closed(self, record, process, found):
        session, _uid = self.open_now.pop((*process, found["service"]), (None, None))
        if session is None:
            session = self._begin(service=found["service"], account=found["account"], outcome="closed_only")
        else:
            session["outcome"] = "closed"
        session["closed"] = record.time

    def _attempt(self, process, account):
        """The attempt of a process for an account; it goes on no longer."""
        attempt = self.attempts.get(process)
        return self.attempts.pop(process) if attempt and attempt.session["account"] == account else None

    def _failed(self, record, process, found):
        method = found["method"]
        self._told(record, process, found, "" if method == "none" else method)  # with none a client asks for the others

    def _left(self, record, process, found):
        self._told(record, process, found, "")

    def _told(self, record, process, found, method):
        """sshd itself says that it refused; without a method it may be the same attempt in other words."""
        account, whence = found["account"], {"address": found["address"], "port": found["port"]}
        attempt = self._attempt(process, account)
        if attempt:
            attempt.session.update(whence, method=method or attempt.session["method"])
            if not method and "sshd" in attempt.by:
                self.attempts[process] = attempt
        elif method or self.refused.get(process) != account:
            self._begin(service="sshd", account=account, method=method, opened=record.time, outcome="refused", **whence)
        self.refused[process] = account

    def _invalid(self, record, process, found):
        """There is no such account; how it was tried comes after this."""
        if self.refused.get(process) == found["account"]:
            return
        session = self._begin(service="sshd", opened=record.time, outcome="refused", **found.groupdict())
        self.attempts[process] = _Attempt(session, ("sshd",))
        self.refused[process] = found["account"]

    def _refused_by_pam(self, record, process, found):
        """Where sshd asks by keyboard-interactive, a child of it asks PAM, and this is what it brings back."""
        account, address = found["account"], found["address"]
        child = self.asking.pop((process[0], account, address), None)
        asked = self._attempt(child, account) if child != process else None
        own = self._attempt(process, account)
        if own and "sshd: PAM" in own.by:
            own = None  # that was the attempt before this one
        if own and asked:
            self._withdraw(asked.session)
        known = own or asked
        session = known.session if known else None
        if session is None:
            session = self._begin(
                service="sshd", account=account, address=address, opened=record.time, outcome="refused"
            )
        session["method"] = _ASKED_BY_A_CHILD + "/pam"
        self.attempts[process] = _Attempt(session, ("sshd: PAM",))
        self.refused[process] = account

    def _denied(self, record, process, found):
        about = {key: value for key, value in found.groupdict().items() if key in _FIELDS}
        attempt = self._attempt(process, about["account"])
        if attempt and about["service"] == attempt.session["service"] and found["module"] not in attempt.by:
            self.attempts[process] = attempt._replace(by=(*attempt.by, found["module"]))
            return
        session = self._begin(opened=record.time, outcome="refused", **about)
        self.attempts[process] = _Attempt(session, (found["module"],))
        if about["service"] == "sshd":
            self.asking[process[0], about["account"], about["address"]] = process

    def _granted(self, record, process, found):
        del record
        attempt = self._attempt(process, found["account"])
        if attempt and found["service"] == attempt.session["service"] and found["module"] not in attempt.by:
            self._withdraw(attempt.session)


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
            by_host.setdefault(record_store.host_of(path), {"session": [], "system": []})[record_class].append(path)
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
