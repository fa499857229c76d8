# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import commands, request
from by_hand import NOON


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-09-22T12:00:00Z", 0, 999),
        ("2026-09-22 20:00:00+08:00", 0, 999),
        ("2026-09-22T20:00:00.250 +0800", 250, 250),
        ("2026-09-22T20:00:00.2+0800", 200, 299),
        ("2026-09-22T12:00Z", 0, 59999),
    ],
)
def test_a_time_means_all_that_it_leaves_open(text, since, until):
    assert request.span_of(text) == (NOON + since, NOON + until)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-09-22T12:00:00", "has no offset"),
        ("yesterday", "is none"),
        ("2026-02-30T12:00:00Z", "not in the calendar"),
    ],
)
def test_a_time_that_can_not_be_used_says_why(text, reason):
    with pytest.raises(request.RequestError, match=reason):
        request.span_of(text)


def test_values_are_read_as_they_are_written():
    one = request.request(
        " 203.0.113.1 ", port="4000", protocol="TCP", time="2026-09-22T12:00:00Z", tolerance_seconds="2.5"
    )
    assert one[:6] == ("203.0.113.1", 4000, 6, NOON, NOON + 999, 2500)
    assert one.span == (NOON - 2500, NOON + 3499)
    assert request.request("2001:DB8::0:1").address == "2001:db8::1"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"address": "203.0.113"}, "public_address: '203.0.113' is no IP address"),
        ({"port": "70000"}, "public_port: '70000' is no port"),
        ({"port": "-1"}, "public_port"),
        ({"protocol": "sctpx"}, "protocol: 'sctpx' is none; icmp, tcp, udp, icmpv6 or a number"),
        ({"tolerance_seconds": "many"}, "tolerance_seconds: 'many' is no number"),
        ({"tolerance_seconds": -1}, "not within 0 and 86400"),
        ({"tolerance_seconds": "nan"}, "not within"),
        ({"destination_address": "x"}, "destination_address"),
        ({"destination_port": "x"}, "destination_port"),
    ],
)
def test_a_wrong_value_is_named(values, reason):
    with pytest.raises(request.RequestError, match=reason):
        request.request(**{"address": "203.0.113.1", "time": "2026-09-22T12:00:00Z", **values})


def test_a_csv_file_is_read():
    text = (
        "\ufefftime,public_address,public_port,tolerance_seconds\r\n"
        "2026-09-22T12:00:00Z,203.0.113.1,4000,\r\n"
        "2026-09-22T12:00:00Z,203.0.113.2,,5\r\n"
    )
    first, second = request.read_csv(request.text_of(text.encode()), tolerance_seconds=1)
    assert (first.address, first.port, first.tolerance) == ("203.0.113.1", 4000, 1000)
    assert (second.address, second.port, second.span[0]) == ("203.0.113.2", None, NOON - 5000)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "row 1: the column public_address is missing"),
        ("public_address,when\n", "row 1: there is no column 'when'"),
        ("public_address,time,time\n", "row 1: a column is there twice"),
        ("public_address,time\n203.0.113.1,2026-09-22T12:00:00Z\n203.0.113.1,\n", "row 3: time: it is empty"),
        ("public_address,time\n203.0.113.1\n", "row 2: it has not 2 columns"),
        ("public_address,time\nx,2026-09-22T12:00:00Z\n", "row 2: public_address: 'x'"),
        ("public_address,time\n203.0.113.1,2026-09-22T12:00:00\n", "row 2: time: .* has no offset"),
    ],
)
def test_a_csv_file_with_a_mistake_names_row_and_column(text, reason):
    with pytest.raises(request.RequestError, match=reason):
        request.read_csv(text)


@pytest.mark.parametrize("name", ["bom_quoted", "empty_rows", "utf16"])
def test_a_list_as_a_spreadsheet_saves_it_is_read(name):
    path = Path(__file__).with_name("cases") / f"{name}.csv"
    (one,) = commands._questions(argparse.Namespace(csv=str(path), tolerance=None))
    assert (one.address, one.port, one.protocol) == ("198.51.100.32", 5000, 6)


@pytest.mark.parametrize("parts", [",", ";", "\t"])
def test_what_parts_the_header_parts_the_rows_and_empty_columns_beside_the_table_are_none(parts):
    rows = (["public_address", "time", "", ""], ["203.0.113.1", "2026-09-22T12:00:00Z", "", ""], ["", " ", "", ""])
    (one,) = request.read_csv("\r\n".join(parts.join(row) for row in rows))
    assert (one.address, one.since) == ("203.0.113.1", NOON)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("public_address,time\n中国,x\n".encode("gb18030"), "GBK.*CSV UTF-8"),
        ("public_address,time\n".encode("utf-16-le"), "UTF-16 .* without .*CSV UTF-8"),
        (b"\xff\xfea", "broken UTF-16.*CSV UTF-8"),
    ],
)
def test_a_list_in_another_encoding_is_refused_with_what_to_save_it_as(content, reason):
    with pytest.raises(request.RequestError, match=reason):
        request.text_of(content)


@pytest.mark.parametrize("written", ["::ffff:198.51.100.32", "::FFFF:C633:6420", "198.51.100.32"])
def test_an_ipv4_address_within_ipv6_is_the_ipv4_address(written):
    one = request.request(written, destination_address=written)
    assert (one.address, one.destination, one.version) == ("198.51.100.32", "198.51.100.32", 4)
