# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel's connection tracking tells of translations: those that ended, and those that are open.

It is asked over netlink (ctnetlink), since no program gives it whole: ulogd2 and C(conntrack -o xml) leave out the
identifier of ICMP, without which two pings through one public address are the same, and C(conntrack -o ktimestamp) has
whole seconds.
"""

from __future__ import annotations

import errno
import functools
import ipaddress
import operator
import os
import socket
import struct
import sys
from typing import NamedTuple

from . import netlink

BUFFER_BYTES = 64 << 20  # holds about 100,000 events; more wait in the kernel's own list

_SO_RCVBUFFORCE = 33
_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP, _NETLINK_BROADCAST_ERROR, _NETLINK_NO_ENOBUFS = 1, 4, 5
_GROUP_CONNTRACK_DESTROY = 3
_SUBSYSTEM, _GET = 1, 1  # of ctnetlink

# Where the values stand in a message: the path of attribute types, the format, and what the value is.
_FIELDS = {
    (1, 1, 1): ("4s", ("inside",)),
    (1, 1, 3): ("16s", ("inside",)),
    (1, 1, 2): ("4s", ("destination",)),
    (1, 1, 4): ("16s", ("destination",)),
    (1, 2, 1): ("B", ("protocol",)),
    (1, 2, 2): ("H", ("inside_port",)),
    (1, 2, 3): ("H", ("destination_port",)),
    (1, 2, 4): ("H", ("inside_port",)),  # the identifier of ICMP, and of ICMPv6
    (1, 2, 7): ("H", ("inside_port",)),
    (2, 1, 2): ("4s", ("public",)),
    (2, 1, 4): ("16s", ("public",)),
    (2, 2, 3): ("H", ("public_port",)),
    (2, 2, 4): ("H", ("public_port", "destination_port")),
    (2, 2, 7): ("H", ("public_port", "destination_port")),
    (12,): ("I", ("identity",)),
    (20, 1): ("Q", ("begin",)),
    (20, 2): ("Q", ("end",)),
}
_NESTS = {path[:depth] for path in _FIELDS for depth in range(1, len(path))}
_NEEDED = ("inside", "destination", "protocol", "public")
_ORDER = (
    "protocol",
    "inside",
    "inside_port",
    "public",
    "public_port",
    "begin",
    "end",
    "destination",
    "destination_port",
    "identity",
)
_MOST_LAYOUTS = 16  # of messages of one length


class Flow(NamedTuple):
    """One translation.

    Ports are the identifier for ICMP, and 0 where the protocol has none. C(begin) and C(end) are Unix milliseconds; 0
    is unknown, and an open one has no end. C(key) is the same for one translation whenever it is looked at.
    """

    protocol: int
    inside: str
    inside_port: int
    public: str
    public_port: int
    begin: int
    end: int
    destination: str
    destination_port: int
    key: int


class Decoder:
    """Reads conntrack messages, and keeps those whose public address is one of ours.

    :param iterable public: addresses and networks, as text.
    """

    def __init__(self, public):
        self._networks = [ipaddress.ip_network(one) for one in public]
        self._layouts = {}
        self._text = functools.lru_cache(maxsize=1 << 17)(_text)
        self._ours = functools.lru_cache(maxsize=1 << 16)(self._is_ours)

    def flow(self, data):
        """The translation that one message tells of.

        :param bytes data: one netlink message.
        :return: Flow; None for a connection that is not translated, or not to an address of ours.
        :raises netlink.MessageError: it can't be read.
        """
        # All messages of one kind of connection have their values in the same places: find the places once.
        number = int.from_bytes(data, sys.byteorder)
        for layout in self._layouts.get(len(data), ()):
            if number & layout.mask == layout.headers:
                break
        else:
            layout = self._learn(data)
        (protocol, inside, inside_port, public, public_port, begin, end, destination, destination_port, identity) = (
            layout.values(data)
        )
        if not self._ours(public) or (inside == public and inside_port == public_port):
            return None
        text = self._text
        return Flow(
            protocol,
            text(inside),
            inside_port,
            text(public),
            public_port,
            begin // 1000000,
            end // 1000000,
            text(destination),
            destination_port,
            begin << 32 | identity,
        )

    def _is_ours(self, raw):
        address = ipaddress.ip_address(raw)
        return any(address in network for network in self._networks)

    def _learn(self, data):
        layout = _Layout(data)
        known = self._layouts.setdefault(len(data), [])
        if len(known) >= _MOST_LAYOUTS:
            known.clear()
        known.append(layout)
        return layout


class _Layout:
    """Where the values stand in messages that have the same headers as this one."""

    def __init__(self, data):
        mask = bytearray(len(data))
        fields = []
        for path, offset in _walk(data, mask):
            fields.append((offset, *_FIELDS[path]))
        places, pattern, at = {}, ">", 0
        for place, (offset, form, names) in enumerate(sorted(fields)):
            pattern += "%dx%s" % (offset - at, form)
            at = offset + struct.calcsize(form)
            places.update(dict.fromkeys(names, place))
        missing = [name for name in _NEEDED if name not in places]
        if missing:
            raise netlink.MessageError("a conntrack message without %s" % ", ".join(missing))
        self._unpack = struct.Struct(pattern).unpack_from
        self._pick = operator.itemgetter(*(places.get(name, len(fields)) for name in _ORDER))
        self.mask = int.from_bytes(mask, sys.byteorder)
        self.headers = int.from_bytes(data, sys.byteorder) & self.mask

    def values(self, data):
        """The values in the order of _ORDER; 0 for those that such messages don't have."""
        return self._pick((*self._unpack(data), 0))


