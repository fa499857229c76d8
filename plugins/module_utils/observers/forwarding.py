# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: the two ends of the way from a sender to a collector."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import time

from .. import processes
from ._registry import ObservationError, command

_MOST = 100000
_RECONNECT_SECONDS = 15
# A sender that can't agree with a collector on TLS calls it again every ten seconds, and is connected for a moment.
# What a collector without TLS says until then is short, and no handshake is as long as the answers to some 100 records.
_ANSWER_BYTES = 512
_HANDSHAKE_BYTES = 8192
_AGO_MS = 1000
_NEVER = 1000000000  # seconds: nothing was ever handed over
_KEPT_EVERY = 100  # a forwarder saves its place every so many messages: so many entries may seem to wait
_OFFERS = b"relp_version=0\nrelp_software=order82,0,order82\ncommands=syslog"
_RELP_OPEN = b"1 open %d %s\n" % (len(_OFFERS), _OFFERS)
_RELP_CLOSE = b"2 close 0\n"
_PATIENCE = 3  # seconds for an answer


def connections(text):
    """Read what C(ss -tinH state established) says: two lines for each connection, the first without a state.

    :return: list of dicts with C(port) (ours), C(unsent) (bytes not acknowledged by the peer's kernel), C(received)
        (bytes in all) and C(answer_ms) (since data last came).
    """
    found = []
    lines = text.splitlines()
    for head, detail in zip(lines[::2], lines[1::2]):
        columns = head.split()
        last = re.search(r"\blastrcv:(\d+)", detail)
        received = re.search(r"\bbytes_received:(\d+)", detail)
        found.append(
            {
                "port": int(columns[2].rpartition(":")[2]),
                "unsent": int(columns[1]),
                "received": int(received[1]) if received else 0,
                "answer_ms": int(last[1]) if last else 0,
            }
        )
    return found


def understood(now, before):
    """Whether records go over one of these connections, and not only an attempt to agree on it.

    :param list now: what connections() found.
    :param list before: what it found a second ago. What was silent since then was there too.
    """
    there = {one["port"] for one in before}
    return any(
        one["received"] >= _HANDSHAKE_BYTES
        or (one["received"] >= _ANSWER_BYTES and (one["port"] in there or one["answer_ms"] >= _AGO_MS))
        for one in now
    )


def see_forwarding(collectors, port, folder, silence_seconds):
    # A forwarder sees that its collector was restarted when it next sends, and tries again within ten seconds: what the
    # journal says of this very look makes it send.
    end = time.monotonic() + _RECONNECT_SECONDS
    before = dict.fromkeys(collectors, ())
    while True:
        now = {name: _open(address, port) for name, address in collectors.items()}
        connected = {name for name in collectors if understood(now[name], before[name])}
        if len(connected) == len(collectors) or time.monotonic() > end:
            break
        before = now
        time.sleep(1)
    ways = {name: _way(open_now, "%s/%s.cursor" % (folder, name)) for name, open_now in now.items()}
    return {
        "ways": {name: {"connected": name in connected, **way} for name, way in ways.items()},
        "unconnected": sorted(set(collectors) - connected),
        "unanswered": sorted(name for name, way in ways.items() if not 0 <= way["answered_seconds"] <= silence_seconds),
        "longest_wait_seconds": max((way["waiting_seconds"] for way in ways.values()), default=0),
    }


def _open(address, port):
    return connections(command(["ss", "-tinH", "state", "established", "dst", address, "dport", "= :%d" % port]))


def _way(open_now, cursor_file):
    try:
        with open(cursor_file, encoding="ascii") as file:
            cursor = file.read().strip()
    except FileNotFoundError:
        cursor = ""
    waiting = _entries_after(cursor, cursor_file) if cursor else []
    return {
        "answered_seconds": min((one["answer_ms"] for one in open_now), default=-1000) // 1000,
        "unsent_bytes": sum(one["unsent"] for one in open_now),
        "behind_entries": len(waiting) if cursor else _MOST,
        "waiting_seconds": _wait(waiting, time.time()) if cursor else _NEVER,
    }


def _wait(entries, now):
    """For how long the journal's oldest entry has waited that is certainly not handed over yet."""
    if len(entries) <= _KEPT_EVERY:
        return 0
    return int(now - int(json.loads(entries[_KEPT_EVERY])["__REALTIME_TIMESTAMP"]) / 1000000)


def _entries_after(cursor, cursor_file):
    """The journal's entries after a place, oldest first: the last 100,000 of them."""
    done = processes.run(
        [
            "journalctl",
            "--quiet",
            "--no-pager",
            "--output=json",
            "--output-fields=PRIORITY",
            "--after-cursor=" + cursor,
            "--lines=%d" % _MOST,
        ]
    )
    if done.returncode:
        raise ObservationError(
            "journalctl does not know the place in %s: %s"
            % (cursor_file, done.stderr.decode("utf-8", "replace").strip())
        )
    return done.stdout.splitlines()


def see_listener(address, port, ca, certificate, key):
    facts = dict.fromkeys(("listens", "tls", "answers_plain", "admits_strangers", "admits_us"), False)
    facts["problem"] = ""
    try:
        facts["answers_plain"] = _answers(socket.create_connection((address, port), timeout=5))
        facts["listens"] = True
        context = ssl.create_default_context(cafile=ca)
        context.check_hostname = False  # the name is the collector's, the address may be another of its own
        with context.wrap_socket(socket.create_connection((address, port), timeout=5)) as stream:
            facts["tls"] = True
            facts["admits_strangers"] = _answers(stream)
    except ssl.SSLError as error:
        # TLS 1.2 refuses a missing certificate within the handshake: that is TLS, and no admittance.
        facts["tls"] = (
            facts["tls"] or "CERTIFICATE_REQUIRED" in str(error).upper() or "HANDSHAKE_FAILURE" in str(error).upper()
        )
        facts["problem"] = str(error)
    except OSError as error:
        facts["problem"] = str(error)
    if facts["tls"]:
        try:
            context.load_cert_chain(certificate, key)
            facts["admits_us"] = _answers(context.wrap_socket(socket.create_connection((address, port), timeout=5)))
        except OSError as error:
            facts["problem"] = str(error)
    return facts


def _answers(stream):
    """Whether the other end answers a RELP session's opening, as it would to a sender."""
    try:
        stream.settimeout(_PATIENCE)
        stream.sendall(_RELP_OPEN)
        answers = b" rsp " in stream.recv(4096)
        with contextlib.suppress(OSError):
            stream.sendall(_RELP_CLOSE)
        return answers
    except OSError:
        return False
    finally:
        stream.close()
