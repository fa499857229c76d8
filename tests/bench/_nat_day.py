# SPDX-License-Identifier: GPL-3.0-or-later
"""A day of NAT records of one gateway, as the recorder writes them, with sessions that are made up.

20,000 subscribers (zipf 0.8) are behind 64 public addresses, with random ports (the worst case for compression); times are
in milliseconds, and lines in order of end.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
sys.path.insert(0, str(PLUGINS))

from module_utils.nat import times
from module_utils.nat.index import duckdb_engine
from module_utils.nat.plan import plan_id
from module_utils.nat.record import record_text

DAY = datetime.date(2026, 9, 21)
BEGIN = times.start(DAY.isoformat())
SUBSCRIBERS, PUBLIC, DESTINATIONS = 20000, 64, 200000
SLICE = 500_000


def write_day(folder: Path, records: int, destinations: bool, also=None) -> None:
    """Write a day of records of one gateway.

    :param folder: the store.
    :param also: gets the sessions of each part as numbers.
    """
    base = duckdb_engine.connect(threads=2, memory="1GB")
    base.execute("select setseed(0.82)")
    base.execute(
        "create table subscribers as select i::integer as i, (100::ubigint << 24) + (64 << 16) + i + 2 as inside, "
        f"(203::ubigint << 24) + (113 << 8) + floor(random() * {PUBLIC})::integer as public from range({SUBSCRIBERS}) t(i)"
    )
    slices = max(1, records // SLICE)
    path = folder / "nat_mapping" / DAY.isoformat() / "gateway.log"
    path.parent.mkdir(parents=True)
    stream = record_text.Stream(BEGIN)
    plan = [f"shared,homes,100.64.0.0/10,203.0.113.{number},1024,65535" for number in range(PUBLIC)]
    name = plan_id(plan)
    with path.open("wb", buffering=1 << 20) as file:

        def put(text: str, at: int) -> None:
            moment = datetime.datetime.fromtimestamp(at // 1000, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
            file.write(
                (
                    f"<30>1 {moment}.{at % 1000:03}417+00:00 gateway order82-nat-mapping 812 - [order82@32473 "
                    f'class="nat_mapping" boot="0123456789abcdef0123456789abcdef" uid="997" audit=""][stored@32473 '
                    f'at="{moment}.{at % 1000:03}771+00:00" from="10.82.1.1" marks=""] {text}\n'
                ).encode("ascii")
            )

        put(record_text.epoch(name, "begin", BEGIN), BEGIN)
        for text in stream.plan(plan):
            put(text, BEGIN)
        beat = BEGIN
        for number in range(slices):
            span = [BEGIN + times.DAY * (number + add) // slices for add in (0, 1)]
            count = records * (number + 1) // slices - records * number // slices
            make_part(base, count, span)
            if also:
                also(base)
            for at, text in lists(base, destinations):
                while beat <= at:
                    put(stream.beat(beat, name, {"open": 0, "begun": 0, "ended": 0, "lost": 0}), beat)
                    beat += 60000
                put(stream.flows(at, text.split(";")), at)
        put(stream.stop(BEGIN + times.DAY - 1), BEGIN + times.DAY - 1)
    base.close()


def make_part(base, count: int, span: list[int]) -> None:
    """The sessions that end in a span, as numbers in the table part."""
    base.execute(
        f"""create or replace temp table part as with drawn as (
          select {span[0]} + floor(random() * {span[1] - span[0]})::bigint as "end",
            floor(pow((pow({SUBSCRIBERS}, 0.2) - 1) * random() + 1, 5))::integer - 1 as who,
            case when random() < .7 then 6 else 17 end as protocol,
            1024 + floor(random() * 64512)::integer as inside_port,
            1024 + floor(random() * 64512)::integer as public_port,
            least(exp(9.5 + 1.6 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())), 3600000)::bigint as lasted,
            (45::ubigint << 24) + (floor(pow({DESTINATIONS}, random()))::bigint * 2654435761) % 16777216 as destination,
            [443, 443, 443, 443, 443, 443, 443, 80, 53, 123][1 + floor(random() * 10)::integer] as destination_port
          from range({count}))
        select drawn.*, inside, public, row_number() over (order by "end") - 1 as number
        from drawn join subscribers on i = who"""
    )


def lists(base, destinations: bool) -> list[tuple[int, str]]:
    """The lists of a part, each of one second at the most: when it was written, and its text."""

    def dotted(name: str) -> str:
        return " || '.' || ".join(f"(({name} >> {shift}) & 255)" for shift in (24, 16, 8, 0))

    def seconds(name: str) -> str:
        return f"(({name}) // 1000) || '.' || lpad((({name}) % 1000)::varchar, 3, '0')"

    fields = ["protocol", dotted("inside"), "inside_port", dotted("public"), "public_port"]
    fields += [seconds('"end" - lasted'), seconds('"end"')]
    fields += [dotted("destination"), "destination_port"] if destinations else []
    entry = " || ',' || ".join(fields)
    most = 85 if destinations else 108
    return base.execute(
        f"""select max("end"), string_agg({entry}, ';' order by number) from (
          select *, (row_number() over (partition by "end" // 1000 order by number) - 1) // {most} as list from part)
        group by "end" // 1000, list order by "end" // 1000, list"""
    ).fetchall()
