# SPDX-License-Identifier: GPL-3.0-or-later
"""10,000 hostile messages by each way, while a collector is killed: none is lost, and none lies where its sender may not write.

What of them becomes several records or none, by design, stands in tests/hosts/hostile_messages.py. The seed of a run is
in the message of each failure.
"""

from __future__ import annotations

import base64
import json
import shlex
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import sources

from ..conftest import HANG, READ, Lab, until
from ..hostile_messages import CLASSES, Message, has_a_time
from .test_attacks_classes import ACCOUNT, HOSTS, as_www_data
from .test_hostile import COLLECTORS, HOST_KEY

COUNT = 10_000
WAYS = ("log", "native", "stream")
TAKEN_OVER = "vault"
TOTAL = COUNT * (len(WAYS) * len(HOSTS) + 1)
KILLED = "collector1"
DAEMONS = ("order82-collect", "order82-front") * 2
IN_BETWEEN = 2
"""Kills that come before all is there for certain, since it is sent no faster."""
SOURCES = Path(__file__).parents[1]
NAMES = sorted({name.replace("*", "x") for source in sources.TABLE for name in source.names})


class Sent(NamedTuple):
    """What was sent with a seed; C(again): by collector, the numbers that the host sent it more than once."""

    seed: str
    again: dict[str, set[int]]
    found: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def sent(lab: Lab) -> Iterator[Sent]:
    """All of it is sent at once, from three hosts, and is there."""
    seed = f"mark-{uuid.uuid4().hex[:12]}"
    program = f"/var/tmp/{seed}.py"
    names = ",".join(NAMES)
    text = base64.b64encode((SOURCES / "hostile_messages.py").read_bytes()).decode()
    for host in (*HOSTS, TAKEN_OVER):
        lab.do(host, f"echo {text} | base64 -d >{program}")
    unit = f"systemd-run --quiet --wait --pipe --collect --uid=www-data python3 {program}"
    jobs = [(host, f"{unit} {way} {COUNT} {seed}.{host} {names}") for host in HOSTS for way in WAYS]
    jobs += [
        (TAKEN_OVER, f"python3 {program} relp {COUNT} {seed}.{TAKEN_OVER} {names} {address} {' '.join(HOST_KEY)}")
        for address in COLLECTORS.values()
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        sending = [pool.submit(lab.do, *job) for job in jobs]
        there = 0
        for kill, daemon in enumerate(DAEMONS):
            there = until(HANG, lambda before=there: more(lab, seed, before), f"what comes after kill {kill} ({seed})")
            assert there < TOTAL or kill >= IN_BETWEEN, "all was there before it was to be killed"
            lab.do(KILLED, f"systemctl kill --signal=KILL {daemon}.service")
        said = [json.loads(one.result()) for one in sending]
    for collector in COLLECTORS:
        arrived = f"not all of {TOTAL} numbers of {seed} on {collector}"
        until(HANG, lambda at=collector: numbers(lab, at, seed) == TOTAL, arrived)
    again = dict(zip(COLLECTORS, map(set, said[-len(COLLECTORS) :]), strict=True))
    judge = base64.b64encode((Path(__file__).parent / "count_on_collector.py").read_bytes()).decode()
    count = f"echo {judge} | base64 -d | PYTHONPATH=/usr/bin/order82 python3 - {seed}"
    with ThreadPoolExecutor(len(COLLECTORS)) as pool:
        found = dict(zip(COLLECTORS, map(json.loads, pool.map(lambda at: lab.do(at, count), COLLECTORS)), strict=True))
    yield Sent(seed, again, found)
    for host in (*HOSTS, TAKEN_OVER):
        lab.do(host, f"rm {program}")
    lab.green()


def numbers(lab: Lab, collector: str, seed: str) -> int:
    """How many different messages a collector has, in all classes, under whatever name."""
    pattern = f"{seed}[.][a-z]+[.][a-z]+[.][0-9]{{5}}[.]"
    return int(
        lab.do(
            collector,
            f"{READ} /srv/records/*/*/*.log* | LC_ALL=C grep -aoE '{pattern}' | LC_ALL=C sort -u | wc -l",
        )
    )


def more(lab: Lab, seed: str, before: int) -> int:
    """How many the collector has that is killed, or 0 if it has no more than before."""
    found = numbers(lab, KILLED, seed)
    return found if found > before or found == TOTAL else 0


def claims(name: str) -> set[str]:
    """What an account's message may claim, by the name that is in its record."""
    for source in sources.TABLE:
        if sources.fits(name, source.names):
            if any(one.startswith("/usr/bin/python3") for one in source.own):
                return {""}  # anybody may run it for himself, and it is said of no other
            claimed = source.record_class if source.record_class != "system" else source.words[0].record_class
            # Whether it was the true program, nobody can tell where it ended too soon: of su, sudo, passwd and sshd.
            unsure = {claimed + sources.UNKNOWN} if source.own or any(one.caller for one in source.by) else set()
            return {claimed} | unsure
    return {""}


@pytest.mark.parametrize("host", HOSTS)
def test_none_of_an_account_is_lost_or_lies_in_a_class_that_is_not_its_own(lab: Lab, sent: Sent, host: str) -> None:
    for collector in COLLECTORS:
        for way in WAYS:
            found = sent.found[collector][f"{host}.{way}"]
            where = f"{sent.seed}.{host}.{way} on {collector}"
            assert found["numbers"] == list(range(COUNT)), where
            assert found["several"] == {}, where
            assert found["mixed"] == [], where
            assert found["places"] == [["system", f"{host}.log"]], where
            assert found["senders"] == [[ACCOUNT, host]], where
            false = [one for one in found["claims"] if one[1] not in claims(one[0])]
            assert false == [], where
            assert len({claimed for _name, claimed in found["claims"]}) >= len(CLASSES) - 1, (
                f"little was tried: {where}"
            )


@pytest.mark.parametrize("host", HOSTS)
def test_no_account_writes_to_the_kernels_log(lab: Lab, host: str, mark: str) -> None:
    """The one way into the journal by which nothing is said of the sender."""
    for path in ("/dev/kmsg", "/proc/kmsg"):
        with pytest.raises(AssertionError, match="Permission denied"):
            as_www_data(lab, host, f"echo {shlex.quote(f'<13>sshd[1]: {mark}')} >{path}")


def test_none_of_a_host_is_lost_or_lies_under_anothers_name(lab: Lab, sent: Sent) -> None:
    """Its root may write any class but one, in its own name; a message without a time is another one each time."""
    for collector in COLLECTORS:
        found = sent.found[collector][f"{TAKEN_OVER}.relp"]
        where = f"{sent.seed}.{TAKEN_OVER}.relp on {collector}"
        assert found["numbers"] == list(range(COUNT)), where
        timeless = {
            number
            for number in sent.again[collector]
            if not has_a_time(Message(f"{sent.seed}.{TAKEN_OVER}", "relp", number, NAMES))
        }
        assert {int(number) for number in found["several"]} <= timeless, where
        assert found["mixed"] == [], where
        assert {name for _class, name in found["places"]} == {f"{TAKEN_OVER}.log"}, where
        assert {record_class for record_class, _name in found["places"]} == {*CLASSES} - {"nat_mapping"}, where
        assert {origin for _uid, origin in found["senders"]} <= {TAKEN_OVER}, where
