#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on hosts of the lab: real flows, with the truth noted at both ends.

    flows.py serve FILE             outside: answer TCP, UDP and echo requests, and note who came; a service that
                                    tells systemd when it is there
    flows.py send HOST FILE MARK COUNT ADDRESS...
                                    inside: flows from these addresses, each with a word of its own as its payload

Each line of FILE is a JSON list. Inside: word, protocol, inside address, inside port, begin, end. Outside: word, public
address, public port, time.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
import sys
import time

PORT = 7082
ECHO_REQUEST = 8
WORD = 32  # bytes of an echo's word; a longer one is refused


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def echo(identifier: int, word: str) -> bytes:
    payload = word.encode().ljust(WORD)
    head = struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, identifier, 1)
    return struct.pack("!BBHHH", ECHO_REQUEST, 0, checksum(head + payload), identifier, 1) + payload


class Server:
    """Answers whoever comes, and notes it."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "a", buffering=1, encoding="utf-8")
        self._chooser = selectors.DefaultSelector()
        self._tcp = socket.create_server(("", PORT), backlog=1024)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("", PORT))
        self._raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        for one, action in ((self._tcp, self._welcome), (self._udp, self._datagram), (self._raw, self._echo)):
            self._chooser.register(one, selectors.EVENT_READ, action)

    def run(self) -> None:
        """Until it is killed. systemd hears when it is there, so that who starts it waits (sd_notify(3))."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
        while True:
            for key, _events in self._chooser.select():
                key.data()

    def _note(self, word: bytes, address: str, port: int) -> None:
        text = word.decode(errors="replace").strip()  # also whoever pings from elsewhere is noted
        self._file.write(json.dumps([text, address, port, time.time()]) + "\n")

    def _welcome(self) -> None:
        peer = self._tcp.accept()[0]
        self._chooser.register(peer, selectors.EVENT_READ, lambda: self._answer(peer))

    def _answer(self, peer: socket.socket) -> None:
        try:
            word = peer.recv(100)
            if word:
                self._note(word, *peer.getpeername())
                peer.sendall(word)
                return
        except OSError:
            pass  # it went away
        self._chooser.unregister(peer)
        peer.close()

    def _datagram(self) -> None:
        word, peer = self._udp.recvfrom(100)
        self._note(word, *peer)
        self._udp.sendto(word, peer)

    def _echo(self) -> None:
        packet, (address, _zero) = self._raw.recvfrom(200)
        if packet[20] == ECHO_REQUEST:
            self._note(packet[28 : 28 + WORD], address, struct.unpack("!H", packet[24:26])[0])


def send(host: str, path: str, mark: str, many: str, *addresses: str) -> None:
    """Make so many flows, by turns from each address and by each protocol."""
    flows = []
    for number in range(int(many)):
        protocol = ("tcp", "udp", "icmp")[number % 3]
        address = addresses[number % len(addresses)]
        word = f"{mark}-{number}"
        if len(word) > WORD:
            sys.exit(f"the mark {mark} is too long")
        begin = time.time()
        if protocol == "icmp":
            port = 20000 + number
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as one:
                one.bind((address, 0))
                one.sendto(echo(port, word), (host, 0))
        else:
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
            one.bind((address, 0))
            one.settimeout(5)
            one.connect((host, PORT))
            port = one.getsockname()[1]
            one.sendall(word.encode())
            one.recv(100)
            one.close()
        flows.append([word, protocol, address, port, begin, time.time()])
    with open(path, "w", encoding="utf-8") as file:
        for flow in flows:
            file.write(json.dumps(flow) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        Server(sys.argv[2]).run()
    send(*sys.argv[2:])
