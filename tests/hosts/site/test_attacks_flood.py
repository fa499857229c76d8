# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a good certificate sends without end, fills the store or opens connections: it harms itself, and nobody else."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterator

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import line

from ..conftest import HANG, READ, Lab, until
from ..drift import red
from .test_hostile import CLIENT, COLLECTORS, HOST_KEY

COLLECTOR, OTHER = "collector1", "collector2"
LIMIT, BURST = 10_000_000, 1_000_000
"""Bytes a second, twice log_collector_rate_kilobytes, and what may come at once besides a second's worth."""
MESSAGES, SIZE = 240, 250_000
CONNECTIONS = 10
NUMBERS = 2000
SETTINGS = "/etc/order82/records.json"
# A start joins a run that is under way, which may have read the settings before: the second one is a run of its own.
TEND = "systemctl reset-failed order82-records.service; " + "systemctl start order82-records.service; " * 2
KNOCKS = """
import socket, ssl, sys
address, count, cert, key = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.load_cert_chain(cert, key)
offers, let_in, kept = b"relp_version=0\\nrelp_software=probe\\ncommands=syslog", 0, []
for _number in range(count):
    stream = context.wrap_socket(socket.create_connection((address, 2514), timeout=10))
    kept.append(stream)
    try:
        stream.sendall(b"1 open %d %s\\n" % (len(offers), offers))
        let_in += b" 200 " in stream.recv(65536)
    except OSError:
        pass
print(let_in)
"""


def filed(lab: Lab, host: str, mark: str) -> list[datetime.datetime]:
    """When the collector took each of a host's records with this mark, in their order."""
    # Only the heads: the messages are large.
    heads = lab.do(COLLECTOR, f"{READ} /srv/records/system/*/{host}.log* | grep -aF {mark} | cut -c -600").splitlines()
    records = [line.parse(one) for one in heads]
    return [datetime.datetime.fromisoformat(one.stored["at"]) for one in records if one]


def test_a_flood_is_slowed_down_and_keeps_nobody_up(lab: Lab, mark: str) -> None:
    """By the collector's own clock. All that was acknowledged is there."""
    message = f"<14>1 2026-11-24T00:00:00Z vault a - - - flood {mark} x".encode().hex()
    encoded = base64.b64encode(CLIENT).decode()
    lab.do("vault", f"echo {encoded} | base64 -d >/root/relp_client.py")
    words = f"{COLLECTORS[COLLECTOR]} 2514 {' '.join(HOST_KEY)} $(yes '{message}*{SIZE}' | head -n {MESSAGES} | paste -sd ' ')"
    lab.do(
        "vault",
        f'systemd-run --quiet --unit flood-{mark} -p StandardOutput=file:/root/flood sh -c "python3 /root/relp_client.py {words}"',
    )
    until(HANG, lambda: filed(lab, "vault", mark), "the beginning of the flood")
    lab.do("web", f"logger -t probe {mark}")
    of_web = until(HANG, lambda: filed(lab, "web", mark), "a record of another host")
    until(
        HANG,
        lambda: lab.host("vault").run(f"systemctl is-active flood-{mark}").stdout.strip() in ("inactive", "failed"),
        "the end of the flood",
    )
    lab.do("vault", f"systemctl reset-failed flood-{mark}", ok=(0, 1))

    acknowledged = lab.do("vault", "cat /root/flood; rm /root/flood").split()
    assert acknowledged == ["OK"] * MESSAGES
    times = filed(lab, "vault", mark)
    assert len(times) == MESSAGES
    seconds = (times[-1] - times[0]).total_seconds()
    assert LIMIT * (seconds + 1) + BURST >= (MESSAGES - 1) * SIZE
    assert of_web[0] < times[-1], "it did not wait for the end of the flood"
    lab.green()


def test_a_host_has_so_many_connections_and_others_come_in(lab: Lab, mark: str) -> None:
    refused = f"{READ} /srv/records/security_event/*/{COLLECTOR}.log* | grep -acF 'refused: vault from' || true"
    before = int(lab.do(COLLECTOR, refused))
    lab.do("vault", f"echo {base64.b64encode(KNOCKS.encode()).decode()} | base64 -d >/root/knocks.py")
    words = f"python3 /root/knocks.py {COLLECTORS[COLLECTOR]} {3 * CONNECTIONS} {' '.join(HOST_KEY)}"
    let_in = int(lab.do("vault", f"{words}; rm /root/knocks.py"))
    assert 0 < let_in <= CONNECTIONS
    until(HANG, lambda: int(lab.do(COLLECTOR, refused)) > before, "the refusals")
    lab.do("vault", f"logger -t probe {mark}")
    lab.arrived("system", "vault", mark)
    lab.green()


@pytest.fixture
def crowder(lab: Lab) -> Iterator[str]:
    """The host that has most on a collector, and more than its share: between it and the next."""
    stored: dict[str, int] = {}
    listed = lab.do(COLLECTOR, "find /srv/records -name '*.log*' -type f -printf '%f %s\\n'")
    for row in listed.splitlines():
        name, size = row.rsplit(" ", 1)
        host = name.partition(".log")[0]
        stored[host] = stored.get(host, 0) + int(size)
    (next_one, _), (most, name) = sorted((size, host) for host, size in stored.items())[-2:]
    blocks, size = lab.do(COLLECTOR, "stat -f -c '%b %S' /srv/records").split()
    percent = 100 * (next_one + most) / 2 / (int(blocks) * int(size))
    with lab.still(COLLECTOR, "order82-records.timer"):
        lab.do(
            COLLECTOR,
            f"cp -a {SETTINGS} {SETTINGS}.was; sed -Ei 's/(\"share_percent\": *)[0-9.]+/\\1{percent:.12f}/' {SETTINGS}; {TEND}",
        )
        try:
            yield name
        finally:
            lab.do(COLLECTOR, f"mv {SETTINGS}.was {SETTINGS}; {TEND}")
    lab.green()


def held(lab: Lab) -> list[str]:
    """Who is held back, by the inspection of that collector; nobody where the check is green."""
    result = lab.look([COLLECTOR])
    seen = [one for one in result["results"] if one["check"] == "log_collector.shares"]
    assert len(seen) == 1
    wrong = "log_collector.shares" in red(result).get(COLLECTOR, ())
    return (seen[0]["observed"] or {}).get("held", []) if wrong else []


def test_who_has_more_than_his_share_waits_and_loses_nothing(lab: Lab, crowder: str, mark: str) -> None:
    until(HANG, lambda: held(lab) == [crowder], f"{crowder} is held back")
    until(
        HANG,
        lambda: lab.records(OTHER, "measure_state", COLLECTOR, f"alarm: {crowder} has "),
        "the alarm, on the other collector, too",
    )
    another = next(host for host in ("web", "vault") if host != crowder)
    lab.do(crowder, f"seq -f 'number %.0f of {mark}' {NUMBERS} | systemd-cat -t crowd")
    until(HANG, lambda: lab.numbers(OTHER, crowder, mark) == NUMBERS, "all numbers on the other collector")
    lab.do(another, f"logger -t probe {mark}")
    lab.arrived("system", another, mark)
    assert lab.numbers(COLLECTOR, crowder, mark) == 0

    lab.do(COLLECTOR, f"cp -a {SETTINGS}.was {SETTINGS}; {TEND}")
    until(HANG, lambda: lab.numbers(COLLECTOR, crowder, mark) == NUMBERS, "all numbers once it is let in again")
    until(HANG, lambda: held(lab) == [], "nobody is held back")
