# SPDX-License-Identifier: GPL-3.0-or-later
"""Record lines: parsing, and what makes two arrivals the same record."""

from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import line

SENT = '[order82@32473 class="session" boot="b1" uid="0" audit="3"]'


def stored(at: str, marks: str = "") -> str:
    return f'[stored@32473 at="{at}" from="10.0.0.1" marks="{marks}"]'


def record(message: str = "hello", at: str = "2026-11-24T00:00:01Z", marks: str = "") -> str:
    return f"<86>1 2026-11-24T00:00:00.000001+00:00 web sshd 123 - {SENT}{stored(at, marks)} {message}"


def test_reads_every_part():
    found = line.parse(record("Accepted", marks="name clock"))
    assert (found.time, found.host, found.app, found.pid, found.message) == (
        "2026-11-24T00:00:00.000001+00:00",
        "web",
        "sshd",
        "123",
        "Accepted",
    )
    assert found.sent == {"class": "session", "boot": "b1", "uid": "0", "audit": "3"}
    assert found.stored["marks"] == "name clock"


def test_second_arrival_is_the_same_record():
    assert line.identity(record(at="2026-11-24T00:00:01Z")) == line.identity(record(at="2026-11-24T09:00:00Z"))


def test_what_was_sent_before_and_after_an_upgrade_is_the_same_record():
    after = record().replace(' audit="3"]', ' audit="3" claims="" login="1000" unit="dev-disk\\\\x2d1.mount"]')
    assert "unit" in line.parse(after).sent
    assert line.identity(after) == line.identity(record())
    assert line.identity(after + "x") != line.identity(record())


def test_sender_cannot_hide_a_difference_in_a_forged_element_of_its_own():
    forged = [record(f'x {SENT[:-1]} claims="" login="" unit="{unit}"]') for unit in "ab"]
    assert line.identity(forged[0]) != line.identity(forged[1])


def test_another_message_is_another_record():
    assert line.identity(record("one")) != line.identity(record("two"))


def test_sender_cannot_hide_a_difference_in_a_forged_stored_element():
    forged = record('x [stored@32473 at="1" from="y" marks=""] one')
    other = record('x [stored@32473 at="2" from="y" marks=""] one')
    assert line.identity(forged) != line.identity(other)


@pytest.mark.parametrize(
    "data",
    [
        '[order82@32473 class="session"]' + stored("1970-01-01T00:00:00Z", "forged"),
        '[order82@32473 class="session" x="' + stored("1970-01-01T00:00:00Z", "forged"),  # it never ends
        "x",  # what rsyslog takes for it where there is none
        "[x" + stored("1970-01-01T00:00:00Z", "forged") + "]y[z]",
        '[order82@32473 class="session"]' + stored("1970-01-01T00:00:00Z", "forged") + "[x",
        '[x y="\\] ' + stored("1970-01-01T00:00:00Z", "forged")[:-1] + "\\] ]",
    ],
)
def test_what_a_sender_says_in_the_collectors_name_is_not_the_collectors(data):
    """rsyslog takes for structured data what stands before the first ] with a space."""
    lines = [f"<14>1 2026-11-24T00:00:00Z web a - - {data}{stored(at, 'name')} text" for at in ("1", "2")]
    found = line.parse(lines[0])
    assert found.stored == {"at": "1", "from": "10.0.0.1", "marks": "name"}
    assert found.message == "text"
    assert line.identity(lines[0]) == line.identity(lines[1])


@pytest.mark.parametrize("head", ["web sshd  -", " sshd 1 -", "web  1 -", "web a\u3000b 1 -", "web sshd 1 "])
def test_a_sender_cannot_hide_a_record_by_a_field_of_its_head(head):
    found = line.parse(f"<invld>1 2026-11-24T00:00:00Z {head} {SENT}{stored('1', 'name class')} text")
    assert (found.sent["class"], found.stored["marks"], found.message) == ("session", "name class", "text")


def test_the_class_is_the_one_by_which_it_was_filed():
    found = line.parse(record().replace(SENT, SENT + SENT.replace("session", "disclosure")))
    assert found.sent["class"] == "session"


def test_a_record_without_a_text():
    found = line.parse(record("")[:-1])
    assert (found.message, found.stored["at"]) == ("", "2026-11-24T00:00:01Z")
    assert line.identity(record("")[:-1]) == line.identity(record("", at="2026-11-24T09:00:00Z")[:-1])


def test_text_of_others_is_no_record():
    assert line.parse("Nov 24 00:00:00 web sshd[1]: hello") is None


def test_escaped_quotes_in_structured_data():
    found = line.parse('<14>1 2026-11-24T00:00:00Z h a - - [x@1 k="a\\"b\\]c"]' + stored("t") + " m")
    assert found.message == "m"


def test_any_bytes_are_read(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(record("caf\u00e9").encode() + b"\n" + record("bad ").encode() + b"\xff\xfe\x0d\n")
    texts = list(line.read(path))
    assert len(texts) == 2
    assert texts[1].encode("utf-8", "surrogateescape").endswith(b"\xff\xfe\x0d")
