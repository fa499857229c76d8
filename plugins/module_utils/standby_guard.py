# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway that waits keeps from its kernel: packets of connections that it does not know yet.

When it takes over, the addresses come to it a moment before the connections do. A packet in between would be taken for
the first of a new connection, and be translated to another port or refused: its connection would be lost. One that is
dropped is sent again. So a gateway that waits takes none, and one that becomes active takes them when it knows their
connections. The table is before the kernel's tracking of connections (nft(8): priority raw), and stands beside others.
"""

from __future__ import annotations

import ipaddress

from . import processes

TABLE = "inet order82_standby"
LIFT = "add table %s; delete table %s" % (TABLE, TABLE)


def text(interfaces, addresses):
    """The words for nft(8) that shut the guard; they replace one that is there.

    :param interfaces: where packets to forward come from.
    :param addresses: addresses and networks that both hosts of the pair may have: the pair's, and those to which is
        translated. What is for any other address of this host comes in.
    """
    named = "iifname { %s }" % ", ".join('"%s"' % name for name in sorted(set(interfaces)))
    networks = [ipaddress.ip_network(one) for one in addresses]
    rules = ["%s fib daddr type unicast drop" % named]  # a route leads on: it is to be forwarded
    for version, word in ((4, "ip"), (6, "ip6")):
        shared = ipaddress.collapse_addresses(one for one in networks if one.version == version)
        listed = ", ".join(map(str, shared))
        if listed:
            rules.append("%s %s daddr { %s } drop" % (named, word, listed))
    chain = "type filter hook prerouting priority raw; policy accept; %s" % "; ".join(rules)
    return "%s; table %s { chain guard { %s; }; }" % (LIFT, TABLE, chain)


def is_shut():
    """Whether the guard is in the kernel."""
    return processes.run(["nft", "list", "table", *TABLE.split()]).returncode == 0
