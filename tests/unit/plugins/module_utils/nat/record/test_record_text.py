# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.plan import plan_id
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import record_text

ENTRY = "6,100.64.0.7,51234,198.51.100.10,1024,1789999990.123,1790000060.345"
COUNTS = {"open": 812, "begun": 10412, "ended": 9600, "lost": 0}


def test_every_text_of_a_stream_is_read_back():
    stream = record_text.Stream(1790000000123)
    assert record_text.parse(stream.beat(1790000060000, None, COUNTS, 12)) == (
        "beat",
        {
            "run": "1790000000123",
            "seq": "1",
            "at": "1790000060.000",
            "plan": "none",
            **{name: str(value) for name, value in COUNTS.items()},
            "clock": "0.012",
        },
        [],
    )
    kind, pairs, entries = record_text.parse(stream.flows(1790000061004, [ENTRY, ENTRY]))
    assert (kind, pairs["seq"], pairs["n"], entries) == ("flows", "2", "2", [ENTRY, ENTRY])
    assert record_text.parse(stream.stop(1790000062000))[1]["seq"] == "3"
    assert record_text.parse(record_text.epoch("9f2c4e1ab0d35577", "end", 1790000062001))[1]["end"] == "1790000062.001"


def test_a_plan_is_cut_into_texts_and_known_by_its_entries_alone():
    entries = [f"block,homes,100.64.{n // 250}.{n % 250},198.51.100.10,{n},{n}" for n in range(1024, 1524)]
    texts = record_text.Stream(1).plan(entries)
    read = [record_text.parse(text) for text in texts]
    assert len(texts) > 1
    assert [entry for one in read for entry in one[2]] == entries
    assert {one[1]["id"] for one in read} == {plan_id(reversed(entries))}
    assert all(len(text) < 8192 for text in texts)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text.replace("51234", "51235"), "CRC-32"),
        (lambda text: text[:-5], "CRC-32"),
        (lambda text: text.replace("n=1 ", "n=2 "), "1 entries, not 2"),
        (lambda text: "nonsense " + text, "no text"),
    ],
)
def test_a_damaged_text_is_refused(damage, reason):
    text = record_text.Stream(1790000000123).flows(1790000061004, [ENTRY])
    with pytest.raises(record_text.TextError, match=reason):
        record_text.parse(damage(text))
