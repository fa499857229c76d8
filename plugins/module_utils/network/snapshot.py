# SPDX-License-Identifier: GPL-3.0-or-later
"""What links, addresses, routes and neighbours there are, and what has changed between two looks."""

from __future__ import annotations

import json

from .. import processes

ROUTES_AT_MOST = 5000
"""A router with the whole Internet's table has its own records of it: here only their number is kept then."""


def look():
    """Look at all of it.

    :return: dict of dicts, each from a name to what it is: C(link), C(address), C(route), C(neighbour).
    :raises OSError: C(ip) is not installed.
    :raises ValueError: it says something that is not understood.
    """
    routes = [one for version in ("-4", "-6") for one in _ip(version, "route", "show", "table", "main")]
    return {
        "link": {one["ifname"]: _link(one) for one in _ip("link", "show") if one["ifname"] != "lo"},
        "address": {
            "%s %s/%d" % (one["ifname"], address["local"], address["prefixlen"]): address.get("scope", "")
            for one in _ip("address", "show")
            if one["ifname"] != "lo"
            for address in one.get("addr_info", [])
            if "local" in address
        },
        "route": {_route(one): "" for one in routes} if len(routes) <= ROUTES_AT_MOST else {"number": str(len(routes))},
        # Whether a neighbour was heard a moment ago changes all the time; its hardware address should not.
        "neighbour": {
            "%s %s" % (one["dev"], one["dst"]): one["lladdr"]
            for one in _ip("neighbour", "show")
            if one.get("lladdr") and "dst" in one
        },
    }


def changes(before, now):
    """Say what is another than before.

    :return: list of dicts: C(what) (link, address, route, neighbour), C(name), C(before) and C(now), each None where it
        was not there. Neighbours only where both have a hardware address: they come and go all day.
    """
    found = []
    for what in ("link", "address", "route", "neighbour"):
        old, new = before.get(what, {}), now[what]
        for name in sorted(set(old) | set(new)):
            if old.get(name) == new.get(name) and (name in old) == (name in new):
                continue
            if what == "neighbour" and not (name in old and name in new):
                continue
            found.append({"what": what, "name": name, "before": old.get(name), "now": new.get(name)})
    return found


def kept(before, now):
    """What the next look is compared with: a neighbour that went is remembered, since another may take its place."""
    return {**now, "neighbour": {**before.get("neighbour", {}), **now["neighbour"]}}


def _link(one):
    state = one.get("operstate", "UNKNOWN")
    # Interfaces without a cable, such as tunnels, never know.
    up = state in ("UP", "UNKNOWN") and "UP" in one.get("flags", ())
    return "%s mtu %s address %s" % ("up" if up else "down", one.get("mtu"), one.get("address", "none"))


def _route(one):
    words = [one["dst"]]
    for key in ("gateway", "dev", "metric", "type"):
        if one.get(key):
            words += [key, str(one[key])]
    return " ".join(words + ["via %s %s" % (hop.get("gateway", ""), hop["dev"]) for hop in one.get("nexthops", [])])


def _ip(*words):
    done = processes.run(["ip", "-json", *words])
    if done.returncode:
        raise ValueError("ip %s: %s" % (" ".join(words), done.stderr.decode("utf-8", "replace").strip()))
    return [one for one in json.loads(done.stdout or b"[]") if one]
