# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: whether the logins that this inspection has just made stand in a collector's records, with their logouts.

The controller made them (plugin_utils/live_login.py), each with a certificate whose identity is a new random number,
which sshd writes into its record: so a session of before is none of them, and neither is what another host, or another
account of the same host, makes up.
"""

from __future__ import annotations

import calendar
import ipaddress
import os
import re
import time

from ..records import line, reading, sessions, store
from ._store import the_settings

_CLASS = "session"
_SHOWN = 20
_TAIL_BYTES = 32 << 20  # of one host's day: what came since the login, on a host at which somebody tries passwords
_LOOK_SECONDS = 0.3
_REFUSED_SECONDS = 5
"""So long sshd's own words are waited for where it refused the login: they only say why."""
_DAY = 86400
_SSHD = ("sshd", "sshd-session", "sshd-auth")
_WHY = re.compile(r"User \S+ from \S+ not allowed because .*|(?:fatal: )?Access denied for user \S+ by PAM .*")


def see_live_logins(logins, wait_seconds):
    settings = the_settings()
    return live_logins(settings, logins, wait_seconds)


def live_logins(settings, logins, wait_seconds):
    """Look for each of them until it is there whole, or it is time.

    :param dict logins: host to what the controller knows of its login (live_login.log_in).
    :param float wait_seconds: so long they may take to come.
    """
    begin = time.monotonic()
    # Those of a day are made before it begins, and so are its files.
    days = {day: store.folder(settings.store, _CLASS, day) for day in store.days(settings.store, _CLASS)}
    looks = {host: _Look(days, host, login) for host, login in logins.items() if login["by_ssh"]}
    waiting = dict(looks)
    while waiting:
        for host in [host for host, look in waiting.items() if look.is_settled()]:
            del waiting[host]
        passed = time.monotonic() - begin
        if passed > _REFUSED_SECONDS:
            waiting = {host: look for host, look in waiting.items() if not look.login["why"]}
        if not waiting or passed > wait_seconds:
            break
        time.sleep(_LOOK_SECONDS)
    missing = [sentence for _host, look in sorted(looks.items()) for sentence in look.faults()]
    found = [look.in_words() for _host, look in sorted(looks.items()) if not look.faults()]
    return {
        "found": len(found),
        "sessions": found[:_SHOWN],
        "missing": missing[:_SHOWN],
        "missing_count": len(missing),
        "left_out": sorted(set(logins) - set(looks))[:_SHOWN],
    }


class _Look:
    """What stands in the records of one login, read on from where it was read to."""

    def __init__(self, days, host, login):
        self.login = login
        self._host = host
        # A record is filed by the day on which it came.
        began = calendar.timegm(time.strptime(login["began"][:19], "%Y-%m-%dT%H:%M:%S"))
        since = store.today(began - _DAY)
        self._paths = [os.path.join(folder, host + ".log") for day, folder in days.items() if day >= since]
        self._read = {}  # path to where its next line begins
        self._lines = []
        self._session = None
        self._reason = ""

    def is_settled(self):
        """Read what has come, and say whether there is nothing more to wait for."""
        added = [text for path in self._paths for text in self._more(path)]
        if added:
            self._lines += added
            said = [one for one in sessions.pair(self._host, self._lines) if self._is_it(one)]
            self._session = said[-1] if said else None
            self._reason = self._reason_of() if self.login["why"] else ""
        if self.login["why"]:
            return bool(self._reason) or not self.login["refused"]
        return self._session is not None and self._session["outcome"] == "closed"

    def faults(self):
        """What is not as it must be, as sentences."""
        login, session = self.login, self._session
        if login["why"]:
            words = "%s: %s could not log in: %s" % (self._host, login["account"], login["why"])
            return [words + ("; its sshd says: %s" % self._reason if self._reason else "")]
        if session is None:
            return ["%s: no record of the login of %s at %s" % (self._host, login["account"], login["began"])]
        found = []
        if session["outcome"] != "closed":
            found.append("%s: the login of %s is on record, and no logout" % (self._host, login["account"]))
        address, port = _address(session["address"]), session["port"]
        if address is None or not port.isdigit():
            found.append("%s: the record of the login has no address and port" % self._host)
            return found
        expected = _address(login["seen_as"] or login["address"])
        same_port = login["seen_as"] or not login["port"] or port == str(login["port"])
        if expected not in (None, address) or not same_port:
            came = login["seen_as"] or "%s port %d" % (login["address"], login["port"])
            found.append("%s: on record from %s port %s, but it came from %s" % (self._host, address, port, came))
        return found

    def in_words(self):
        """The session, for who reads the report."""
        return "%(host)s: %(account)s from %(address)s port %(port)s, %(opened)s to %(closed)s" % self._session

    def _is_it(self, session):
        return session["account"] == self.login["account"] and " ID %s (" % self.login["identity"] in session["key"]

    def _reason_of(self):
        """The last that sshd said of why it does not let the account in, since the controller tried."""
        reason = ""
        for record in map(line.parse, self._lines):
            if record is None or record.app not in _SSHD or record.sent.get("uid") != "0" or record.sent.get("claims"):
                continue
            if _WHY.fullmatch(record.message.rstrip()) and record.stored.get("at", "") >= self.login["began"][:16]:
                reason = record.message.rstrip()
        return reason

    def _more(self, path):
        """The whole lines with the account's name that came since the last look."""
        named, found = self.login["account"].encode(), []
        try:
            with reading.DayFile(path) as file:
                at = self._read.get(path, max(0, file.size - _TAIL_BYTES))
                for one in file.lines(at, file.size):
                    at += len(one) + 1
                    found += [one.decode("utf-8", "surrogateescape")] if named in one else []
        except FileNotFoundError:
            return []
        self._read[path] = at
        return found


def _address(text):
    """An address as everybody writes it, also where IPv6 carries it; None where it is none."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(found, "ipv4_mapped", None) or found)
