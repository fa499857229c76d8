# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose key made a file of a repository: restic's design (doc/design.rst), as far as it takes to tell.

restic stops at the first index, snapshot or lock that it can't open, and its server takes any. It says only that it
stops, so a repository that is to go on must know which of them are not its own. No content is decrypted here, nor
anything encrypted: a file is the initial vector, the ciphertext, and a Poly1305-AES tag over it.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import json
import operator
from typing import NamedTuple

_TAG = _BLOCK = 16
_PRIME = (1 << 130) - 5
_CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
_MOST_MEMORY = 256 << 20
"""restic makes keys that take 60 MB at most (internal/repository/key.go); a larger one is a trap."""
_MOST_WORK = 1 << 24
MOST_KEY = 1 << 16


class MacKey(NamedTuple):
    """What the tags of a repository's files are made with: an AES-128 key, and the key of Poly1305."""

    aes: bytes
    poly: bytes


def open_key(text, password):
    """Open a file of the folder C(keys) with a password.

    :param bytes text: of the file; it may be anybody's.
    :param bytes password: of the repository.
    :return: MacKey: that of the repository, as the file says; None where the password does not open it.
    """
    try:
        key = json.loads(text) if len(text) <= MOST_KEY else {}
        cost, size, lanes = (int(key[name]) for name in ("N", "r", "p"))
        salt, data = (base64.b64decode(key[name], validate=True) for name in ("salt", "data"))
        if key["kdf"] != "scrypt" or 128 * cost * size > _MOST_MEMORY or cost * size * lanes > _MOST_WORK:
            return None
        own = hashlib.scrypt(password, salt=salt, n=cost, r=size, p=lanes, maxmem=2 * _MOST_MEMORY, dklen=64)
        if not is_made_with(MacKey(own[32:48], own[48:]), data):
            return None
        mac = json.loads(_counter_mode(own[:32], data[:_BLOCK], data[_BLOCK:-_TAG]))["mac"]
        return MacKey(base64.b64decode(mac["k"]), base64.b64decode(mac["r"]))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, binascii.Error):
        return None


def is_made_with(key, content):
    """Whether a file was made with a key.

    :param MacKey key: of the repository.
    :param bytes content: the whole file.
    """
    if len(content) < _BLOCK + _TAG:
        return False
    vector, message, tag = content[:_BLOCK], content[_BLOCK:-_TAG], content[-_TAG:]
    return hmac.compare_digest(_poly1305(key.poly, _encrypt(_schedule(key.aes), vector), message), tag)


def _poly1305(key, pad, message):
    """RFC 8439, 2.5; instead of its second half the key has what AES makes of the vector."""
    factor, total = int.from_bytes(key, "little") & _CLAMP, 0
    for start in range(0, len(message), _BLOCK):
        total = (total + int.from_bytes(message[start : start + _BLOCK] + b"\1", "little")) * factor % _PRIME
    return ((total + int.from_bytes(pad, "little")) % (1 << 128)).to_bytes(_TAG, "little")


def _counter_mode(key, vector, message):
    schedule, counter, made = _schedule(key), int.from_bytes(vector, "big"), bytearray()
    for start in range(0, len(message), _BLOCK):
        stream = _encrypt(schedule, (counter % (1 << 128)).to_bytes(_BLOCK, "big"))
        made += bytes(one ^ other for one, other in zip(message[start : start + _BLOCK], stream))
        counter += 1
    return bytes(made)


def _twice(byte):
    return (byte << 1 ^ (0x1B if byte & 0x80 else 0)) & 0xFF


def _substitutes():
    """The S-box of FIPS 197, 5.1.1: the inverse in the field, then the affine map."""
    power, powers = 1, []
    for _number in range(255):
        powers.append(power)
        power ^= _twice(power)  # times 3, which generates the field
    found = {0: 0x63}
    for number, value in enumerate(powers):
        inverse = powers[-number % 255]
        turned = [(inverse << bits | inverse >> (8 - bits)) & 0xFF for bits in range(5)]
        found[value] = functools.reduce(operator.xor, turned, 0x63)
    return bytes(found[value] for value in range(256))


_SUBSTITUTES = _substitutes()


def _schedule(key):
    """The round keys of AES (FIPS 197, 5.2)."""
    words = [key[start : start + 4] for start in range(0, len(key), 4)]
    length, constant = len(words), 1
    while len(words) < 4 * (length + 7):
        word = words[-1]
        if len(words) % length == 0:
            word = bytes(_SUBSTITUTES[byte] for byte in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _twice(constant)
        elif length > 6 and len(words) % length == 4:
            word = bytes(_SUBSTITUTES[byte] for byte in word)
        words.append(bytes(one ^ other for one, other in zip(words[-length], word)))
    return [b"".join(words[start : start + 4]) for start in range(0, len(words), 4)]


def _encrypt(schedule, block):
    """One block with AES (FIPS 197, 5.1)."""
    state = _added(block, schedule[0])
    for number, key in enumerate(schedule[1:], 2):
        # Bytes of a column are beside each other; row by row they move to the left.
        state = [_SUBSTITUTES[state[(place + 4 * (place % 4)) % 16]] for place in range(16)]
        if number < len(schedule):
            state = [byte for start in range(0, 16, 4) for byte in _mixed(state[start : start + 4])]
        state = _added(state, key)
    return bytes(state)


def _added(state, key):
    return [one ^ other for one, other in zip(state, key)]


def _mixed(column):
    every = column[0] ^ column[1] ^ column[2] ^ column[3]
    return [column[row] ^ every ^ _twice(column[row] ^ column[(row + 1) % 4]) for row in range(4)]
