# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes messages of netlink."""

from __future__ import annotations

import struct


def attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)


def nest(kind: int, *inner: bytes) -> bytes:
    return attribute(kind | 0x8000, b"".join(inner))


def message(*attributes: bytes, kind: int = 0x102) -> bytes:
    body = struct.pack("=HIIBBH", 0, 0, 0, 2, 0, 0) + b"".join(attributes)
    return struct.pack("=IH", 6 + len(body), kind) + body