def _text(raw):
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def _walk(data, mask):
    """The path and the offset of each value that is of use; marks all headers in the mask."""
    if len(data) < netlink.HEADER.size:
        raise netlink.MessageError("%d bytes are no message" % len(data))
    length, kind = netlink.HEADER.unpack_from(data)[:2]
    if length != len(data) or kind >> 8 != _SUBSYSTEM:
        raise netlink.MessageError("a message of type %#x that says %d bytes and has %d" % (kind, length, len(data)))
    mask[0:6] = b"\xff" * 6  # length and type of the message
    mask[16] = 0xFF  # family
    found = []
    waiting = [((), netlink.HEADER.size, len(data))]
    while waiting:
        prefix, offset, end = waiting.pop()
        for kind, begin, stop in netlink.attributes(data, offset, end):
            mask[begin - 4 : begin] = b"\xff" * 4
            path = (*prefix, kind)
            if path in _NESTS:
                waiting.append((path, begin, stop))
            elif path in _FIELDS:
                if stop - begin != struct.calcsize(_FIELDS[path][0]):
                    raise netlink.MessageError("attribute %s has %d bytes" % (path, stop - begin))
                found.append((path, begin))
    return found


class Ended:
    """The kernel's notices of connections that ended.

    :param Decoder decoder: what reads them.
    :param int buffer_bytes: how much may wait for us; 0 leaves the system's default.
    :param bool reliable: the kernel keeps a connection that ended until its notice found room, so that none is lost.
        Without it a notice that finds no room is gone. The kernel counts either as a drop.
    :param int descriptor: a socket of an earlier one that still listens; None for a new one.
    """

    def __init__(self, decoder, buffer_bytes=BUFFER_BYTES, reliable=True, descriptor=None):
        self.decoder = decoder
        self.unreadable = 0
        self._reliable = reliable
        self._socket = netlink.open_socket() if descriptor is None else socket.socket(fileno=descriptor)
        try:
            if buffer_bytes:
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer_bytes)
            if reliable:
                self._socket.setsockopt(_SOL_NETLINK, _NETLINK_BROADCAST_ERROR, 1)
                self._socket.setsockopt(_SOL_NETLINK, _NETLINK_NO_ENOBUFS, 1)
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _GROUP_CONNTRACK_DESTROY)
        except OSError as error:
            raise netlink.KernelError(
                "the kernel does not let us listen to connections that end (%s): CAP_NET_ADMIN is needed" % error
            ) from error
        self._socket.setblocking(False)

    def fileno(self):
        """For poll."""
        return self._socket.fileno()

    def read(self, most):
        """What waits, at the most so many notices.

        :return: (list of Flow, bool): the translations, and whether more may wait.
        """
        flows = []
        receive, decode = self._socket.recv, self.decoder.flow
        for _number in range(most):
            try:
                flow = decode(receive(4096))
            except BlockingIOError:
                return flows, False
            except netlink.MessageError:
                self.unreadable += 1
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # some were dropped: the kernel counts them
                    raise
            else:
                if flow:
                    flows.append(flow)
        return flows, True

    def lost(self):
        """How many notices never came, or came and could not be read."""
        return self.unreadable + (0 if self._reliable else self.drops())

    def drops(self):
        """How often a notice found no room. Each is a loss if the kernel does not try again."""
        port = str(self._socket.getsockname()[0])
        with open("/proc/net/netlink", encoding="ascii") as file:
            for row in file:
                columns = row.split()
                if columns[1] == str(netlink.NETFILTER) and columns[2] == port:
                    return int(columns[8])
        raise netlink.KernelError("/proc/net/netlink does not show our own socket, so that losses can't be counted")

    def close(self):
        """Stop listening."""
        self._socket.close()


class Open:
    """One look at all connections that are open: asks at once, and is read bit by bit.

    The kernel leaves out those that ran out and were not collected yet; their notices of the end are still to come.

    :param Decoder decoder: what reads them.
    """

    def __init__(self, decoder):
        self.done = False
        self.total = 0  # connections seen, translated or not
        self._decoder = decoder
        self._socket = netlink.open_socket()
        self._socket.setblocking(False)
        self._socket.send(netlink.request(_SUBSYSTEM, _GET))

    def fileno(self):
        """For poll."""
        return self._socket.fileno()

    def read(self):
        """The translations of the next bit; C(done) is set with the last one."""
        flows = []
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            return flows
        for message in netlink.messages(data):
            if message is None:
                self.done = True
                self._socket.close()
                break
            self.total += 1
            try:
                flow = self._decoder.flow(message)
            except netlink.MessageError:
                continue  # counted as lost when it ends
            if flow:
                flows.append(flow)
        return flows


def settings_faults(folder="/proc/sys/net/netfilter"):
    """What in the kernel's settings makes records wrong.

    :return: list of str: sentences.
    """
    needed = {
        "nf_conntrack_timestamp": "the begin of translations is unknown",
        "nf_conntrack_events": "translations that begin while nobody listens end unseen",
    }
    found = []
    for name, otherwise in needed.items():
        try:
            with open(os.path.join(folder, name), encoding="ascii") as file:
                value = file.read().strip()
        except OSError:
            value = "not there"
        if value != "1":
            found.append("net.netfilter.%s is %s and must be 1, else %s" % (name, value, otherwise))
    return found


def connections(path="/proc/sys/net/netfilter/nf_conntrack_count"):
    """How many connections the kernel knows, translated or not."""
    with open(path, encoding="ascii") as file:
        return int(file.read())
