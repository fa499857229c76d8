# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the texts of anchoring.py to third places: C(order82 records anchor), by an account that has no key of seals.

What could not be brought is brought the next time; nothing goes out of order, so that the first day that is missing is
the first that was not brought. A place is a folder on a mounted share, into which files are made and never replaced, or
a mailbox (RFC 5321), with TLS.
"""

from __future__ import annotations

import email.message
import email.policy
import email.utils
import errno
import json
import os
import smtplib
import ssl
import stat
import sys
from typing import NamedTuple

from . import anchoring
from . import settings as record_settings

PATH = "/etc/order82/anchors.json"
STATE = "/var/lib/order82-anchor"
CREDENTIALS = "CREDENTIALS_DIRECTORY"  # systemd.exec(5), LoadCredential=
_SECONDS = 30
_MOST_NAMES = 9  # of a day: what broke off in the middle stays there


class Place(NamedTuple):
    """A third place.

    :ivar str way: C(folder), with C(path), or C(mail), with all else; C(user) is empty where no login is asked for,
        C(ca_file) where the system's authorities vouch for the server.
    """

    name: str
    way: str
    path: str = ""
    server: str = ""
    port: int = 587
    tls: str = "starttls"
    sender: str = ""
    to: str = ""
    user: str = ""
    ca_file: str = ""


def places(path=None):
    """The places that the role names; none where there is no such file.

    :raises ValueError: the file is none of the role's.
    """
    path = path or PATH
    try:
        with open(path, encoding="utf-8") as file:
            return [Place(**one) for one in json.load(file)]
    except FileNotFoundError:
        return []
    except (TypeError, ValueError) as error:
        raise ValueError("%s can't be used (%s): apply the role log_collector again" % (path, error)) from error


def delivered(place):
    """The days that were brought there, by our own memory, as texts."""
    try:
        with open(_memory(place), encoding="ascii") as file:
            return set(file.read().split())
    except FileNotFoundError:
        return set()


def due(settings, place):
    """What is to be brought there: day to text, oldest first."""
    known = delivered(place)
    return {day: text for day, text in anchoring.made(settings.store).items() if day not in known}


def deliver(settings, place):
    """Bring what is due, and remember it.

    :return: list of sentences: what was brought.
    :raises OSError: something could not be brought; what was brought before that is remembered.
    """
    done = []
    waiting = due(settings, place)
    if waiting:
        bring = {"folder": _into_folder, "mail": _by_mail}[place.way]
        for day, text in bring(settings, place, waiting):
            with open(_memory(place), "a", encoding="ascii") as file:
                file.write(day + "\n")
            done.append("anchored %s at %s: %d bytes" % (day, place.name, len(text)))
    return done


def in_folder(settings, place, day):
    """The texts of a day that lie in a folder: list of bytes, of those that can be read."""
    found = []
    for number in range(1, _MOST_NAMES + 1):
        try:
            fd = os.open(
                os.path.join(place.path, _name(settings, day, number)), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            )
        except OSError:
            continue
        with os.fdopen(fd, "rb") as file:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                found.append(file.read(1 << 20))
    return found


def _into_folder(settings, place, waiting):
    if not os.path.isdir(place.path):
        raise OSError(errno.ENOENT, "there is no folder", place.path)
    here = {os.stat(one).st_dev for one in ("/", settings.store)}
    if os.stat(place.path).st_dev in here:
        raise OSError(errno.ENODEV, "nothing is mounted there: it is on a disk of this collector", place.path)
    for day, text in waiting.items():
        _make(settings, place, day, text)
        yield day, text


def _make(settings, place, day, text):
    for number in range(1, _MOST_NAMES + 1):
        path = os.path.join(place.path, _name(settings, day, number))
        try:
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, anchoring.MODE)
        except FileExistsError:
            if text in in_folder(settings, place, day):
                return  # it was there when we were killed
            continue  # of a run that broke off
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from error
        return
    raise OSError(errno.EEXIST, "there are %d other files of %s" % (_MOST_NAMES, day), place.path)


def _name(settings, day, number):
    return "%s-%s%s.txt" % (settings.host, day, "" if number == 1 else ".%d" % number)


def _by_mail(settings, place, waiting):
    context = ssl.create_default_context(cafile=place.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        with _server(place, context) as server:
            if place.user:
                server.login(place.user, _password(place))
            for day, text in waiting.items():
                server.sendmail(place.sender, [place.to], _mail(settings, place, day, text))
                yield day, text
    except smtplib.SMTPException as error:
        raise OSError(errno.EPROTO, "the mail server refused: %s" % " ".join(str(error).split())[:300]) from error


def _server(place, context):
    if place.tls == "tls":
        return smtplib.SMTP_SSL(place.server, place.port, timeout=_SECONDS, context=context)
    server = smtplib.SMTP(place.server, place.port, timeout=_SECONDS)
    try:
        server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server


def _mail(settings, place, day, text):
    message = email.message.EmailMessage()
    message["From"], message["To"] = place.sender, place.to
    message["Subject"] = "order82 anchor of %s for %s" % (settings.host, day)
    message["Date"] = email.utils.localtime()
    message["Message-ID"] = "<order82-anchor-%s-%s@%s>" % (settings.host, day, place.sender.rpartition("@")[2])
    message.set_content(text.decode("ascii"), cte="7bit")
    return message.as_bytes(policy=email.policy.SMTP)


def _password(place):
    folder = os.environ.get(CREDENTIALS)
    if not folder:
        raise OSError(errno.ENOKEY, "there is no password: systemctl start order82-anchor.service hands it over")
    with open(os.path.join(folder, place.name), encoding="utf-8") as file:
        return file.read().rstrip("\n")


def _memory(place):
    return os.path.join(STATE, place.name)


def command(arguments):
    """order82 records anchor"""
    del arguments
    settings, done, alarms = record_settings.load(), [], []
    for place in places():
        try:
            done += deliver(settings, place)
        except OSError as error:
            first = next(iter(due(settings, place)), "")
            alarms.append("the anchor of %s is not at %s: %s" % (first, place.name, error))
    for sentence in alarms:
        sys.stderr.write("<2>alarm: %s\n" % sentence)
    return {"done": done, "alarms": alarms}, "\n".join(done), 1 if alarms else 0
