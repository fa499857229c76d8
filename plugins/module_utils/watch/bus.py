# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd tells over the system's bus as soon as a unit starts, ends, is frozen, or its files are read anew.

Just so much of D-Bus as that takes (the D-Bus specification; org.freedesktop.systemd1(5)): calls with one text or none,
and of what comes whom it is about and its state. Who has no bus, or loses it, looks at intervals all the same.
"""

from __future__ import annotations

import os
import re
import socket
import struct

ADDRESS = "/run/dbus/system_bus_socket"
_MOST = 1 << 20
"""So long a message may be that is for us; systemd's are some hundred bytes."""
_SECONDS = 5
_UNITS = "/org/freedesktop/systemd1/unit/"
_BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
_MANAGER = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
_UNIT = "org.freedesktop.systemd1.Unit"
_CALL, _SIGNAL = 1, 4
_PATH, _INTERFACE, _MEMBER, _DESTINATION, _SIGNATURE = 1, 2, 3, 6, 8
_STATES = re.compile(rb"(ActiveState|FreezerState)\0\x01s\0\0{0,3}(.{4})([a-z-]+)\0", re.DOTALL)
"""In the body of PropertiesChanged: a name, and a variant that is a text (a{sv})."""
_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class BusError(OSError):
    """The bus can't be asked: one sentence."""


def path_of(unit):
    """The object of a unit: every other character than a letter or a digit as C(_) and two hexadecimal digits.

    A digit at the beginning is written so, too (sd_bus_path_encode(3)).
    """
    written = [
        chr(byte) if chr(byte) in _PLAIN and (number or not chr(byte).isdigit()) else "_%02x" % byte
        for number, byte in enumerate(unit.encode("utf-8"))
    ]
    return _UNITS + "".join(written)


def unit_of(path):
    """The unit of an object, or None where it is none."""
    if not path.startswith(_UNITS):
        return None
    first, *rest = path[len(_UNITS) :].split("_")
    try:
        parts = [first.encode("ascii"), *(bytes([int(one[:2], 16)]) + one[2:].encode("ascii") for one in rest)]
        return b"".join(parts).decode("utf-8")
    except ValueError:
        return None


class Bus:
    """A connection to which systemd tells what becomes of some units."""

    def __init__(self, units, address=ADDRESS):
        """:param units: their names.
        :raises BusError: there is no bus, or it does not answer.
        """
        self._serial, self._waiting, self._states = 0, b"", {}
        try:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            self._socket.settimeout(_SECONDS)
            self._socket.connect(address)
            self._log_in()
            self._call(_BUS, "Hello")
            for unit in units:
                self._match("member='PropertiesChanged',path='%s',arg0='%s'" % (path_of(unit), _UNIT))
            self._match("interface='org.freedesktop.systemd1.Manager',member='UnitFilesChanged'")
            self._match("interface='org.freedesktop.systemd1.Manager',member='Reloading'")
            self._call(_MANAGER, "Subscribe")
            self._socket.setblocking(False)
        except (OSError, ValueError) as error:
            self.close()
            raise BusError("the system's bus does not tell of units: %s" % error) from error

    def fileno(self):
        """The descriptor to wait on."""
        return self._socket.fileno()

    def close(self):
        """Hear nothing any more."""
        self._socket.close()

    def read(self):
        """What was told since, without waiting.

        systemd speaks of a unit whenever anything of it changes, as with each job and each time of a timer; what counts
        is another state.

        :return: set of units; an empty text stands for all of them, whose files are read anew.
        :raises BusError: the bus is gone.
        """
        try:
            more = self._socket.recv(1 << 16)
        except BlockingIOError:
            return set()
        except OSError as error:
            raise BusError("the system's bus: %s" % error) from error
        if not more:
            raise BusError("the system's bus has ended")
        self._waiting += more
        found = set()
        while True:
            message = self._take()
            if message is None:
                return found
            kind, fields, body = message
            if kind == _SIGNAL and fields.get(_MEMBER) == "PropertiesChanged":
                path, states = fields.get(_PATH, ""), _STATES.findall(body)
                if not states or self._states.get(path) != states:
                    found.add(unit_of(path) or "")
                self._states[path] = states
            elif kind == _SIGNAL and fields.get(_MEMBER) in ("UnitFilesChanged", "Reloading"):
                found.add("")

    def _log_in(self):
        who = str(os.geteuid()).encode("ascii").hex().encode("ascii")
        self._socket.sendall(b"\0AUTH EXTERNAL " + who + b"\r\n")
        answer = b""
        while not answer.endswith(b"\r\n"):
            more = self._socket.recv(1024)
            if not more or len(answer) > 4096:
                raise BusError("it does not let us in")
            answer += more
        if not answer.startswith(b"OK"):
            raise BusError("it does not let us in: %s" % answer.decode("ascii", "replace").strip())
        self._socket.sendall(b"BEGIN\r\n")

    def _match(self, rule):
        self._call(_BUS, "AddMatch", "type='signal',sender='org.freedesktop.systemd1'," + rule)

    def _call(self, whom, member, text=None):
        """Ask, and expect no answer: what goes wrong is silence, against which there are looks at intervals."""
        self._serial += 1
        name, path, interface = whom
        body = b"" if text is None else _text(text)
        fields = [
            (_PATH, b"o", path),
            (_DESTINATION, b"s", name),
            (_INTERFACE, b"s", interface),
            (_MEMBER, b"s", member),
        ]
        listed = b""
        for code, kind, value in fields:
            listed = _padded(listed) + bytes([code, 1]) + kind + b"\0" + _text(value)
        if body:
            listed = _padded(listed) + bytes([_SIGNATURE, 1]) + b"g\0" + b"\1s\0"
        head = struct.pack("<BBBBIII", ord("l"), _CALL, 0, 1, len(body), self._serial, len(listed)) + listed
        self._socket.sendall(_padded(head) + body)

    def _take(self):
        """The next whole message: its kind, the header's fields that are texts, its body; None where there is none."""
        if len(self._waiting) < 16:
            return None
        order = "<" if self._waiting[:1] == b"l" else ">"
        body, _serial, listed = struct.unpack_from(order + "III", self._waiting, 4)
        head = (16 + listed + 7) & ~7
        if head + body > _MOST:
            raise BusError("the system's bus sends %d bytes at once" % (head + body))
        if len(self._waiting) < head + body:
            return None
        kind, header, said = self._waiting[1], self._waiting[: 16 + listed], self._waiting[head : head + body]
        self._waiting = self._waiting[head + body :]
        return kind, _fields(header, order), said


def _fields(header, order):
    found, at = {}, 16
    while at + 4 <= len(header):
        code, _length, kind = header[at], header[at + 1], header[at + 2 : at + 3]
        at += 4
        if kind in (b"s", b"o"):
            [length] = struct.unpack_from(order + "I", header, at)
            found[code] = header[at + 4 : at + 4 + length].decode("utf-8", "replace")
            at += 4 + length + 1
        elif kind == b"g":
            at += 1 + header[at] + 1
        elif kind == b"u":
            at += 4
        else:
            break
        at = (at + 7) & ~7
    return found


def _text(value):
    data = value.encode("utf-8")
    return struct.pack("<I", len(data)) + data + b"\0"


def _padded(data):
    return data + b"\0" * (-len(data) % 8)
