# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import netlink


def test_refusal_of_the_kernel_is_one_sentence():
    refusal = struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -1) + b"\0" * 16
    with pytest.raises(netlink.KernelError, match="Operation not permitted"):
        list(netlink.messages(refusal))
