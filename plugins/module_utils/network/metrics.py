# SPDX-License-Identifier: GPL-3.0-or-later
"""The same sample for Prometheus, as a file that its node_exporter reads (textfile collector)."""

from __future__ import annotations

import os


def write(path, sample, at):
    """Write the file whole or not at all."""
    with open(path + ".new", "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write("\n".join(lines(sample, at)) + "\n")
    os.replace(path + ".new", path)


def lines(sample, at):
    """What node_exporter has none of: peers, and when this was recorded. Interfaces and conntrack it counts itself."""
    yield "# HELP order82_network_sample_seconds Unix time of the last record of the network's state."
    yield "# TYPE order82_network_sample_seconds gauge"
    yield "order82_network_sample_seconds %.3f" % at
    if sample["peers"]:
        yield "# HELP order82_peer_lost_percent Echo requests that a peer did not answer."
        yield "# TYPE order82_peer_lost_percent gauge"
        for name, peer in sorted(sample["peers"].items()):
            yield 'order82_peer_lost_percent{peer="%s"} %d' % (name, peer["lost_percent"])
        yield "# HELP order82_peer_rtt_seconds Round trip of a peer that answered."
        yield "# TYPE order82_peer_rtt_seconds gauge"
        for name, peer in sorted(sample["peers"].items()):
            if peer["rtt_ms"] is not None:
                yield 'order82_peer_rtt_seconds{peer="%s"} %.6f' % (name, peer["rtt_ms"] / 1000)
