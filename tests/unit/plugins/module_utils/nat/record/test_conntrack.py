# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of the kernel, as they were seen (and broken on purpose)."""

from __future__ import annotations

import contextlib
import socket
import struct

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import conntrack, netlink
from netlink_messages import attribute, message, nest

BEGIN, END = 1795532191264111222, 1795532192264647333


def side(kind: int, source: str, destination: str, *protocol: bytes) -> bytes:
    """One direction of a connection."""
    family, first = (socket.AF_INET6, 3) if ":" in source else (socket.AF_INET, 1)
    addresses = [socket.inet_pton(family, one) for one in (source, destination)]
    return nest(kind, nest(1, attribute(first, addresses[0]), attribute(first + 1, addresses[1])), nest(2, *protocol))


def ports(protocol: int, source: int, destination: int) -> tuple[bytes, ...]:
    return (
        attribute(1, bytes([protocol])),
        attribute(2, struct.pack(">H", source)),
        attribute(3, struct.pack(">H", destination)),
    )


def echo(identifier: int, kind: int) -> tuple[bytes, ...]:
    return (
        attribute(1, b"\x01"),
        attribute(4, struct.pack(">H", identifier)),
        attribute(5, bytes([kind])),
        attribute(6, b"\0"),
    )


def times(*stamps: int) -> bytes:
    return nest(20, *(attribute(kind, struct.pack(">Q", stamp)) for kind, stamp in enumerate(stamps, 1)))


def udp(
    inside: str = "100.64.0.7", port: int = 51234, public: str = "198.51.100.10", public_port: int = 1024, identity=7
) -> bytes:
    return message(
        side(1, inside, "203.0.113.7", *ports(17, port, 53)),
        side(2, "203.0.113.7", public, *ports(17, 53, public_port)),
        attribute(12, struct.pack(">I", identity)),
        attribute(3, struct.pack(">I", 0x398)),
        times(BEGIN, END),
    )


@pytest.fixture(name="decoder")
def _decoder() -> conntrack.Decoder:
    return conntrack.Decoder(["198.51.100.8/29", "2001:db8:ffff::/48"])


def test_what_a_notice_says(decoder):
    flow = decoder.flow(udp())
    assert flow[:9] == (
        17,
        "100.64.0.7",
        51234,
        "198.51.100.10",
        1024,
        1795532191264,
        1795532192264,
        "203.0.113.7",
        53,
    )


def test_messages_of_the_same_shape_are_told_apart(decoder):
    seen = [decoder.flow(udp(port=number, public_port=number + 1)) for number in range(1, 4)]
    assert [(flow.inside_port, flow.public_port) for flow in seen] == [(1, 2), (2, 3), (3, 4)]


def test_same_length_and_another_shape(decoder):
    decoder.flow(udp())
    other = message(
        attribute(3, struct.pack(">I", 0x398)),
        times(BEGIN, END),
        side(2, "203.0.113.7", "198.51.100.11", *ports(6, 443, 2000)),
        side(1, "100.64.0.9", "203.0.113.7", *ports(6, 40000, 443)),
        attribute(12, struct.pack(">I", 8)),
    )
    assert len(other) == len(udp())
    assert decoder.flow(other)[:5] == (6, "100.64.0.9", 40000, "198.51.100.11", 2000)


def test_icmp_has_its_identifier_for_ports(decoder):
    flow = decoder.flow(
        message(
            side(1, "100.64.0.7", "203.0.113.7", *echo(4711, 8)),
            side(2, "203.0.113.7", "198.51.100.10", *echo(37578, 0)),
            attribute(12, struct.pack(">I", 7)),
            times(BEGIN, END),
        )
    )
    assert (flow.protocol, flow.inside_port, flow.public_port, flow.destination_port) == (1, 4711, 37578, 37578)


def test_protocol_without_ports(decoder):
    flow = decoder.flow(
        message(
            side(1, "100.64.0.7", "203.0.113.7", attribute(1, b"\x32")),
            side(2, "203.0.113.7", "198.51.100.10", attribute(1, b"\x32")),
            times(BEGIN, END),
        )
    )
    assert (flow.protocol, flow.inside_port, flow.public_port) == (50, 0, 0)


