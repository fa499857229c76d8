# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd says on the system's bus, by the bytes of D-Bus; the bus is a real one where this machine has its program."""

from __future__ import annotations

import os
import select
import shutil
import socket
import struct
import subprocess
import threading

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.watch import bus


@pytest.mark.parametrize(
    ("unit", "path"),
    [
        ("chrony.service", "chrony_2eservice"),
        ("order82-forward@collector1.service", "order82_2dforward_40collector1_2eservice"),
        ("82.service", "_382_2eservice"),
        ("a_b.timer", "a_5fb_2etimer"),
    ],
)
def test_a_unit_has_its_object(unit, path):
    assert bus.path_of(unit) == "/org/freedesktop/systemd1/unit/" + path
    assert bus.unit_of(bus.path_of(unit)) == unit


@pytest.mark.parametrize("path", ["/org/freedesktop/systemd1", "/org/freedesktop/systemd1/unit/a_zz", "", "/x"])
def test_what_is_no_unit_is_none(path):
    assert bus.unit_of(path) is None


def signal(path, member, interface="org.freedesktop.DBus.Properties", order="<", body=b""):
    """A signal as a bus sends it."""

    def text(value):
        data = value.encode()
        return struct.pack(order + "I", len(data)) + data + b"\0"

    listed = b""
    for code, kind, value in ((1, b"o", path), (2, b"s", interface), (3, b"s", member), (7, b"s", ":1.0")):
        listed += b"\0" * (-len(listed) % 8) + bytes([code, 1]) + kind + b"\0" + text(value)
    head = (b"l" if order == "<" else b"B") + bytes([4, 0, 1])
    head += struct.pack(order + "III", len(body), 7, len(listed)) + listed
    return head + b"\0" * (-len(head) % 8) + body


class Fake:
    """A bus that lets everybody in, and says what it is told to."""

    def __init__(self, folder):
        self.path = str(folder / "bus")
        self.heard = b""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.path)
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        self.peer, _address = self._socket.accept()
        self.heard += self.peer.recv(4096)
        self.peer.sendall(b"OK 1234\r\n")

    def close(self):
        self.peer.close()
        self._socket.close()


@pytest.fixture
def fake(tmp_path):
    one = Fake(tmp_path)
    yield one
    one.close()


def test_what_systemd_tells_is_understood_whole_and_in_pieces(fake):
    heard = bus.Bus(["chrony.service"], fake.path)
    data = signal(bus.path_of("chrony.service"), "PropertiesChanged", body=b"x" * 301)
    data += signal("/org/freedesktop/systemd1", "UnitFilesChanged", order=">")
    data += signal("/org/freedesktop/systemd1/unit/other_2eservice", "UnitNew")
    found = set()
    for number in range(0, len(data), 37):
        fake.peer.sendall(data[number : number + 37])
        select.select([heard], [], [], 5)
        found |= heard.read()
    assert found == {"chrony.service", ""}
    assert fake.heard.startswith(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode())
    heard.close()


def body(active, freezer="running"):
    """PropertiesChanged of a unit, as systemd 252 and 257 send it: (sa{sv}as)."""

    def text(value):
        return struct.pack("<I", len(value)) + value.encode() + b"\0"

    def padded(data, to):
        return data + b"\0" * (-len(data) % to)

    listed = b""
    for name, value in (("ActiveState", active), ("FreezerState", freezer), ("SubState", "running")):
        listed = padded(listed, 8) + text(name) + b"\1s\0"
        listed = padded(listed, 4) + text(value)
    head = padded(text("org.freedesktop.systemd1.Unit"), 4)
    return padded(head + struct.pack("<I", len(listed)), 8) + listed


@pytest.mark.parametrize("name", ["a.service", "ab.service", "abc.service", "abcd.service"])
def test_only_another_state_counts(fake, name):
    heard = bus.Bus([name], fake.path)

    def told(*about):
        fake.peer.sendall(signal(bus.path_of(name), "PropertiesChanged", body=body(*about)))
        select.select([heard], [], [], 5)
        return heard.read()

    assert told("active") == {name}
    assert told("active") == set()
    assert told("active", "frozen") == {name}
    assert told("active") == {name}
    assert told("inactive") == {name}
    assert told("inactive") == set()
    heard.close()


@pytest.mark.parametrize(
    "data", [b"l\4\0\1" + struct.pack("<III", 1 << 30, 1, 0), b"l\4\0\1" + struct.pack("<III", 0, 1, 1 << 31)]
)
def test_a_message_without_end_is_the_end(fake, data):
    heard = bus.Bus([], fake.path)
    fake.peer.sendall(data)
    select.select([heard], [], [], 5)
    with pytest.raises(bus.BusError, match="at once"):
        heard.read()
    heard.close()


def test_a_bus_that_ends_is_told_of(fake):
    heard = bus.Bus([], fake.path)
    fake.peer.close()
    with pytest.raises(bus.BusError):
        while True:
            select.select([heard], [], [], 5)
            heard.read()
    heard.close()


def test_where_there_is_none(tmp_path):
    with pytest.raises(bus.BusError, match="does not tell of units"):
        bus.Bus([], str(tmp_path / "none"))


@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="this machine has no bus to start")
def test_a_true_bus_takes_what_is_said_and_answers(tmp_path):
    """It lets in, gives a name, takes each match; a call that it can't read would end the connection."""
    path = str(tmp_path / "bus")
    words = ["dbus-daemon", "--session", f"--address=unix:path={path}", "--nofork", "--nopidfile", "--print-address"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as daemon:
        daemon.stdout.readline()
        try:
            heard = bus.Bus(["chrony.service", "order82-forward@collector1.service"], path)
            for _number in range(5):
                select.select([heard], [], [], 0.2)
                assert heard.read() == set()
            assert heard._serial == 6
            heard.close()
        finally:
            daemon.kill()
