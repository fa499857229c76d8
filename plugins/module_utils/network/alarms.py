# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the network by these numbers: each alarm once when it begins, and once when it is over."""

from __future__ import annotations


def wrong(now, before, seconds, limits):
    """Say what is beyond its limit.

    :param dict now: a sample.
    :param dict before: the one before, or empty.
    :param float seconds: between the two.
    :param dict limits: C(errors_per_minute), C(drops_per_minute), C(conntrack_percent), and C(interfaces), those that
        must be up (empty: all that are there).
    :return: dict: what is wrong (a short name that stays the same) to a sentence.
    """
    found = {}
    for name in limits["interfaces"] or sorted(now["interfaces"]):
        seen = now["interfaces"].get(name)
        if seen is None or seen["state"] in ("down", "lowerlayerdown"):
            found["link " + name] = "the interface %s is %s" % (name, "gone" if seen is None else "down")
            continue
        old = before.get("interfaces", {}).get(name)
        if not old or seconds <= 0:
            continue
        for kind, limit in (("errors", limits["errors_per_minute"]), ("dropped", limits["drops_per_minute"])):
            more = sum(max(0, seen[way + kind] - old[way + kind]) for way in ("rx_", "tx_")) * 60 / seconds
            if more > limit:
                found["%s %s" % (kind, name)] = "the interface %s has %d packets %s a minute" % (
                    name,
                    more,
                    "with errors" if kind == "errors" else "dropped",
                )
    tracked = now["conntrack"]
    if tracked and tracked["count"] * 100 > tracked["max"] * limits["conntrack_percent"]:
        found["conntrack"] = "connection tracking is full to %d %%" % (tracked["count"] * 100 // tracked["max"])
    for name, peer in sorted(now["peers"].items()):
        if peer["lost_percent"] == 100:
            found["peer " + name] = "the peer %s does not answer" % name
    return found


def news(before, now):
    """Sentences for those that began, and for those that are over.

    :return: pair of lists.
    """
    begun = [sentence for name, sentence in sorted(now.items()) if name not in before]
    over = [sentence for name, sentence in sorted(before.items()) if name not in now]
    return begun, over
