# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel's rules tell of themselves: which plan they are, and how many translations they began.

It is asked over netlink (nf_tables), since C(nft list counters) reads 100,000 map entries to show one counter.
"""

from __future__ import annotations

from . import netlink

_SUBSYSTEM, _GET_OBJECT = 10, 19  # of nf_tables


def begun(table):
    """Which plan the kernel has, and how many translations its rules began.

    The counter C(plan_<id>) in the table of the gateway says both. Where some pools are recorded and others are not, a
    counter C(recorded) beside it counts those that are. A table of this name may be there for each family.

    :return: (str or None, int): the id of the plan, None if there is no such counter; how many since it was loaded.
    """
    plan, all_of_them, recorded = None, 0, None
    with netlink.open_socket() as asked:
        asked.send(netlink.request(_SUBSYSTEM, _GET_OBJECT))
        done = False
        while not done:
            for message in netlink.messages(asked.recv(1 << 16)):
                if message is None:
                    done = True
                    break
                values = _object(message)
                name = values.get(2, "")
                if values.get(1) != table:
                    continue
                if name.startswith("plan_"):
                    plan = plan or name[len("plan_") :]
                    all_of_them += values["packets"]
                elif name == "recorded":
                    recorded = (recorded or 0) + values["packets"]
    return plan, all_of_them if recorded is None else recorded


def _object(message):
    """Table (1), name (2) and C(packets) of one object of nf_tables."""
    values = {"packets": 0}
    for kind, begin, stop in netlink.attributes(message, netlink.HEADER.size, len(message)):
        if kind in {1, 2}:
            values[kind] = message[begin:stop].rstrip(b"\0").decode("utf-8", "replace")
        elif kind == 4:
            for inner, first, last in netlink.attributes(message, begin, stop):
                if inner == 2 and last - first == 8:
                    values["packets"] = int.from_bytes(message[first:last], "big")
    return values
