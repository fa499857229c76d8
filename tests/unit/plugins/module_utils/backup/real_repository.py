# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository that restic 0.18.0 made, with one backup of one file; and what its password's owner could forge."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

from ansible_collections.order82.baseline.plugins.module_utils.backup import envelope

PASSWORD = b"correct-horse"
KEY = (
    b'{"created":"2026-11-30T04:20:31.942177889Z","username":"root","hostname":"vm","kdf":"scrypt","N":16384,"r":8,"p":1,'
    b'"salt":"UDFVCFB61yJCwntb3Sd1+iyy4LKQDNnhJpNpPJd5e88O4ii62CRxurV3gmvsdZNUEKkDr2FmaDggTSFBUH4HTg==",'
    b'"data":"nWvykSfdYcPXFLaYfCoYvGGQLQ2oR9xQxEmQMGLb6kxj+6tjWpTBjpaqoaG1yTrd51S0n+PoBhcKwedWzTdJyzF5oDn9tXhb1Q6AHdLo5t+jZhJl'
    b'JM6g6KRpV44fqfsYiKtMbpIzsYD1L28cyl6nWdz+gYWeZq6bc0FF/be5qAL+DyeqxijvtQcU0lGFHh7Ov/RkRFo2TixU4nHO5rq3iA=="}'
)
CONFIG = base64.b64decode(
    "5RnTSBvlVe+cUcgkzwMDZBhYrW1UsGcQ8K/lJKMb2/2CxoRt+eAJrzcK6GKuwsl91yYy4Sn/Qe88aYa3PIzzQdtLLBi2Q3l8FDsK"
    "fQha6TR/jK6v+4o0NKoxZb67q6Sc/ekzBVNdTOVK7FYONyyAShzAyhjuQbLdr1NMNkerzQSrFENnZHWFpeKXTunPBaF+P48aGiSm"
    "8cM314E="
)
SNAPSHOT = base64.b64decode(
    "Ka+Xgi5k+gOUFmlBULcnnj1tFUNNZU/VPfaLov2mv8F7eDp/9PwdtmCug2HZDDt2oiyCHB/ivh6mQHHFyAqCIRYZDbPiUasdGU8e"
    "uuN+np+cD6PGp4u54gu24SO1M1u0SeEFq2+rsvhY17BkZseYQUH9n61kI1JuO9nCw2XhU6v6O/LDWh1qp0kI6E23D+7OX5IDZnfe"
    "5ww20VUPSwpYOzUiHJigvaJ3n0KATlFseYSxTPS1sKzhx/l8AgWL8L9tS0hLUI35p744n1u0091s9352kar/GLn7wCVEd7oT2pXK"
    "I0O6J43UKjvo1KpM9uuTAFN/KQ+FLNjr4lEdgcrubVQ7To1ybeuYCPp7/6EGMtm/0G087d7aXPi2olLsgS3X5aGVznNhtHivXq9u"
    "7rfNAndjKpa2mwWyOCTwXYQlSSWgdPLnJo8Oa1kmvgh1dxpZ41oNfMWbaXBiBLsMR+fQdOUcZrHdpqgNx28nxQ=="
)
INDEX = base64.b64decode(
    "yCvrqiRkga0TM2iZhiTnz1lkcajAWsvzoemF5rxYaqqWvEIBL421FwbF08XPHObxa6Z4yrE1KHwHURezm/UrrY8555Cq8WV20gEs"
    "MDSCrJki9wP5wDAzyqV+amnKlTCHjAYRHxXXNFjwUf4V8bo1h1tnD7fjucwXx5Am/urTNAueFoj9GZhiu9nPzlh/TbffpEiuYNN2"
    "TzGhT8E9JCAEizrhBnHgriPg4Lr8PZWgkg1cn6mZ2YIaqFKrFon3hE3J5jpKAJuWdHrLdAmewUdlhH4+gyzSFd9BZYAoZnN9+nP5"
    "hrhZIwO+QPeddSQVGu25GwAnf/U8aob769AkTWjJZFb/ybLkiC656Nry1lOU0MCPulk7xdTLCXXEk9EbYiEnZQKH6TLUVHkM+NEe"
    "Ijt2j166LomM3hVrqo/jmSbXCRd6L2cHibV/ppQsJCwufAK3IFSKBEJhbG677zxYbScpVpoS6aKkq8l0"
)
FOLDERS = ("index", "keys", "locks", "snapshots")


def named(content: bytes) -> str:
    """What a file is called: restic's server refuses any other name."""
    return hashlib.sha256(content).hexdigest()


def make(folder: Path) -> None:
    """Lay the repository down."""
    for name in ("", *FOLDERS, "data"):
        (folder / name).mkdir()
    (folder / "config").write_bytes(CONFIG)
    for kind, content in (("keys", KEY), ("index", INDEX), ("snapshots", SNAPSHOT)):
        (folder / kind / named(content)).write_bytes(content)


def forged_key(password: bytes, number: int) -> bytes:
    """A file for the folder of keys that the password opens, with the key of another repository in it."""
    salt, vector, other = os.urandom(64), os.urandom(16), base64.b64encode(os.urandom(16)).decode()
    own = hashlib.scrypt(password, salt=salt, n=2, r=8, p=1, dklen=64)
    plain = json.dumps({"mac": {"k": other, "r": other}, "encrypt": other}).encode()
    message = envelope._counter_mode(own[:32], vector, plain)
    tag = envelope._poly1305(own[48:], envelope._encrypt(envelope._schedule(own[32:48]), vector), message)
    data, salted = (base64.b64encode(one).decode() for one in (vector + message + tag, salt))
    return json.dumps({"kdf": "scrypt", "N": 2, "r": 8, "p": 1, "salt": salted, "data": data, "n": number}).encode()
