# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a collector tells of alarms, as the role alarms wrote it; what must be kept secret stands in files beside it."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from ..records.settings import SettingsError

PATH = "/etc/order82/alarms.json"
FOLDER = "/etc/order82/alarms"
TLS = "/etc/order82/tls"


class Receiver(NamedTuple):
    """Somebody who is told.

    :ivar str name: letters, digits and dashes.
    :ivar str way: C(mail) or C(webhook).
    :ivar str minimum: the least severity that he is told of.
    :ivar dict where: what the way needs: see mail.py and webhook.py.
    """

    name: str
    way: str
    minimum: str
    where: dict

    def digest(self):
        """A short name for where it is and how it is reached: another one has to be tried anew."""
        said = json.dumps([self.way, self.where], sort_keys=True) + self.secret()
        return hashlib.sha256(said.encode("utf-8")).hexdigest()[:16]

    def secret(self):
        """Its password or token; empty where it has none.

        :raises OSError: it can't be read.
        """
        if not self.where.get("secret"):
            return ""
        with open("%s/%s.secret" % (self.where.get("folder", FOLDER), self.name), encoding="utf-8") as file:
            return file.read().strip()

    def authority(self):
        """The file with the certificates of whom its server is believed; None: of the system's."""
        return "%s/%s.ca.crt" % (self.where.get("folder", FOLDER), self.name) if self.where.get("ca") else None


class Settings(NamedTuple):
    """What else there is to know; all times in seconds.

    :ivar str unit: the name of the unit that the law binds.
    :ivar float second: so much later the next collector tells what the one before it did not.
    :ivar int per_hour: so many different alarms of a host are told in an hour.
    :ivar float test: so long after the last message that was taken a test is sent.
    """

    unit: str
    silence: float
    second: float
    remind: float
    per_hour: int
    test: float
    receivers: tuple


def load(path=PATH):
    """Read them.

    :raises SettingsError: no such file, no JSON, or a key too few.
    """
    try:
        with open(path, encoding="utf-8") as file:
            raw = json.load(file)
        return Settings(
            unit=str(raw["unit"]),
            silence=float(raw["silence_seconds"]),
            second=float(raw["second_seconds"]),
            remind=3600 * float(raw["remind_hours"]),
            per_hour=int(raw["per_hour"]),
            test=86400 * float(raw["test_days"]),
            receivers=tuple(
                Receiver(str(one["name"]), str(one["way"]), str(one["minimum"]), dict(one["where"]))
                for one in raw["receivers"]
            ),
        )
    except FileNotFoundError as error:
        raise SettingsError("%s is missing: the role alarms writes it" % path) from error
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            "%s can't be used (%s: %s): apply the role alarms again" % (path, type(error).__name__, error)
        ) from error