def test_ipv6(decoder):
    flow = decoder.flow(
        message(
            side(1, "fd00::7", "2001:db8::1", *ports(6, 40000, 443)),
            side(2, "2001:db8::1", "2001:db8:ffff::7", *ports(6, 443, 40000)),
            times(BEGIN, END),
        )
    )
    assert (flow.inside, flow.public) == ("fd00::7", "2001:db8:ffff::7")


def test_only_our_public_addresses(decoder):
    assert decoder.flow(udp(public="198.51.100.16")) is None


def test_what_the_gateway_itself_sends_is_no_translation(decoder):
    assert decoder.flow(udp(inside="198.51.100.10", port=123, public_port=123)) is None


def test_open_and_ended_have_the_same_key(decoder):
    still = message(
        side(1, "100.64.0.7", "203.0.113.7", *ports(17, 51234, 53)),
        side(2, "203.0.113.7", "198.51.100.10", *ports(17, 53, 1024)),
        attribute(12, struct.pack(">I", 7)),
        attribute(7, struct.pack(">I", 30)),
        times(BEGIN),
        kind=0x100,
    )
    assert decoder.flow(still).key == decoder.flow(udp()).key
    assert decoder.flow(still).end == 0
    assert decoder.flow(udp(identity=8)).key != decoder.flow(udp()).key


def test_no_times_where_the_kernel_kept_none(decoder):
    flow = decoder.flow(
        message(
            side(1, "100.64.0.7", "203.0.113.7", *ports(17, 1, 53)),
            side(2, "203.0.113.7", "198.51.100.10", *ports(17, 53, 1)),
        )
    )
    assert (flow.begin, flow.end) == (0, 0)


@pytest.mark.parametrize("size", [0, 3, 19, 23, 40, 150])
def test_cut_off(decoder, size):
    with pytest.raises(netlink.MessageError):
        decoder.flow(udp()[:size])


def test_every_damaged_byte_is_an_error_or_another_value(decoder):
    good = udp()
    for place in range(len(good)):
        for value in (0, 1, 255):
            bad = good[:place] + bytes([value]) + good[place + 1 :]
            with contextlib.suppress(netlink.MessageError):
                decoder.flow(bad)


def test_not_about_connections(decoder):
    with pytest.raises(netlink.MessageError, match="type"):
        decoder.flow(message(kind=0xA12))


def test_many_shapes_do_not_fill_the_memory(decoder):
    for kind in range(30, 230):
        decoder.flow(udp() if kind % 2 else message(*_parts(), attribute(kind, b"1234")))
    assert sum(len(known) for known in decoder._layouts.values()) <= conntrack._MOST_LAYOUTS + 1


def _parts() -> tuple[bytes, ...]:
    return (
        side(1, "100.64.0.7", "203.0.113.7", *ports(17, 1, 53)),
        side(2, "203.0.113.7", "198.51.100.10", *ports(17, 53, 1)),
    )


@pytest.mark.parametrize(
    ("events", "timestamp", "said"),
    [
        ("1", "1", []),
        ("2", "1", ["net.netfilter.nf_conntrack_events is 2 and must be 1"]),
        ("1", "0", ["net.netfilter.nf_conntrack_timestamp is 0 and must be 1"]),
        ("0", None, ["nf_conntrack_timestamp is not there", "nf_conntrack_events is 0"]),
    ],
)
def test_settings_of_the_kernel(tmp_path, events, timestamp, said):
    (tmp_path / "nf_conntrack_events").write_text(events + "\n")
    if timestamp is not None:
        (tmp_path / "nf_conntrack_timestamp").write_text(timestamp + "\n")
    faults = conntrack.settings_faults(str(tmp_path))
    assert len(faults) == len(said)
    assert all(words in fault for words, fault in zip(said, faults, strict=True))
