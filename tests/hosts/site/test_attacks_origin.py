# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks on the origin of records: another host's address is no help, and no account of a collector gets past the front."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest

from ..conftest import HANG, Lab, until
from .test_hostile import CLIENT, COLLECTORS, HOST_KEY, keep_message, send

VAULT = "10.82.3.13"
COUNT = 20_000
KILLS = 6
COLLECTOR = "collector1"
DAEMONS = ("order82-front", "order82-collect")


@pytest.fixture
def vaults_address(lab: Lab) -> Iterator[None]:
    """web has the address of the vault, which is out of reach, and goes to a collector from it."""
    lab.baseline("cut", "vault", "inside")
    try:
        lab.do(
            "web",
            f"ip address add {VAULT}/32 dev inside; ip route add {COLLECTORS[COLLECTOR]} dev inside src {VAULT}; "
            f"systemctl restart order82-forward@{COLLECTOR}",
        )
        lab.do(COLLECTOR, "ip neighbour flush dev inside")
        yield
    finally:
        lab.do(
            "web",
            f"ip route del {COLLECTORS[COLLECTOR]} dev inside; ip address del {VAULT}/32 dev inside",
            ok=(0, 1, 2),
        )
        lab.baseline("mend", "vault", "inside")
        for host in ("web", *COLLECTORS):
            lab.do(host, "ip neighbour flush dev inside")
        lab.do("web", f"systemctl restart order82-forward@{COLLECTOR}")
    lab.green()


def test_who_takes_anothers_address_writes_in_his_own_name(lab: Lab, vaults_address: None, mark: str) -> None:
    lab.do("web", f"logger -t probe {mark}")
    came = f"admitted: web from ::ffff:{VAULT} "
    until(HANG, lambda: lab.records(COLLECTOR, "measure_state", COLLECTOR, came), "web, from the vault's address")
    until(HANG, lambda: lab.records(COLLECTOR, "system", "web", mark), "the record in web's file")
    line = f"<14>1 2026-11-24T00:00:00Z vault a - - - forged {mark}".encode()
    assert send(lab, "web", COLLECTOR, *HOST_KEY, line) == (0, "OK\n")
    until(HANG, lambda: lab.records(COLLECTOR, "system", "web", f"forged {mark}"), "what says that it is the vault's")
    assert lab.records(COLLECTOR, "system", "vault", mark) == []


@pytest.mark.parametrize("collector", COLLECTORS)
def test_the_certificate_stands_in_the_record(lab: Lab, collector: str, mark: str) -> None:
    _raw, record = keep_message(lab, collector, f"<14>1 2026-11-24T00:00:00Z web a - - - {mark}".encode(), mark)
    assert record.stored["from"] == "vault"
    assert "name" in record.stored["marks"].split()


@pytest.mark.parametrize("collector", COLLECTORS)
def test_no_account_of_a_collector_reaches_the_receiver(lab: Lab, collector: str, mark: str) -> None:
    [meeting] = set(re.findall(r"server receiver (\S+):2514", lab.do(collector, "cat /etc/order82/front.cfg")))
    process = lab.do(collector, "systemctl show -P MainPID order82-collect").strip()
    there = "ss -Hltn 'sport = 2514'"
    assert f"{meeting}:2514" in lab.do(collector, f"nsenter --net --target {process} {there}")
    assert meeting not in lab.do(collector, there)

    client = f"/var/tmp/{mark}.py"
    message = f"<14>1 2026-11-24T00:00:00Z web a - - - {mark}".encode().hex()
    as_them = "runuser -u www-data --"
    lab.do(collector, f"echo {base64.b64encode(CLIENT).decode()} | base64 -d >{client}; chmod 0644 {client}")
    try:
        for address in (meeting, "127.0.0.1", COLLECTORS[collector]):
            done = lab.host(collector).run(f"{as_them} python3 {client} {address} 2514 plain plain {message}")
            assert done.rc != 0, address
            assert "OK" not in done.stdout, address
        for words in (f"nsenter --net=/proc/{process}/ns/net", f"nsenter --user --net --target {process}"):
            assert lab.host(collector).run(f"{as_them} {words} true").rc != 0, words
    finally:
        lab.do(collector, f"rm {client}")
    assert lab.records(collector, "system", "web", mark) == []


def test_nothing_is_lost_when_front_and_receiver_are_killed(lab: Lab, mark: str) -> None:
    """One after the other, in mid-stream; and in between the front is started anew, as a new list makes it."""
    lab.do(
        "web",
        f"systemd-run --quiet --collect --unit origin-{mark} "
        f"sh -c 'seq -f \"number %.0f of {mark}\" {COUNT} | systemd-cat -t origin'",
    )
    there = 0
    for kill in range(KILLS):
        there = until(HANG, lambda before=there: more(lab, mark, before), f"what comes after kill {kill}")
        lab.do(COLLECTOR, f"systemctl kill --signal=KILL {DAEMONS[kill % 2]}.service; touch /etc/order82/admitted.map")
    for collector in COLLECTORS:
        until(HANG, lambda at=collector: lab.numbers(at, "web", mark) == COUNT, f"{COUNT} numbers on {collector}")
    lab.green()


def more(lab: Lab, mark: str, before: int) -> int:
    """How many numbers the collector has, or 0 if it has no more than before."""
    found = lab.numbers(COLLECTOR, "web", mark)
    return found if found > before or found == COUNT else 0
