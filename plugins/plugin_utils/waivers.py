# SPDX-License-Identifier: GPL-3.0-or-later
"""Accepted exceptions: a waiver turns a C(fail) into C(waived) until its last day, and says who answers for it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .documents import DataError, names, refuse_keys, words
from .site_table import match_hosts

WHERE = "order82_waivers"


class Waiver(NamedTuple):
    """C(expires) is the last day (UTC) on which it holds."""

    check: str
    hosts: tuple[str, ...]
    reason: str
    owner: str
    expires: datetime.date

    def expired(self, today: datetime.date) -> bool:
        """Whether its last day is over."""
        return today > self.expires


def read_waivers(value: object, checks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> list[Waiver]:
    """Check the variable C(order82_waivers).

    :param value: list of {check, hosts, reason, owner, expires}; hosts are names of hosts and groups, or patterns.
    :param checks: the ids of all checks there are.
    :param groups: Ansible's variable C(groups).
    :raises DataError: a key, check or host is unknown, a date is none, or two waivers are about the same.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise DataError(f"{WHERE} is no list; write one entry per accepted exception, or leave it out")
    checks = set(checks)
    found: list[Waiver] = []
    for number, entry in enumerate(value, start=1):
        waiver = _waiver(entry, f"{WHERE}, entry {number}", checks, groups)
        for other in found:
            both = [host for host in waiver.hosts if other.check == waiver.check and host in other.hosts]
            if both:
                raise DataError(f"{WHERE}, entry {number}: '{waiver.check}' on '{both[0]}' is waived twice; keep one")
        found.append(waiver)
    return found


def waived_on(host: str, waivers: object, groups: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Say until which day the site accepts what fails on a host.

    :param waivers: the variable C(order82_waivers); which checks there are, the inspection says.
    :return: the last day by check.
    :raises DataError: one of them can't be read.
    """
    named = [str(one["check"]) for one in waivers or () if isinstance(one, Mapping) and "check" in one]
    return {one.check: one.expires.isoformat() for one in read_waivers(waivers, named, groups) if host in one.hosts}


def _waiver(entry: object, where: str, checks: set[str], groups: Mapping[str, Sequence[str]]) -> Waiver:
    entry = refuse_keys(entry, where, ("check", "hosts", "reason", "owner", "expires"))
    check = words(entry["check"], f"{where}, check")
    if check not in checks:
        raise DataError(f"{where}: there is no check '{check}'; copy the id from the report")
    hosts: set[str] = set()
    for pattern in names([entry["hosts"]] if isinstance(entry["hosts"], str) else entry["hosts"], f"{where}, hosts"):
        matched = match_hosts(pattern, groups)
        if not matched:
            raise DataError(f"{where}: '{pattern}' is no host or group of the inventory; correct the name")
        hosts.update(matched)
    if not hosts:
        raise DataError(f"{where}: hosts is empty; name the hosts that it is for")
    return Waiver(
        check,
        tuple(host for host in groups.get("all", ()) if host in hosts),
        words(entry["reason"], f"{where}, reason"),
        words(entry["owner"], f"{where}, owner"),
        _date(entry["expires"], where),
    )


def _date(value: object, where: str) -> datetime.date:
    if isinstance(value, datetime.datetime):
        value = value.date()
    if isinstance(value, datetime.date):
        return value
    try:
        if isinstance(value, str) and len(value) == len("2026-01-31"):
            return datetime.date.fromisoformat(value)
    except ValueError:
        pass
    raise DataError(f"{where}: expires is '{value}'; write the last day as YYYY-MM-DD")
