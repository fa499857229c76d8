# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: fail2ban, by what it did about the failed logins that the journal has."""

from __future__ import annotations

import configparser
import contextlib
import ipaddress
import json
import re
import time
from collections import Counter

from .. import fail2ban
from ..records import sources
from ._registry import ObservationError, command

SETTLED = 15
"""Seconds after which fail2ban has acted on a failure."""
_PACKAGE = "/etc/fail2ban/jail.conf"
_ACTION = "nftables"
_TABLE = ["nft", "--json", "list", "table", "inet", "f2b-table"]
_KEYS = ("maxretry", "findtime", "bantime", "ignoreip", "ignorecommand", "actions")
_FAILED = re.compile(r"^Failed \S+ for .* from (\S+) port \d+")
_BANNED = re.compile(r"\] (?:Restore )?Ban (\S+)")


def failed(lines):
    """Count failed logins by source in the words of sshd, which calls a source that is gone already UNKNOWN.

    :param list lines: texts of the journal.
    :return: dict: source address to failures.
    """
    found = Counter()
    for match in filter(None, map(_FAILED.match, lines)):
        with contextlib.suppress(ValueError):
            found[str(ipaddress.ip_address(match[1]))] += 1
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
    words = [word for program in programs for word in ("-t", program)] + sources.journal_matches(*programs)
    argv = ["journalctl", "-q", "--no-pager", "-o", "cat", "-g", pattern, "--since", "-%ds" % since]
    # journalctl ends with 1 where nothing matches.
    return command(argv + (["--until", "-%ds" % until] if until else []) + words, ok=(0, 1)).splitlines()


def weaker(jail, found, wanted, never, own):
    """Say where a jail that runs lets more pass than it should.

    :param dict found: what fail2ban says, by its own names (_KEYS).
    :param dict wanted: C(maxretry), C(findtime), C(bantime).
    :param list never: networks that it may spare.
    :param set own: what the package itself says for this jail, and is not held against it.
    :return: list of sentences.
    """
    for_ever = found["bantime"] < 0
    worse = {
        "maxretry": found["maxretry"] > wanted["maxretry"],
        "findtime": found["findtime"] < wanted["findtime"],
        "bantime": found["bantime"] < wanted["bantime"] and not for_ever,
    }
    said = ["%s is %s and not %s" % (key, found[key], wanted[key]) for key in worse if worse[key] and key not in own]
    said += ["it never bans " + one for one in found["ignoreip"] if not _within(one, never)]
    if found["ignorecommand"] and "ignorecommand" not in own:
        said.append("it asks '%s' whom to spare" % found["ignorecommand"])
    if not found["actions"]:
        said.append("it does nothing")
    return ["%s: %s" % (jail, one) for one in said]


def _within(one, networks):
    try:
        network = ipaddress.ip_network(one, strict=False)
    except ValueError:  # a name, which answers as its owner likes
        return False
    return any(
        network.version == other.version and network.subnet_of(other) for other in map(ipaddress.ip_network, networks)
    )


def refused(text):
    """Whom the kernel refuses, by the sets of fail2ban's table that a rule asks.

    :param str text: what C(nft --json list table) says, libnftables-json(5); empty where there is no such table.
    :return: list of networks.
    """
    listed = json.loads(text)["nftables"] if text else []
    asked = [
        statement.get("match", {}).get("right") for one in listed for statement in one.get("rule", {}).get("expr", ())
    ]
    sets = [one["set"] for one in listed if "set" in one]
    return [
        network
        for one in sets
        if "@" + one["name"] in asked
        for element in one.get("elem", ())
        for network in _of_element(element)
    ]


def _of_element(element):
    if isinstance(element, str):
        return [ipaddress.ip_network(element)]
    if "prefix" in element:
        return [ipaddress.ip_network("%(addr)s/%(len)d" % element["prefix"])]
    if "range" in element:
        return list(ipaddress.summarize_address_range(*map(ipaddress.ip_address, element["range"])))
    return _of_element(element["elem"]["val"])


def unenforced(banned, networks):
    """Who is banned by fail2ban's word alone: sorted list of addresses.

    :param list banned: addresses and networks.
    :param list networks: what C(refused) found.
    """
    exact, wide = set(networks), [network for network in networks if network.num_addresses > 1]
    return sorted(one for one in banned if not _is_refused(one, exact, wide))


def _is_refused(one, exact, wide):
    try:
        wanted = ipaddress.ip_network(one, strict=False)
    except ValueError:  # a jail may ban what is no address: that is not the kernel's
        return True
    # Thousands are banned while a host is attacked, and hardly a network.
    return wanted in exact or any(wanted.version == one.version and wanted.subnet_of(one) for one in wide)


def _banned(asked, jails, enforcing):
    """Who is banned now by jail, and who of them the kernel lets in; a ban may be on its way into it, or out of it."""
    end = time.monotonic() + SETTLED
    while True:
        now = {jail: asked.ask("get", jail, "banip") or [] for jail in jails}
        there = refused(command(_TABLE, ok=(0, 1)))  # 1: there is no such table before the first ban
        lost = unenforced({one for jail in enforcing for one in now[jail]}, there)
        if not lost or time.monotonic() > end:
            return now, lost
        time.sleep(1)


def of_the_package(text):
    """What the package's own settings (jail.conf) say for single jails: dict of sets of keys."""
    settings = configparser.RawConfigParser(strict=False, default_section="")  # DEFAULT is not for single jails
    settings.read_string(text)
    return {jail: set(settings.options(jail)) for jail in settings.sections()}


def _own():
    try:
        with open(_PACKAGE, encoding="utf-8") as file:
            return of_the_package(file.read())
    except (FileNotFoundError, configparser.Error):
        return {}  # then everything is held against it


def see_bans(jails, max_failures, find_seconds, ban_seconds, never):
    spared = [*never, "127.0.0.0/8", "::1/128"]
    wanted = {"maxretry": max_failures, "findtime": find_seconds, "bantime": ban_seconds}
    try:
        with fail2ban.Connection() as asked:
            running = asked.jails()
            found = {jail: {key: asked.ask("get", jail, key) for key in _KEYS} for jail in running if jail in jails}
            now, lost = _banned(asked, running, [jail for jail in found if _ACTION in found[jail]["actions"]])
    except fail2ban.Fail2banError as error:
        raise ObservationError(str(error)) from error
    past = _journal(["fail2ban.actions"], r"\] (Restore )?Ban ", find_seconds, 0)
    banned = {address for some in now.values() for address in some}
    banned |= {match[1] for match in map(_BANNED.search, past) if match}
    failures = (
        failed(_journal(["sshd", "sshd-session", "sshd-auth"], "^Failed ", find_seconds, SETTLED))
        if "sshd" in jails
        else {}
    )
    own = _own()
    return {
        "missing_jails": sorted(set(jails) - set(running)),
        "in_force": {jail: {key: values[key] for key in wanted} for jail, values in found.items()},
        "weaker": [
            sentence
            for jail, values in sorted(found.items())
            for sentence in weaker(jail, values, wanted, spared, own.get(jail, ()))
        ],
        "banned": sorted({address for some in now.values() for address in some}),
        "failing_sources": len(failures),
        "unbanned": unbanned(failures, banned, max_failures, spared),
        "unenforced": lost,
    }
