# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test: a harmless packet out of an interface must come back as an alert in the journal."""

from __future__ import annotations

import json
import socket
import time

from .. import processes
from ..records import sources

SIGNATURE = 8200001
"""Its rule, in order82.rules of the role intrusion_detection."""
SECONDS = 8
_CONTENT = b"order82-self-test"
_DISCARD = 9  # RFC 863: whoever hears it does nothing


def blind(interfaces):
    """Send a test packet out of each interface, and wait until it is seen.

    :return: list of the interfaces on which it was not.
    """
    begun = int(time.time())
    ports = {}
    missing = []
    sockets = []
    try:
        for interface in interfaces:
            try:
                sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sockets.append(sender)
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode("ascii") + b"\0")
                sender.bind(("", 0))
                ports[(interface, sender.getsockname()[1])] = interface
                sender.sendto(_CONTENT, ("255.255.255.255", _DISCARD))
            except OSError:
                missing.append(interface)
        end = time.monotonic() + SECONDS
        wanted = {key for key, interface in ports.items() if interface not in missing}
        while wanted and time.monotonic() < end:
            wanted -= seen(_journal(begun))
            time.sleep(0.2 if wanted else 0)
        return missing + [ports[key] for key in sorted(wanted)]
    finally:
        for sender in sockets:
            sender.close()


def seen(lines):
    """The test packets that Suricata's lines tell of: set of interface and source port."""
    found = set()
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("alert", {}).get("signature_id") == SIGNATURE:
            found.add((event.get("in_iface"), event.get("src_port")))
    return found


def _journal(since):
    argv = ["journalctl", "-q", "--no-pager", "-o", "cat", "-t", "suricata", "--since", "@%d" % since]
    argv += sources.journal_matches("suricata")
    return processes.run(argv).stdout.decode("utf-8", "replace").splitlines()
