# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: fail2ban, by what it did about the failed logins that the journal has."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter

from ._registry import Argument, Observer, command

SETTLED = 15
"""Seconds after which fail2ban has acted on a failure."""
_FAILED = re.compile(r"^Failed \S+ for .* from (\S+) port \d+")
_BANNED = re.compile(r"\] (?:Restore )?Ban (\S+)")


def failed(lines):
    """Count failed logins by source in the words of sshd.

    :param list lines: texts of the journal.
    :return: dict: source address to failures.
    """
    found = Counter(match[1] for match in map(_FAILED.match, lines) if match)
    return dict(found)


def unbanned(failures, banned, max_failures, never):
    """Say who failed too often and was left alone.

    :param dict failures: source address to failures.
    :param set banned: addresses that are or were banned.
    :param list never: networks that are never banned.
    :return: sorted list of addresses.
    """
    spared = [ipaddress.ip_network(network) for network in never]
    return sorted(
        address
        for address, count in failures.items()
        if count >= max_failures
        and address not in banned
        and not any(ipaddress.ip_address(address) in network for network in spared)
    )


def _journal(programs, pattern, since, until):
    words = [word for program in programs for word in ("-t", program)]
    argv = ["journalctl", "-q", "--no-pager", "-o", "cat", "-g", pattern, "--since", "-%ds" % since]
    # journalctl ends with 1 where nothing matches.
    return command(argv + (["--until", "-%ds" % until] if until else []) + words, ok=(0, 1)).splitlines()


def _bans(jails, max_failures, find_seconds, never):
    listed = re.search(r"Jail list:(.*)", command(["fail2ban-client", "status"]))
    running = [name.strip() for name in listed[1].split(",")] if listed else []
    now = {name: command(["fail2ban-client", "get", name, "banip"]).split() for name in running if name}
    past = _journal(["fail2ban.actions"], r"\] (Restore )?Ban ", find_seconds, 0)
    banned = {address for some in now.values() for address in some}
    banned |= {match[1] for match in map(_BANNED.search, past) if match}
    failures = failed(_journal(["sshd", "sshd-session"], "^Failed ", find_seconds, SETTLED)) if "sshd" in jails else {}
    return {
        "missing_jails": sorted(set(jails) - set(running)),
        "banned": sorted({address for some in now.values() for address in some}),
        "failing_sources": len(failures),
        "unbanned": unbanned(failures, banned, max_failures, [*never, "127.0.0.0/8", "::1/128"]),
    }


OBSERVERS = {
    "bans": Observer(
        look=_bans,
        text="who is banned by fail2ban, beside who failed to log in by the journal",
        arguments={
            "jails": Argument(list, "jails that must run", required=True),
            "max_failures": Argument(int, "failures of one source that are too many", required=True),
            "find_seconds": Argument(int, "seconds in which they are counted together", required=True),
            "never": Argument(list, "networks that are never banned", required=True),
        },
        facts={
            "missing_jails": "list: jails that do not run",
            "banned": "list: addresses that are banned now",
            "failing_sources": "int: sources of failed logins by SSH in that time",
            "unbanned": "list: sources that failed too often and were not banned",
        },
    ),
}
