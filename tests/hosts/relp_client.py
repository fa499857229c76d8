# SPDX-License-Identifier: GPL-3.0-or-later
"""A sender that says what a test wants, in RELP over TLS.

Runs on a lab host: python3 relp_client.py ADDRESS PORT CERT KEY HEX…

A message is hexadecimal; HEX*COUNT repeats its last byte.

Prints OK for each message that the collector acknowledged; ends with 1 and the reason where it was refused. CERT may be
`none` (TLS without a certificate) or `plain` (no TLS).
"""

from __future__ import annotations

import socket
import ssl
import sys


def answer(stream: socket.socket) -> bytes:
    """One RELP response, whole."""
    data = stream.recv(65536)
    if not data:
        raise ConnectionError("the collector hung up")
    return data


def main() -> int:
    """Open a session, send each message, wait for its acknowledgement."""
    address, port, cert, key, *messages = sys.argv[1:]
    stream: socket.socket = socket.create_connection((address, int(port)), timeout=10)
    try:
        if cert != "plain":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            if cert != "none":
                context.load_cert_chain(cert, key)
            stream = context.wrap_socket(stream)
        offers = b"relp_version=0\nrelp_software=probe\ncommands=syslog"
        stream.sendall(b"1 open %d %s\n" % (len(offers), offers))
        if b" 200 " not in answer(stream):
            raise ConnectionError("the session was refused")
        for number, message in enumerate(messages, 2):
            digits, _star, count = message.partition("*")
            data = bytes.fromhex(digits)
            data += data[-1:] * (int(count or 1) - 1)
            stream.sendall(b"%d syslog %d %s\n" % (number, len(data), data))
            if b" 200 OK" not in answer(stream):
                raise ConnectionError("the message was refused")
            print("OK")
    except OSError as error:
        print(f"refused: {error}")
        return 1
    return 0


sys.exit(main())
