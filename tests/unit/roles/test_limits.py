# SPDX-License-Identifier: GPL-3.0-or-later
"""What one sender may take of a collector, by the rules as the role lays them down, with real connections through the kernel."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import shares as observer
from ansible_collections.order82.baseline.plugins.module_utils.records import shares
from test_receiving import NAMES, TEMPLATES, backends, collector

KILOBYTES = 1000
"""log_collector_rate_kilobytes: twice as much gets through."""
SECONDS = 3
BURST = 1_000_000
FLOODS = """
import json, socket, sys, threading, time
address, port, seconds, flooder, other, held = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:]
server, got = socket.create_server((address, port)), {}

def read(one, sender):
    while data := one.recv(1 << 16):
        got[sender].append((time.monotonic(), len(data)))

def accept():
    while True:
        one, (sender, _port) = server.accept()
        got[sender] = []
        threading.Thread(target=read, args=(one, sender), daemon=True).start()

def connect(sender):
    return socket.create_connection((address, port), timeout=5, source_address=(sender, 0))

def flood():
    one = connect(flooder)
    one.settimeout(None)
    while True:
        one.send(b"x" * 16384)

threading.Thread(target=accept, daemon=True).start()
threading.Thread(target=flood, daemon=True).start()
begin = time.monotonic()
time.sleep(seconds / 2)
with connect(other) as one:  # what it has in its bucket goes through at once
    one.sendall(b"x" * 2_000_000)
    one.shutdown(socket.SHUT_WR)
    sent = time.monotonic()
    while sum(size for _at, size in got.get(other, ())) < 2_000_000 and time.monotonic() < sent + 5:
        time.sleep(0.01)
    took = time.monotonic() - sent
try:
    connect(held).close()
    refused = False
except ConnectionRefusedError:
    refused = True
time.sleep(max(0, begin + seconds - time.monotonic()))
rows = [row for row in got[flooder] if row[0] < begin + seconds]
gap = max(after[0] - before[0] for before, after in zip(rows, rows[1:]))
print(json.dumps({"flooded": sum(size for _at, size in rows), "gap": gap, "other": took, "refused": refused}))
"""
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("nft"), reason="root has network namespaces, and rules take nft"
)


def rules(tmp_path, **variables):
    """The rules as a file, the file of who is held back, and the front's view: addresses by host, and where the receiver is."""
    engine = collector(NAMES, **variables)
    sources, [meeting] = backends(engine.file(TEMPLATES / "front.cfg.j2", {}))
    text = engine.file(TEMPLATES / "limits.nft.j2", {})
    assert f'include "{os.path.dirname(shares.HELD)}/held*.nft"' in text
    path = tmp_path / "limits.nft"
    path.write_text(text.replace(os.path.dirname(shares.HELD), str(tmp_path)))
    return path, tmp_path / "held.nft", sources, meeting.split(":")


def within(*words):
    """Run this in a network namespace of its own."""
    done = subprocess.run(["unshare", "--net", "sh", "-ec", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_flood_is_slowed_down_and_nobody_else_and_who_is_held_back_is_refused(tmp_path):
    path, held, sources, meeting = rules(tmp_path, log_collector_rate_kilobytes=KILOBYTES)
    senders = tmp_path / "senders.json"
    senders.write_text(json.dumps({"table": [{"index": one, "value": host} for host, one in sources.items()]}))
    assert shares.hold(["vault"], str(held), str(senders))
    begin = f"ip link set lo up; nft --file {path}; nft --file {path}"
    say = (begin + '; exec "$@"', "sh", sys.executable, "-c", FLOODS, *meeting, str(SECONDS))
    said = json.loads(within(*say, sources["web"], sources["collector1"], sources["vault"]))
    most = 2000 * KILOBYTES * (SECONDS + 1) + BURST
    assert 2000 * KILOBYTES * SECONDS / 2 < said["flooded"] <= most
    assert said["gap"] < 1.5, "it goes on all the time"
    assert said["other"] < 1.5, "of one limit for both it would get a half"
    assert said["refused"]


def test_the_observer_sees_them_as_this_nft_lists_them(tmp_path):
    path, held, sources, (address, port) = rules(tmp_path)
    held.write_text(f"add element ip order82_limits held {{ {sources['web']} }}\n")
    listed = json.loads(within(f"nft --file {path}; nft --json list ruleset ip"))["nftables"]
    names = {one: host for host, one in sources.items()}
    assert observer.in_force(listed, address, int(port), names) == {"limit_kilobytes": 10_000, "held": ["web"]}
    nothing = json.loads(within("nft --json list ruleset ip"))["nftables"]
    assert observer.in_force(nothing, address, int(port), names) == {"limit_kilobytes": 0, "held": []}


def test_the_receiver_has_them_whenever_it_starts_and_is_reloaded():
    unit = collector(NAMES).file(TEMPLATES / "order82-collect.service.j2", {})
    assert re.findall(r"^(Exec\w+)=([+-]*)/usr/sbin/nft --file /etc/order82/limits.nft$", unit, re.MULTILINE) == [
        ("ExecStartPre", "+-"),
        ("ExecReload", "+"),
    ]


def test_a_host_and_an_address_have_so_many_connections():
    front = collector(NAMES).file(TEMPLATES / "front.cfg.j2", {})
    assert "{ sc1_conn_cur gt 206 } or { sc1_conn_rate gt 206 }" in front
    assert "str(admitted) if { var(sess.host) -m found } !{ sc0_conn_cur gt 10 }" in front
