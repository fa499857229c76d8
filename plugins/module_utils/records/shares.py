# SPDX-License-Identifier: GPL-3.0-or-later
"""What each sender takes of a collector: bytes of the store, and bytes a second.

Who has more than his share of the store's disk is held back in the receiver's network (C(order82_limits), which
C(/etc/order82/limits.nft) makes), and nobody else: the others' connections go on. Nothing is deleted for it.
"""

from __future__ import annotations

import json
import os
import stat
from typing import NamedTuple

from . import store as record_store

SEEN = "/run/order82-records/shares.json"
HELD = "/run/order82-records/held.nft"
"""C(/etc/order82/limits.nft) includes it: it is read with the rules, whenever the receiver starts or is reloaded."""
SENDERS = "/etc/order82/senders.json"
TABLE = "order82_limits"
NEAR = 0.8
"""Of its share: a host that has more is told of, so that nobody is held back unawares."""
LEAST_SECONDS = 30
"""A rate is the mean of so many seconds at least: what comes in one burst is nobody's rate."""


class Seen(NamedTuple):
    """A look at the store.

    :ivar dict stored: bytes by host.
    :ivar dict rates: bytes a second by host since the look before; empty where there was none.
    :ivar int size: bytes of the store's disk.
    """

    stored: dict
    rates: dict
    size: int


def look(settings, now, path):
    """See how much there is of each host, and how fast it grows.

    :param float now: seconds since 1970.
    :param str path: where is kept what was seen: closed days do not change, so that each is read once.
    """
    before = _remembered(path, settings.store)
    closed, opened = _sizes(settings, before["closed"])
    seconds, rates, since = now - before["at"], {}, {"at": before["at"], "open": before["open"]}
    if before["at"] and seconds >= LEAST_SECONDS:
        for name, size in opened.items():
            host = record_store.host_of(name)
            rates[host] = rates.get(host, 0) + max(0, size - before["open"].get(name, 0)) / seconds
    if not before["at"] or not 0 <= seconds < LEAST_SECONDS:
        since = {"at": now, "open": opened}
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(json.dumps({"store": settings.store, "closed": closed, **since}))  # in C, which dump is not
    os.replace(path + ".new", path)
    return Seen(_by_host(closed, opened), rates, _disk(settings))


def stored(settings):
    """See the same without remembering anything; rates are empty."""
    return Seen(_by_host(*_sizes(settings, {})), {}, _disk(settings))


def beyond(settings, seen, part=1.0):
    """The hosts that have more than their share of the disk, sorted.

    :param float part: of the share.
    :return: list of str; empty where there is but one host, since it takes nothing from others.
    """
    if settings.share_percent >= 100 or len(settings.hosts) < 2:
        return []
    most = part * seen.size * settings.share_percent / 100
    return sorted(host for host in settings.hosts if seen.stored.get(host, 0) > most)


def percent(seen, host):
    """How much of the disk a host has, in words."""
    return "%.3g %%" % (100.0 * seen.stored[host] / max(seen.size, 1))


def sentences(settings, seen):
    """What a person must know, one sentence a host and matter."""
    over = beyond(settings, seen)
    said = [
        "%s has %s of the disk of %s, and its share is %g %%: it is held back, and its journal keeps its records; see "
        "what it sends, and make the disk or the share larger if it must"
        % (host, percent(seen, host), settings.store, settings.share_percent)
        for host in over
    ]
    said += [
        "%s has %s of the disk of %s: with more than %g %% it is held back"
        % (host, percent(seen, host), settings.store, settings.share_percent)
        for host in beyond(settings, seen, NEAR)
        if host not in over
    ]
    if settings.rate_kilobytes:
        said += [
            "%s sends %d kB/s, which is more than %d kB/s: see what it sends; at twice as much it is slowed down"
            % (host, rate / 1000, settings.rate_kilobytes)
            for host, rate in sorted(seen.rates.items())
            if rate > 1000 * settings.rate_kilobytes
        ]
    return said


def hold(hosts, path, senders):
    """Write down whom the receiver's network is to hold back.

    :param list hosts: their names.
    :param str path: the file for nft.
    :param str senders: the table of addresses by which the receiver knows hosts.
    :return: bool: whether that is another list than before.
    """
    text = ""
    if hosts:
        with open(senders, encoding="utf-8") as file:
            known = {row["value"]: row["index"] for row in json.load(file)["table"]}
        addresses = ", ".join(known[host] for host in hosts if host in known)
        text = "add element ip %s held { %s }\n" % (TABLE, addresses) if addresses else ""
    try:
        with open(path, encoding="ascii") as file:
            if file.read() == text:
                return False
    except FileNotFoundError:
        if not text:
            return False
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(text)
    os.replace(path + ".new", path)
    return True


def _sizes(settings, known):
    """Bytes of each file that is not empty: of closed days by day and host, of open ones by path."""
    closed, opened = {}, {}
    for record_class in settings.classes:
        for day in record_store.days(settings.store, record_class):
            key = "%s/%s" % (record_class, day)
            if key in known:
                closed[key] = known[key]
                continue
            try:
                sizes, immutable = _of_day(settings.store, record_class, day)
            except FileNotFoundError:  # it was deleted meanwhile
                continue
            if immutable:
                closed[key] = {record_store.host_of(name): size for name, size in sizes.items()}
            else:
                opened.update({"%s/%s" % (key, name): size for name, size in sizes.items()})
    return closed, opened


def _of_day(store, record_class, day):
    with record_store.opened(store, record_class, day) as folder:
        sizes = {}
        for name in os.listdir(folder):
            if name.endswith((record_store.PLAIN, record_store.COMPRESSED)):
                found = os.lstat(name, dir_fd=folder)
                if stat.S_ISREG(found.st_mode) and found.st_size:
                    sizes[name] = found.st_size
        return sizes, bool(record_store.flags_of(folder) & record_store.IMMUTABLE)


def _by_host(closed, opened):
    total = {}
    for sizes in closed.values():
        for host, size in sizes.items():
            total[host] = total.get(host, 0) + size
    for name, size in opened.items():
        host = record_store.host_of(name)
        total[host] = total.get(host, 0) + size
    return total


def _disk(settings):
    space = os.statvfs(settings.store)
    return space.f_blocks * space.f_frsize


def _remembered(path, store):
    nothing = {"at": 0, "open": {}, "closed": {}}
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (FileNotFoundError, ValueError):
        return nothing
    return found if found.get("store") == store else nothing
