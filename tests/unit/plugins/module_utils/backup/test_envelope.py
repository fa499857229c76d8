# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
import real_repository as real
from ansible_collections.order82.baseline.plugins.module_utils.backup import envelope


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (bytes(range(16)), "69c4e0d86a7b0430d8cdb78070b4c55a"),  # FIPS 197, C.1
        (bytes(range(32)), "8ea2b7ca516745bfeafc49904b496089"),  # FIPS 197, C.3
    ],
)
def test_aes_is_aes(key, expected):
    block = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert envelope._encrypt(envelope._schedule(key), block).hex() == expected


def test_poly1305_is_poly1305():
    key = bytes.fromhex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b")  # RFC 8439, 2.5.2
    tag = envelope._poly1305(key[:16], key[16:], b"Cryptographic Forum Research Group")
    assert tag.hex() == "a8061dc1305136c6c22b8baf0c0127a9"


def test_a_repositorys_own_files_are_told_from_all_others():
    key = envelope.open_key(real.KEY, real.PASSWORD)
    for content in (real.CONFIG, real.INDEX, real.SNAPSHOT):
        assert envelope.is_made_with(key, content)
        for place in (0, 20, len(content) - 1):
            assert not envelope.is_made_with(key, content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    for content in (b"", b"x" * 31, b"x" * 32, real.KEY):
        assert not envelope.is_made_with(key, content)


def test_another_password_opens_nothing():
    assert envelope.open_key(real.KEY, b"wrong-horse") is None


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"[]", b"null", b"\xff" * 100, b"[" * 60000, b'{"kdf": "scrypt"}', b" " * 10**6,
        *(
            json.dumps({**json.loads(real.KEY), **changed}).encode()
            for changed in (
                {"N": 1 << 30}, {"p": 1 << 20}, {"N": -2}, {"N": 3}, {"N": 0}, {"N": "x"}, {"r": None}, {"N": 10**400},
                {"data": ""}, {"data": "AAAA"}, {"salt": "%"}, {"salt": 7}, {"kdf": "none"}, {"N": [1]},
            )
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_a_trap_opens_nothing_at_once(text):
    assert envelope.open_key(text, real.PASSWORD) is None


def test_a_key_that_the_password_opens_need_not_be_the_repositorys():
    key = envelope.open_key(real.forged_key(real.PASSWORD, 1), real.PASSWORD)
    assert key is not None
    assert not envelope.is_made_with(key, real.CONFIG)
