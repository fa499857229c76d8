# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's ClickHouse gives the candidates that the index gives: the very SQL of docs/clickhouse.md, in its engine."""

from __future__ import annotations

import collections
import json
import pathlib
import random
import re

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat import times
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer.tracer import Tracer
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import catalogue
from by_hand import DAY, NOON, Gateway, flow, question
from chdb import session

PAGE = pathlib.Path(__file__).parents[6] / "docs" / "clickhouse.md"
STATEMENTS = re.findall(r"^```sql\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
TABLES = [one for one in STATEMENTS if one.startswith("CREATE")]
LOAD = [one for one in STATEMENTS if one.startswith(("ALTER", "INSERT"))]
[QUESTION] = [one for one in STATEMENTS if one.startswith("WITH")]
BEGIN, MIDNIGHT, END = NOON - DAY // 2, NOON + DAY // 2, NOON + DAY * 3 // 2 - 60000
KILLED, AGAIN = MIDNIGHT + DAY // 4, MIDNIGHT + DAY // 4 + 1800000
SNAPSHOT = 30000
QUESTIONS = 255
ICMP, TCP, UDP = 1, 6, 17


class Translation:
    """One that a gateway made, and how it is written."""

    def __init__(self, inside, public, begin, end, *, protocol, destination):
        self.address, self.port = public
        self.begin, self.end, self.protocol = begin, end, protocol
        self._is = (inside, public, begin)
        self._more = {"protocol": protocol, "destination": destination}

    def written(self, until, again):
        """When it is written, and what; C(again) are the times at which all that is open is."""
        last = min(self.end, until)
        for when in (self.begin + SNAPSHOT + 1000, *again):
            if self.begin < when < last:
                yield when, flow(*self._is, None, **self._more)
        if self.end < until and self.begin % 10:  # of one in ten the end is lost, while the recorder goes on
            yield self.end + 20, flow(*self._is, self.end, **self._more)


def translations(dice, publics, insides, ports, protocols):
    """Each port is had by one after the other, for a millisecond to half a day; some to two destinations at once."""
    other = "2001:db8:5::%x" if ":" in publics[0] else "192.0.2.%d"
    for public in publics:
        for port in ports:
            for protocol in protocols:
                now = BEGIN + dice.randrange(4 * 3600000)
                while now < END - 600000:
                    lasted = int(min(dice.lognormvariate(12, 3), DAY / 2))
                    inside = dice.choice(insides), dice.randrange(1024, 65536)
                    to = (other % dice.randrange(1, 200), 443) if dice.random() < 0.4 else None
                    yield Translation(inside, (public, port), now, now + lasted, protocol=protocol, destination=to)
                    if to and dice.random() < 0.3:
                        second = dice.choice(insides), dice.randrange(1024, 65536)
                        to = (other % dice.randrange(200, 250), 53)
                        yield Translation(
                            second, (public, port), now + lasted // 3, now + lasted, protocol=protocol, destination=to
                        )
                    now += lasted + dice.choice((1, 2, 999, 60000, dice.randrange(8 * 3600000)))


def write(gateway, those, until, again=()):
    """Write what a recorder writes until it is killed, in texts of about half a minute."""
    texts = collections.defaultdict(list)
    for one in those:
        for when, entry in one.written(until, again):
            # What is written at midnight says the new day.
            texts[when if when in again else min(-(-when // 30000) * 30000 - 1, until)].append(entry)
    for when, entries in sorted(texts.items()):
        gateway.flows(when, *entries)
    gateway.beats_until(until)


@pytest.fixture
def recorded(store):
    """Two days of two gateways, of which one is killed and comes again, and one is new on the second day."""
    dice = random.Random(82)
    insides = [f"100.64.{third}.{fourth}" for third in range(4) for fourth in range(1, 40)]
    six = [f"2001:db8:a::{number:x}" for number in range(1, 40)]
    four = list(
        translations(dice, ["203.0.113.1", "203.0.113.2"], insides, range(4000, 4060), (TCP, UDP, ICMP))
    ) + list(translations(dice, ["2001:db8:ffff::1"], six, range(4000, 4020), (TCP, UDP)))
    midnight = MIDNIGHT + 500
    one = Gateway(store, name="west", run=BEGIN)
    one.begin()
    before = [each for each in four if each.begin < KILLED]
    write(one, before, KILLED, (midnight,))
    again = Gateway(store, name="west", run=AGAIN)
    again.begin()
    after = [each for each in four if each.begin >= AGAIN]
    write(again, after, END)
    # Named before the other, so that the numbers of gateways are not the same on both days.
    new = Gateway(store, name="east", run=MIDNIGHT + 3600000)
    new.begin()
    late = [
        each
        for each in translations(dice, ["203.0.113.9"], insides, range(5000, 5030), (TCP, UDP))
        if each.begin > MIDNIGHT + 3600000
    ]
    write(new, late, END)
    return before + after + late


@pytest.fixture
def house(tmp_path):
    with session.Session(str(tmp_path / "house")) as engine:
        engine.query("SET max_threads = 1")  # hundreds of small questions: threads cost more than they bring
        for statement in TABLES:
            engine.query(statement)
        yield engine


def load(house, folder, name):
    path = pathlib.Path(folder) / name
    there = {
        "day": path.stem,
        "catalogue": str(path),
        "folder": str(path.parent / json.loads(path.read_text())["folder"]),
    }
    for statement in LOAD:
        house.query(statement, params={key: value for key, value in there.items() if "{%s:" % key in statement})


def said(house, one):
    """The candidates that ClickHouse gives."""
    rows = house.query(
        QUESTION,
        "JSONEachRow",
        params={
            "address": one.asked["public_address"],
            "port": r"\N" if one.port is None else one.port,
            "protocol": r"\N" if one.protocol is None else one.protocol,
            "since": one.span[0],
            "until": one.span[1],
        },
    ).data()
    found = [json.loads(row) for row in rows.splitlines()]
    return sorted(
        [dict(row, begin=times.iso(int(row["begin"])), end=times.iso(row["end"] and int(row["end"]))) for row in found],
        key=repr,
    )


def known(candidates):
    """The candidates of an answer of order82 trace, with what ClickHouse tells of each."""
    columns = (
        *("gateway", "protocol", "public_address", "public_port", "inside_address", "inside_port", "begin", "end"),
        *("destination_address", "destination_port"),
    )
    return sorted([{name: one[name] for name in columns} for one in candidates], key=repr)


def questions(dice, those):
    """Of translations: at the first, the last and another millisecond, and just outside."""
    for one in dice.choices(those, k=QUESTIONS):
        last = min(one.end, END)
        when = min(dice.choice((one.begin, one.begin - 1, last, last + 1, dice.randint(one.begin, last))), END)
        address = one.address.upper().replace("::", ":0::") if dice.random() < 0.3 else one.address
        yield question(
            address,
            port=None if dice.random() < 0.1 else one.port,
            when=when,
            tolerance=dice.choice((0, 0, 1, 60)),
            protocol=None if dice.random() < 0.3 else one.protocol,
        )


def test_clickhouse_has_the_candidates_of_the_index(store, built, recorded, house):
    folder = built()
    days = catalogue.load(folder)
    assert len(days) == 2 and days[0].gateways != days[1].gateways
    for day in (*days, days[1]):  # a day that is loaded again counts once
        load(house, folder, f"{day.name}.json")
    rows = [sum(span[0] for span in day.flows.values()) for day in days]
    assert min(rows) > 1000
    assert int(house.query("SELECT count() FROM nat_flow").data()) == sum(rows)
    asked = list(questions(random.Random(8), recorded))
    with Tracer(str(store), folder, with_evidence=False) as tracer:
        answers = tracer.ask(asked)
    expected = [known(one["candidates"]) for one in answers]
    assert [said(house, one) for one in asked] == expected
    kinds = collections.Counter(min(len(one), 2) for one in expected)
    assert all(kinds[number] > 20 for number in range(3)), kinds
    found = [one for those in expected for one in those]
    for wanted in (
        lambda one: one["end"] is None,
        lambda one: one["protocol"] == ICMP,
        lambda one: ":" in one["public_address"],
        lambda one: one["destination_port"] == 53,
        lambda one: one["begin"] < times.iso(MIDNIGHT) < (one["end"] or ""),
        lambda one: one["gateway"] == "east",
    ):
        assert sum(map(wanted, found)) > 10


def test_the_least_form_of_an_index_is_refused(store, gateway, built, house):
    gateway.flows(NOON, flow(("100.64.0.7", 50000), ("203.0.113.1", 4000), NOON - 9300, NOON - 10))
    folder = built(least=True)
    with pytest.raises(Exception, match="inside_port"):
        load(house, folder, f"{catalogue.load(folder)[0].name}.json")
